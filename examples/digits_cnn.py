"""A small CNN for scikit-learn's digits. `digits.yaml` names its functions; they run only with `--trust`."""

from __future__ import annotations

import torch
from torch import nn

from xbench.datasets.digits import digits


class DigitsCnn(nn.Module):
    """Two convolutions with batch norm, and a classifier. Input `image`: (batch, 1, 8, 8), 0 to 1."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 64, 3, padding=1), nn.BatchNorm2d(64), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(64, 128, 3, padding=1), nn.BatchNorm2d(128), nn.ReLU(), nn.MaxPool2d(2))
        self.hidden = nn.Sequential(nn.Linear(128 * 4 * 4, 64), nn.ReLU())
        self.classes = nn.Linear(64, 10)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Scores of the ten classes, (batch, 10)."""
        return self.classes(self.hidden(self.second(self.first(image)).flatten(1)))


def train(module: nn.Module, epochs: int, rate: float) -> nn.Module:
    """Train on the 1257 training images; the same seed gives the same weights."""
    torch.manual_seed(0)
    images, labels, _, _ = (torch.from_numpy(array) for array in digits())
    optimiser = torch.optim.AdamW(module.parameters(), lr=rate)
    module.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(images)).split(64):
            loss = nn.functional.cross_entropy(module(images[rows]), labels[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
    return module.eval()


def build() -> nn.Module:
    """The dense model, trained."""
    torch.manual_seed(0)
    return train(DigitsCnn(), epochs=6, rate=2e-3)


def finetune(module: nn.Module) -> nn.Module:
    """A pruned module, trained a little more."""
    return train(module, epochs=3, rate=1e-3)
