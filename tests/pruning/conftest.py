from __future__ import annotations

import pytest
import torch
from nets import ResidualCnn, randomised


@pytest.fixture
def cnn() -> torch.nn.Module:
    return randomised(ResidualCnn())


@pytest.fixture
def image() -> dict[str, torch.Tensor]:
    return {"image": torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))}
