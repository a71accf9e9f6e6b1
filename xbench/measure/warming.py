"""Warming up: until the series of calls is steady, which is found and not assumed (rule 7 of the design)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ..records.measurement import Samples, WarmUp
from ..stats.steady import MIN_CALLS, find_steady_state
from .timing import time_calls

Calls = Sequence[Callable[[], object]]
Clock = Callable[[], int]

_MOST_CALLS = 100_000
# However slow a call is, so many are made: a few more than it takes to see a series at all.
_FEWEST_CALLS = MIN_CALLS + 2


def settle(calls: Calls, clock: Clock, look_ns: int) -> WarmUp:
    """Call for about `look_ns` of the clock: from which call on the series is steady, and whether it is.

    A series that is not steady by then gets as long again, twice. Fewer calls cannot tell: what is flat over the
    first few may still be the level of the warm-up.
    """
    series = warm_up(calls, clock, _FEWEST_CALLS, look_ns)
    found = find_steady_state(series)
    for length in (2, 3):
        if found.settled:
            break
        series = _longer(series, calls, clock, length * look_ns)
        found = find_steady_state(series)
    return WarmUp(calls=found.start, tried=len(series), settled=found.settled, reason=found.reason)


def warm_up(calls: Calls, clock: Clock, least_calls: int, least_ns: int) -> Samples:
    """At least so many calls, and at least for so long, but no more than 100,000: all their samples."""
    series, _ = time_calls(calls, max(2, min(least_calls, _MOST_CALLS)), clock)
    return _longer(series, calls, clock, least_ns)


def settled(series: Samples) -> bool | None:
    """Whether a warm-up ended steadily; None where it is too short to tell."""
    return find_steady_state(series).settled if len(series) >= MIN_CALLS else None


def _longer(series: Samples, calls: Calls, clock: Clock, least_ns: int) -> Samples:
    """The series, and as many calls more as it takes to be so long."""
    while (left := least_ns - int(series.sum())) > 0 and len(series) < _MOST_CALLS:
        fitting = math.ceil(left / max(1.0, float(np.median(series))))
        # No more than there were: the first calls are slow, and tell too little of how many fit.
        more, _ = time_calls(calls, max(1, min(len(series), fitting, _MOST_CALLS - len(series))), clock)
        series = np.concatenate([series, more])
    return series
