"""Cuts the examples into two halves: one to choose by, and one that tells what the choice is worth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

LEAST = 20
"""Examples below which halves tell nothing: with fewer than 5 changed ones no p-value is below 5 %."""


def halves(count: int, labels: NDArray[np.int64] | None, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which examples choose, and which confirm: (count,) of truth values each; the same for the same seed.

    `labels` are the numbers of classes, (count,): of each class either half has the same number, up to one.
    What is ranked and chosen on some examples looks better on these than it is (the winner's curse); on others it
    does not. Raises InputError for too few examples.
    """
    if count < LEAST:
        raise InputError(
            f"{count} examples are too few to choose layers by",
            f"half of them choose, the others confirm: {LEAST} are the least",
            "evaluate on more examples",
        )
    order = np.random.default_rng(seed).permutation(count)
    if labels is not None:
        order = order[np.argsort(labels[order], kind="stable")]
    choosing = np.zeros(count, dtype=np.bool_)
    choosing[order[::2]] = True
    return choosing, ~choosing
