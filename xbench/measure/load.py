"""The loads of MLPerf's scenarios (inference rules, section "Scenarios"), as loops that take the time.

SingleStream: the next query when the last one is done; a query is one call: `time_calls`.
MultiStream:  the same with queries of several samples, in one call or one after the other: `time_queries`.
Offline:      all samples are there at the start: `time_calls` again. A block is one batch job of `count` calls
              and a sample is still the time of one call; the figure of the block is the sum of its samples over
              their number, the whole job's time per call, where the other scenarios take the median.
Server:       queries come when they come, by a Poisson process, and wait while another one is being served:
              `stats.arrivals` and `serve_arrivals`. Latency counts from the scheduled arrival, so that a
              stall is charged to all who had to wait for its end, not to one query only.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ..records.measurement import Samples
from .timing import undisturbed

Calls = Sequence[Callable[[], object]]
Clock = Callable[[], int]
WaitUntil = Callable[[int], int]
"""Returns once the clock has reached a time (ns), with the CPU time (ns) that it burnt by looking at the clock."""

# A sleeper wakes up late: by the kernel's timer slack of 50 us (prctl(2), PR_SET_TIMERSLACK) and the switch to it.
_SPIN_NS = 100_000


class Served(NamedTuple):
    """What became of the arrivals: latencies (ns) of those served, CPU time (ns), and how many never were."""

    latencies_ns: Samples
    cpu_ns: int
    unserved: int


def time_queries(calls: Calls, queries: int, calls_per_query: int, clock: Clock) -> tuple[Samples, int]:
    """Time queries that take `calls_per_query` calls one after the other (MultiStream).

    The clock is read at both ends of a query only. `calls` take turns over all queries, one for each set of
    inputs. Returns the latencies of the queries in nanoseconds, shape (queries,), and the CPU time of the process
    over all of them in nanoseconds.
    """
    latencies = [0] * queries
    width = len(calls)
    # Which calls a query takes repeats after `width` queries at the latest: nothing is looked up between calls.
    groups = [
        tuple(calls[(query * calls_per_query + turn) % width] for turn in range(calls_per_query))
        for query in range(width)
    ]
    with undisturbed() as cpu_since:
        for index in range(queries):
            group = groups[index % width]
            start = clock()
            for call in group:
                call()
            latencies[index] = clock() - start
        cpu = cpu_since()
    return np.asarray(latencies, dtype=np.int64), cpu


def sleep_and_spin(due_ns: int) -> int:
    """The `WaitUntil` of `time.perf_counter_ns`: sleeps until shortly before, and spins the rest."""
    early_ns = due_ns - _SPIN_NS - time.perf_counter_ns()
    if early_ns > 0:
        time.sleep(early_ns / 1e9)
    began = now = time.perf_counter_ns()
    while now < due_ns:
        now = time.perf_counter_ns()
    return min(now - began, _SPIN_NS)  # longer only if it was not running meanwhile


def serve_arrivals(
    calls: Calls,
    arrivals_ns: NDArray[np.int64],
    clock: Clock,
    wait_until: WaitUntil,
    *,
    objective_ns: int,
    give_up_after: int,
) -> Served:
    """Serve queries that arrive at set times: one server, first come, first served (Server).

    `arrivals_ns` are offsets from the start, not falling, shape (queries,). A query is one call, and `calls` take
    turns. Its latency goes from its scheduled arrival to its end: what it waited is in it, and so is a late waking
    up of this loop. CPU time is that of the process, less what `wait_until` burnt.

    It gives up, and says how many it left unserved, once `give_up_after` queries took longer than `objective_ns`:
    an overloaded server would never catch up. Choose it by `stats.serving.failing_count`, so that the probe has
    failed by then whatever the rest would do: nothing is lost by stopping.
    """
    latencies: list[int] = []
    width, late, spun = len(calls), 0, 0
    offsets: list[int] = arrivals_ns.tolist()
    with undisturbed() as cpu_since:
        start = clock()
        for index, offset in enumerate(offsets):
            due = start + offset
            if clock() < due:
                spun += wait_until(due)
            calls[index % width]()
            latency = clock() - due
            latencies.append(latency)
            if latency > objective_ns:
                late += 1
                if late == give_up_after:
                    break
        cpu = cpu_since() - spun
    return Served(np.asarray(latencies, dtype=np.int64), max(cpu, 0), len(offsets) - len(latencies))
