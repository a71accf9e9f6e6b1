"""Small networks that hold one difficulty each."""

from __future__ import annotations

import torch
from torch import nn


class ResidualCnn(nn.Module):
    """BatchNorm, a residual, a depthwise and a transposed convolution, flatten into Linear."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.norm = nn.BatchNorm2d(16)
        self.block = nn.Conv2d(16, 16, 3, padding=1, bias=False)
        self.block_norm = nn.BatchNorm2d(16)
        self.depthwise = nn.Conv2d(16, 16, 3, padding=1, groups=16)
        self.down = nn.Conv2d(16, 8, 2, stride=2)
        self.up = nn.ConvTranspose2d(8, 12, 2, stride=2)
        self.hidden = nn.Linear(12 * 8 * 8, 20)
        self.head = nn.Linear(20, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.norm(self.stem(image)))
        x = torch.relu(x + self.block_norm(self.block(x)))
        x = torch.sigmoid(self.up(torch.sigmoid(self.down(self.depthwise(x)))))
        return self.head(torch.sigmoid(self.hidden(x.flatten(1))))


class ChannelSoftmax(nn.Module):
    """Removing a channel changes what the others carry; zeroing it does otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.last = nn.Conv2d(8, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.first(image)
        return self.last(x / x.mean(1, keepdim=True))


class OddAttention(nn.Module):
    """Heads, but not as BERT builds them."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv = nn.Linear(16, 48)
        self.out = nn.Linear(16, 16)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.qkv(x).chunk(3, dim=-1)
        return self.out(torch.softmax(q @ k.transpose(-1, -2), -1) @ v)


def randomised(module: nn.Module, seed: int = 0) -> nn.Module:
    """The module in eval mode, with running statistics that are not the trivial 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    for tensor in (*module.parameters(), *module.buffers()):
        if tensor.is_floating_point():
            tensor.data = torch.rand(tensor.shape, generator=generator) - 0.4
    for part in module.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.running_var.add_(0.5)
    return module.eval()
