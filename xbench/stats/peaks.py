"""Peaks of memory: one of each fresh process, and ratios of them."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.estimate import Estimate
from .over_sets import over_sets


def peak_estimate(peaks: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The peak of a process, in the unit of `peaks`, over K processes; or any ratio of two peaks by process set.

    The mean of the logarithms with Student's t of K-1 degrees of freedom: nothing stops measuring because peaks
    agree, so none is given away, as it is for times (`freedom.py`). Peaks go by the allocator's steps: those that are
    all the same have an interval without width. It says what a process takes on average, and the highest may lie
    above it.

    Raises ValueError for fewer than 2 peaks, and for one that is not positive.
    """
    return over_sets(peaks, confidence, max(1, len(peaks) - 1))


def peak_ratio(baseline: Sequence[float], candidate: Sequence[float], confidence: float = 0.95) -> Estimate:
    """The candidate's peak over the baseline's (below 1 is better), from one of each for every process set.

    Raises ValueError as above, and for lists of unlike length.
    """
    if len(baseline) != len(candidate):
        raise ValueError(f"peaks must come in pairs, not {len(baseline)} and {len(candidate)}")
    if any(not peak > 0 for peak in baseline):
        raise ValueError("a peak of the baseline is not positive")
    return peak_estimate([mine / its for its, mine in zip(baseline, candidate, strict=True)], confidence)
