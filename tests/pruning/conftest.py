from __future__ import annotations

import pytest
import torch
from nets import ResidualCnn, randomised


@pytest.fixture(autouse=True, scope="module")
def _one_thread():
    """In networks this small further threads only wait for each other."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def cnn() -> torch.nn.Module:
    return randomised(ResidualCnn())


@pytest.fixture
def image() -> dict[str, torch.Tensor]:
    return {"image": torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))}
