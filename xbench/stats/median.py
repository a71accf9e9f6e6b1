"""The median of a few figures with an interval that supposes nothing of how they scatter."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class MedianInterval:
    """A median, its interval, and how often such an interval holds the true median."""

    point: float
    low: float
    high: float
    confidence: float


def median_interval(values: Sequence[float], confidence: float = 0.95) -> MedianInterval:
    """The median with the narrowest pair of order statistics that holds the true one often enough.

    The r-th value from both ends misses the true median with probability 2 * P(Binomial(n, 1/2) < r), whatever the
    distribution (Conover 1999, "Practical Nonparametric Statistics", section 3.2). Below 6 values the smallest and
    the largest hold it less often than 95 %: `confidence` of the result says how often.

    Raises ValueError with fewer than 2 values, or one that is not finite.
    """
    found = np.sort(np.asarray(values, dtype=float))
    if found.size < 2 or not np.isfinite(found).all():
        raise ValueError(f"an interval needs two finite values at least, not {list(values)}")
    rank = 1
    while 2 * (rank + 1) <= found.size and _coverage(found.size, rank + 1) >= confidence:
        rank += 1
    return MedianInterval(
        point=float(np.median(found)),
        low=float(found[rank - 1]),
        high=float(found[-rank]),
        confidence=_coverage(found.size, rank),
    )


def _coverage(count: int, rank: int) -> float:
    missed: float = 2 * sum(math.comb(count, below) for below in range(rank)) / 2.0**count
    return 1 - missed
