"""The loop that takes the time."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence

import numpy as np

from ..records.measurement import Samples


def time_calls(calls: Sequence[Callable[[], object]], count: int, clock: Callable[[], int]) -> tuple[Samples, int]:
    """Time `count` calls one by one: clock, call, clock, and nothing else between (rule 4 of the design).

    `calls` take turns, one for each set of inputs. Returns the durations in nanoseconds, shape (count,), and
    the CPU time of the process over all of them in nanoseconds. The garbage collector is off meanwhile, since
    its turn would be counted as the model's time.
    """
    durations = [0] * count
    width = len(calls)
    collecting = gc.isenabled()
    gc.disable()
    try:
        cpu = time.process_time_ns()
        for index in range(count):
            call = calls[index % width]
            start = clock()
            call()
            durations[index] = clock() - start
        cpu = time.process_time_ns() - cpu
    finally:
        if collecting:
            gc.enable()
    return np.asarray(durations, dtype=np.int64), cpu
