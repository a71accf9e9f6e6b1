"""Networks whose units hang together, each in a way of its own."""

from __future__ import annotations

import torch
from torch import nn


class Inverted(nn.Module):
    """MobileNetV2's block (arXiv 1801.04381, figure 4d)."""

    def __init__(self, taken: int, given: int, stride: int, expansion: int) -> None:
        super().__init__()
        wide = taken * expansion
        widen = [nn.Conv2d(taken, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()] if expansion > 1 else []
        depthwise = [nn.Conv2d(wide, wide, 3, stride, 1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU6()]
        self.conv = nn.Sequential(*widen, *depthwise, nn.Conv2d(wide, given, 1, bias=False), nn.BatchNorm2d(given))
        self.residual = stride == 1 and taken == given

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.conv(x) if self.residual else self.conv(x)


class MobileNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU6())
        blocks = ((8, 8, 1, 1), (8, 12, 2, 3), (12, 12, 1, 3), (12, 12, 1, 3))
        self.blocks = nn.Sequential(*(Inverted(*shape) for shape in blocks))
        self.last = nn.Conv2d(12, 32, 1)
        self.head = nn.Linear(32, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.last(self.blocks(self.stem(image)))
        return self.head(x.clamp(0, 6).mean((2, 3)))


class Residual(nn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.inner, self.outer = nn.Linear(width, width), nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.outer(torch.tanh(self.inner(x)))


class Residuals(nn.Module):
    """Four blocks in a row; `listed`: in a ModuleList, with a configuration beside it."""

    def __init__(self, listed: bool) -> None:
        super().__init__()
        blocks = [Residual(8) for _ in range(4)]
        self.blocks = nn.ModuleList(blocks) if listed else nn.Sequential(*blocks)
        self.head = nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for block in self.blocks:
            x = block(x)
        return self.head(x)


class Experts(nn.Module):
    """Blocks of one class side by side: none of them may be left out as if it were in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Residual(8) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([expert(x) for expert in self.experts]).sum(0)


class Grouped(nn.Module):
    def __init__(self, between: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.between = between
        self.last = nn.LazyConv2d(4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.between(torch.relu(self.first(image)))))


class CalledTwice(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(8, 8)
        self.again = nn.Linear(8, 8)
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.again(torch.relu(self.again(torch.relu(self.first(x)))))))


class SharedWeight(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(8, 8), nn.Linear(8, 8)
        self.second.weight = self.first.weight
        self.last = nn.Linear(8, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(torch.relu(self.second(torch.relu(self.first(x)))))


class TiedLanguage(nn.Module):
    """The head's weight is the embedding's; `hidden` alone may lose neurons."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.hidden, self.narrow = nn.Linear(8, 16), nn.Linear(16, 8)
        self.head = nn.Linear(8, 20, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        return self.head(self.narrow(torch.relu(self.hidden(self.embedding(ids)))))


class RotaryEmbedding(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat((-x[..., 4:], x[..., :4]), -1)


class PackedAttention(nn.Module):
    """Rotary, with queries, keys and values in one layer under a name that nobody knows."""

    def __init__(self) -> None:
        super().__init__()
        self.rotary = RotaryEmbedding()
        self.wqkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = self.wqkv(x).chunk(3, -1)
        return self.out(torch.softmax(self.rotary(q) @ self.rotary(k).transpose(-1, -2), -1) @ v)


class Detached(nn.Module):
    """Its first two layers end in a detached tensor: nothing that autograd can follow leads to the output."""

    def __init__(self):
        super().__init__()
        self.before, self.cut = nn.Linear(8, 16), nn.Linear(16, 8)
        self.hidden, self.out = nn.Linear(8, 16), nn.Linear(16, 4)

    def forward(self, x):
        cut = self.cut(torch.relu(self.before(x))).detach()
        return self.out(torch.relu(self.hidden(cut)))
