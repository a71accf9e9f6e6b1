"""Chance that comes again: torch's generator with a seed, and afterwards as it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw by this seed, on the CPU, until the context ends."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield
