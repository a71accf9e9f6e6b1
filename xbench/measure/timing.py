"""The loop that takes the time of single calls, and what every such loop keeps away from it."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import cycle, islice

import numpy as np

from ..records.measurement import Samples


@contextmanager
def undisturbed() -> Iterator[Callable[[], int]]:
    """Keep the garbage collector off, since its turn would be counted as the model's time.

    Gives what reads the CPU time of the process since the context began, in nanoseconds.
    """
    collecting = gc.isenabled()
    gc.disable()
    began = time.process_time_ns()
    try:
        yield lambda: time.process_time_ns() - began
    finally:
        if collecting:
            gc.enable()


def time_calls(calls: Sequence[Callable[[], object]], count: int, clock: Callable[[], int]) -> tuple[Samples, int]:
    """Time `count` calls one by one: clock, call, clock, and nothing else between (rule 4 of the design).

    `calls` take turns, one for each set of inputs. Returns the durations in nanoseconds, shape (count,), and
    the CPU time of the process over all of them in nanoseconds.
    """
    durations: list[int] = []
    keep = durations.append
    with undisturbed() as cpu_since:
        for call in islice(cycle(calls), count):
            start = clock()
            call()
            keep(clock() - start)
        cpu = cpu_since()
    return np.asarray(durations, dtype=np.int64), cpu
