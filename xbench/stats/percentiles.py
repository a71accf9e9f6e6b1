"""Percentiles: how many samples one needs, and what it is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ..records.estimate import Estimate
from .checks import Floats, finite_vector, open_share

LOADGEN_CONFIDENCE = 0.99
MIN_PROCESSES = 3


class SupportedPercentile(NamedTuple):
    """A percentile in the unit of the samples, or None where `have` samples are fewer than `needed`."""

    value: float | None
    have: int
    needed: int


def required_samples(percentile: float, confidence: float = LOADGEN_CONFIDENCE) -> int:
    """The fewest samples that support a percentile (a share: 0.99 for p99). p90 needs 64, p99 662.

    The rule is that of MLPerf LoadGen for SingleStream (github.com/mlcommons/inference, loadgen/
    early_stopping.cc and results.cc: `MinPassingQueriesFinder` with one overlatency query, confidence 0.99,
    tolerance 0). It is the smallest h + 1 such that, if a share `percentile` of all queries were fast, at
    most one slow query in h + 1 would have a probability of at most 1 - confidence; the binomial sum is
    the regularised incomplete beta function I_percentile(h, 2). Below the median the tail is the lower
    one, and p10 needs what p90 needs.

    Raises ValueError if either argument is not strictly between 0 and 1.
    """
    open_share(percentile, "percentile")
    allowed = 1 - open_share(confidence, "confidence")
    share = max(percentile, 1 - percentile)
    enough = 1
    while special.betainc(enough, 2, share) > allowed:
        enough *= 2
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if special.betainc(middle, 2, share) > allowed:
            too_few = middle
        else:
            enough = middle
    return enough + 1


def supported_percentile(
    samples: ArrayLike, percentile: float, confidence: float = LOADGEN_CONFIDENCE
) -> SupportedPercentile:
    """The percentile (a share: 0.99 for p99) if there are samples enough for it, else None and the number.

    The value is one of the samples: the smallest that at least this share of them do not exceed (the
    nearest-rank definition, type 1 of Hyndman and Fan 1996, The American Statistician 50:361-365).
    No samples at all are too few, not an error. Raises ValueError for samples that are not finite and for
    shares that are not strictly between 0 and 1.
    """
    needed = required_samples(percentile, confidence)
    have = int(np.size(samples))
    if have < needed:
        return SupportedPercentile(None, have, needed)
    return SupportedPercentile(nearest_rank(samples, percentile), have, needed)


def nearest_rank(samples: ArrayLike, percentile: float) -> float:
    """The smallest sample that at least a share `percentile` of all do not exceed. ValueError: one is not finite."""
    return float(np.quantile(finite_vector(samples, "samples"), percentile, method="inverted_cdf"))


def percentile_interval(
    by_process: Sequence[ArrayLike], percentile: float, confidence: float = 0.95
) -> Estimate | None:
    """The percentile of all calls (a share: 0.99 for p99; unit of the samples), with its interval.

    `by_process` holds the latencies of each process, which may differ in number. The point is the nearest rank
    of all of them pooled, as `supported_percentile` gives it, and lies in its interval always.

    The interval is point * exp(+- t * e), t with K-2 degrees of freedom for K processes. e is the larger of two
    standard errors of the logarithm: sectioning, the processes' own percentiles about the pooled one (Asmussen
    and Glynn 2007, "Stochastic Simulation", III.5; Nakayama 2014, ACM TOMACS 24(4):19), and the jackknife that
    leaves out one process at a time (Shao and Wu 1989, Annals of Statistics 17:1176-1197).

    None, where there is nothing to say: fewer calls than `required_samples`, fewer than 3 processes, or calls so
    alike that there are too few in effect. These are as many as would by themselves leave the share of calls
    beyond the point as uncertain as the processes show it to be (Korn and Graubard 1998, Survey Methodology
    24:193-201), and must see one call beyond the percentile with a probability of `confidence`: 5 for p50, 29
    for p90, 299 for p99. So there is none where the slowest calls are all those of one or two processes.

    Simulated coverage (nominal 95 %; 6 and 12 processes; p50, p90, p99; from LoadGen's floor up to 2000 calls a
    process) of this / a bootstrap of processes, then of blocks of calls / t over the processes' own percentiles,
    where each has samples enough / binomial over pooled calls, in per cent, lowest and highest:

    - processes differ by 1 %, calls skewed:    95 to 98 / 92 to 99 / 91 to 95 / 72 to 96
    - autocorrelation of 0.9:                   93 to 97 / 86 to 95 / 73 to 95 / 33 to 45
    - tails of a t with 3 degrees of freedom:   95 to 98 / 88 to 98 / 84 to 95 / 42 to 97
    - processes with tails of their own (20 %): 93 to 97 / 81 to 96 / 81 to 94 / 32 to 92
    - a neighbour, 30 % of the time, 10 calls:  97 to 99 / 91 to 97 / 87 to 97 / 53 to 96

    With autocorrelation that is from 662 calls a process for p99; at the floor it gives none in two of three
    runs, and a wrong one in one of twenty. Nothing covers what was hardly met: of a neighbour in bursts of 20
    calls it covers 86 % for p90 where 6 processes of 64 calls met it (20 % of the time), 81 to 91 % where it comes
    for 3 % of the time, and where fewer than some ten bursts fall into all calls p99 is too low.

    Raises ValueError for a process without calls, latencies that are not positive and finite, and shares that
    are not strictly between 0 and 1.
    """
    open_share(confidence, "confidence")
    processes = [finite_vector(calls, "latencies") for calls in by_process]
    pooled = np.concatenate(processes) if processes else np.empty(0)
    if len(processes) < MIN_PROCESSES or pooled.size < required_samples(percentile):
        return None
    if pooled.min() <= 0:
        raise ValueError(f"a latency of {pooled.min()}: it must be positive")
    point = nearest_rank(pooled, percentile)
    extreme = max(percentile, 1 - percentile)
    if extreme ** _effective_calls(processes, point, percentile) > 1 - confidence:
        return None
    count = len(processes)
    error = max(_sectioning_error(processes, percentile, point), _jackknife_error(processes, percentile))
    half_width = float(special.stdtrit(count - 2, 0.5 + confidence / 2)) * error
    return Estimate(
        point=point,
        low=point * math.exp(-half_width),
        high=point * math.exp(half_width),
        confidence=confidence,
        method=f"nearest rank of {pooled.size} calls, {count} processes about it, log scale, t with {count - 2} d.f.",
    )


def _effective_calls(processes: Sequence[Floats], point: float, percentile: float) -> float:
    """How many independent calls would leave the share of calls beyond `point` as uncertain as it is here."""
    sizes = np.array([calls.size for calls in processes])
    beyond = np.array([np.count_nonzero(calls > point) for calls in processes])
    total, count = int(sizes.sum()), len(processes)
    residuals = beyond - sizes * (beyond.sum() / total)
    variance = count / (count - 1) * float((residuals**2).sum()) / total**2
    alone = percentile * (1 - percentile)
    return alone / variance if variance * total > alone else float(total)


def _sectioning_error(processes: Sequence[Floats], percentile: float, point: float) -> float:
    """The standard error of the logarithm, from the processes' own percentiles about the pooled one."""
    own = np.log([nearest_rank(calls, percentile) for calls in processes])
    return math.sqrt(float(((own - math.log(point)) ** 2).sum()) / (own.size - 1) / own.size)


def _jackknife_error(processes: Sequence[Floats], percentile: float) -> float:
    """The standard error of the logarithm, from the pooled percentile with each process left out in turn."""
    others = (np.concatenate([*processes[:index], *processes[index + 1 :]]) for index in range(len(processes)))
    left = np.log([nearest_rank(calls, percentile) for calls in others])
    return math.sqrt((left.size - 1) * float(np.var(left)))
