"""When a process is warm. Imports no scipy: workers import this, and come up the sooner."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .checks import Floats, finite_vector
from .levels import changes_of_level, noise_of, without_spikes

MIN_CALLS = 12
"""Of fewer calls not even their noise can be told: of ten flat ones up to 3 % pass for unsettled, of twelve 1 %."""

_MIN_TAIL = 5
_TAIL_SHARE = 1 / 3  # of the series at least: less than that is "just now", not "steady"
_TAIL_SHARE_AGAIN = 2 / 3  # where the series was at the tail's level before, and left it
_POINTS = 200  # optimal partitioning is quadratic, and a level that lasts for 0.5 % of the series is no level
# A shared machine wanders by 2 % and comes back. What is beyond 5 % is another state: another kernel, a cache
# that was cold, a clock that was low.
_TOLERANCE = 0.05
# What a tail may fall (or rise) from its first third to its last: half of the tolerance, since a trend goes on.
_TREND = _TOLERANCE / 2
_EXCURSIONS = 0.2  # share of the tail that may lie elsewhere: a neighbour who came and went
# The penalty of Barrett et al. (2017), in units of ln n. With 3, which is the BIC, 10 % of flat series of twelve
# calls and 6 % of twenty pass for unsettled; with 8 it is 2 and 1 %, with 15 1 % and less.
_PENALTY = 15.0
_LEAST_NOISE = _TOLERANCE / 10  # a coarse clock gives ties; steps far below the tolerance need not be seen


class SteadyState(NamedTuple):
    """Whether a series of calls settled, from which call on, at which level, and if not, why not.

    `start` is the index of the first call of the tail, `level` the median of the tail in the unit of the
    durations. Where the series is not settled, the tail is its last third.
    """

    settled: bool
    start: int
    level: float
    reason: str


def find_steady_state(durations: ArrayLike) -> SteadyState:
    """Find the steady tail of one process's warm-up calls, in the order that they were made (ns).

    1. The logarithms of more than 200 calls are binned into at most 200 medians ("points").
    2. Changes of level are found by optimal partitioning (`levels.py`), with the penalty 15 ln n, as Barrett et
       al. 2017 ("Virtual Machine Warmup Blows Hot and Cold", OOPSLA) have it. The noise is estimated from first
       differences; single outliers are drawn in towards the median of their neighbours.
    3. The tail is the longest that begins at a change (or is the last third), has at least a third of the points
       and 5, begins and ends within 5 % of its own level, is there for 80 % of its points, and neither falls nor
       rises by more than 2.5 % from its first third to its last (or 2.5 standard errors of that, if they are
       more). If the series was at that level before, and left it, the tail needs two thirds of the points: a
       warm-up does not come back. If there is no such tail, the series is not settled.
    4. The start is the first of the tail's calls that is no outlier of it.

    What passes for steady: a steady fall of less than some 11 % over the whole series, since its last third then
    falls by less than 2.5 % (`stats.drift` looks on); levels that change every few calls, which are noise here
    (`stats.modes`); one change of level followed by a third of the series without another. A clock whose ticks
    are more than 5 % of a call makes levels of its own, and may keep the series from settling.

    A series of fewer than 12 calls is not settled, with that as the reason: ask again with more.

    Raises ValueError for durations that are empty, not finite or negative.
    """
    calls = finite_vector(durations, "durations")
    if (calls < 0).any():
        raise ValueError("durations must not be negative")
    last_third = calls.size - math.ceil(calls.size * _TAIL_SHARE)
    if calls.size < MIN_CALLS:
        reason = f"{calls.size} call(s) are too few to tell: it takes {MIN_CALLS}"
        return SteadyState(False, last_third, float(np.median(calls[last_third:])), reason)
    logs = np.log(np.maximum(calls, 1.0))  # a coarse clock counts 0 ns
    points, width = _points(logs)
    noise = noise_of(points, _LEAST_NOISE)
    bounds = changes_of_level(without_spikes(points, noise), noise, _PENALTY)
    fitted = np.concatenate([np.full(b - a, np.median(points[a:b])) for a, b in pairwise(bounds)])
    latest = points.size - max(_MIN_TAIL, math.ceil(points.size * _TAIL_SHARE))
    for first in [*(bound for bound in bounds if bound < latest), latest]:
        if _is_steady(points[first:], fitted[first:], noise) and not _returned(fitted, first):
            start = _first_call(logs, first * width)
            return SteadyState(True, start, float(np.median(calls[start:])), "")
    reason = _why_not(points, fitted, latest)
    return SteadyState(False, last_third, float(np.median(calls[last_third:])), reason)


def _points(logs: Floats) -> tuple[Floats, int]:
    """Medians of equal bins, and how many calls a bin holds: an odd number, so that one outlier is nothing to it."""
    width = math.ceil(logs.size / _POINTS) // 2 * 2 + 1 if logs.size > _POINTS else 1
    count = logs.size // width
    return np.median(logs[: count * width].reshape(count, width), axis=1), width


def _is_steady(points: Floats, fitted: Floats, noise: float) -> bool:
    """Whether a tail is at one level. `fitted` has the level of its segment for each point."""
    level = np.quantile(fitted, 0.5, method="lower")  # one of the levels, never one between two
    away = np.abs(fitted - level) > _TOLERANCE
    if away[0] or away[-1] or away.mean() > _EXCURSIONS:
        return False
    third = points.size // 3
    standard_error = noise * math.sqrt(math.pi / third)  # of the difference of two medians
    return abs(trend(points)) <= max(_TREND, 2.5 * standard_error)


def _returned(fitted: Floats, first: int) -> bool:
    """Whether the series was at the tail's level before, left it, and is back for too short a time."""
    level = np.quantile(fitted[first:], 0.5, method="lower")
    there = np.abs(fitted[:first] - level) <= _TOLERANCE
    left = bool(there.any()) and not there[np.argmax(there) :].all()
    return left and first > fitted.size * (1 - _TAIL_SHARE_AGAIN)


def trend(points: Floats) -> float:
    """How much higher the last third is than the first, on the log scale."""
    third = points.size // 3
    return float(np.median(points[-third:]) - np.median(points[:third]))


def _why_not(points: Floats, fitted: Floats, latest: int) -> str:
    change, spread = trend(points[latest:]), float(np.ptp(fitted[latest:]))
    if _returned(fitted, latest):
        return f"the calls go back and forth between levels {_percent(float(np.ptp(fitted)))} apart"
    if abs(change) > spread / 2:
        way = "slower" if change > 0 else "faster"
        return f"the calls still get {way}, by {_percent(change)} within their last third"
    return f"the level of the calls still changes by {_percent(spread)} within their last third"


def _percent(log_ratio: float) -> str:
    value = 100 * math.expm1(abs(log_ratio))
    return f"{value:.{0 if value >= 10 else 1}f} %"


def _first_call(logs: Floats, start: int) -> int:
    """`start`, or behind it the first call that is no outlier of the tail, after Barrett et al. (2017): median
    +- 3 (p90 - p10). So the first call of all is left out, and the slow part of a bin."""
    low, middle, high = np.quantile(logs[start:], (0.1, 0.5, 0.9))
    usual = np.abs(logs[start:] - middle) <= max(3 * (high - low), _TOLERANCE)
    return start + int(np.argmax(usual))
