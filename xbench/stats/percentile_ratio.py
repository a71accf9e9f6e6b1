"""The ratio of two latency percentiles of the same process sets."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ..records.estimate import Estimate
from .checks import Floats, finite_vector
from .percentiles import nearest_rank, percentile_interval


def percentile_ratio(
    baseline: Sequence[ArrayLike], candidate: Sequence[ArrayLike], percentile: float, confidence: float = 0.95
) -> Estimate | None:
    """The candidate's percentile over the baseline's (a share: 0.99 for p99; no unit, below 1 is better).

    Both hold the latencies of one process for each process set, in the same order; processes may differ in number
    of calls. The point is the ratio of the pooled nearest ranks, as both are shown by themselves.

    The interval is point * exp(+- t * e), t with K-2 degrees of freedom for K sets, as in `percentile_interval`,
    with both variants of a set taken together: what slows a whole set slows both, and cancels. e is the larger of
    two standard errors of the logarithm: sectioning, the sets' own ratios about the pooled one, and the jackknife
    that leaves out one set of both at a time (sources there).

    None where either percentile has no interval by itself: too few calls, too few processes, or slow calls from too
    few of them. So sets that differ by more than their calls do have none, though their ratio could be told.

    Simulated coverage (nominal 95 %; sets that drift by 5 % for both alike or not at all, processes that differ by
    1 %; 6 and 12 sets; p90 of 64 calls a process, p99 of LoadGen's floor up to 662), in per cent:

    - calls skewed:                             97 to 100
    - tails of a t with 3 degrees of freedom:   96 to 100
    - processes with tails of their own (20 %): 95 to 98
    - a neighbour, 30 % of the time, 10 calls:  96 to 100
    - autocorrelation of 0.9, 662 calls:        95 to 100

    With autocorrelation and fewer calls there is one for p99 in 1 to 60 % of the runs, and a wrong one in at most 3 %
    of all. With 3 and 4 sets coverage is 94 to 100 %.

    Raises ValueError as `percentile_interval` does, and for lists of unlike length.
    """
    if len(baseline) != len(candidate):
        raise ValueError(f"processes must come in pairs, not {len(baseline)} and {len(candidate)}")
    if any(percentile_interval(one, percentile, confidence) is None for one in (baseline, candidate)):
        return None
    base, other = ([finite_vector(calls, "latencies") for calls in one] for one in (baseline, candidate))
    count = len(base)
    centre = _log_ratio(base, other, percentile)
    own = np.array([_log_ratio([b], [o], percentile) for b, o in zip(base, other, strict=True)])
    left = np.array([_log_ratio(_without(base, i), _without(other, i), percentile) for i in range(count)])
    sectioning = math.sqrt(float(((own - centre) ** 2).sum()) / (count - 1) / count)
    jackknife = math.sqrt((count - 1) * float(np.var(left)))
    half_width = float(special.stdtrit(count - 2, 0.5 + confidence / 2)) * max(sectioning, jackknife)
    return Estimate(
        point=math.exp(centre),
        low=math.exp(centre - half_width),
        high=math.exp(centre + half_width),
        confidence=confidence,
        method=f"ratio of nearest ranks, {count} process sets about it, log scale, t with {count - 2} d.f.",
    )


def _log_ratio(base: Sequence[Floats], other: Sequence[Floats], percentile: float) -> float:
    return math.log(nearest_rank(np.concatenate(other), percentile) / nearest_rank(np.concatenate(base), percentile))


def _without(processes: Sequence[Floats], index: int) -> list[Floats]:
    return [*processes[:index], *processes[index + 1 :]]
