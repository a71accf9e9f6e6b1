"""Interleaved measurement: process sets, rounds, and blocks in random order (rules 1 and 2 of the design)."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial

import numpy as np

from ..errors import InvalidError
from ..machine.cpus import cpu_times, steal_share
from ..records.measurement import ProcessSet, Run
from ..stats.serving import MAX_PROBES
from .attempts import Attempts
from .plan import Entry, MeasurePlan
from .reloading import measure_in_turns
from .station import Station

# Process sets that a useful interval of the highest rate takes: six give half-widths of 1 to 13 %, three far wider
# ones (docs/decisions/0006-scenarios.md). And how many times the budget they may be expected to take.
_FEWEST_SEARCHES = 5
_PATIENCE = 1.5

OnRound = Callable[[float], None]


def measure_set(entries: Sequence[Entry], plan: MeasurePlan, number: int, on_round: OnRound) -> ProcessSet:
    """Measure one process set. A variant that fails is named in `failures`; the others go on.

    `on_round` hears, between rounds, how many seconds the set has taken.
    """
    started, before = time.monotonic(), cpu_times()
    random = np.random.default_rng([plan.seed, number])
    attempts = Attempts()

    def tell() -> None:
        on_round(time.monotonic() - started)

    measure = _side_by_side if plan.resident else measure_in_turns
    runs = measure(entries, plan, number, random, attempts, tell)
    return ProcessSet(
        number=number,
        runs=tuple(sorted(runs, key=lambda run: run.label)),
        failures=attempts.failures,
        seconds=time.monotonic() - started,
        steal_share=steal_share(before, cpu_times()),
        load_average=os.getloadavg()[0],
    )


def _side_by_side(
    entries: Sequence[Entry],
    plan: MeasurePlan,
    number: int,
    random: np.random.Generator,
    attempts: Attempts,
    tell: Callable[[], None],
) -> list[Run]:
    """All processes start together; from the first load on, one works at a time, the others sleep on their pipes."""
    started = time.monotonic()
    with ExitStack() as stack:
        stations = [Station(entries[index], plan, number) for index in random.permutation(len(entries))]
        for station in stations:
            attempts.make(station.label, partial(station.spawn, stack))
        for station in stations:
            attempts.make(station.label, station.begin)
        for station in stations:
            attempts.make(station.label, station.make_ready)
        for station in stations:
            attempts.make(station.label, station.start)
            tell()
        if number == 0:  # later sets only finish what the first has shown to fit; a busy moment must not end them
            _require_time_to_search(stations, plan, attempts)
        for number_of_round in range(_rounds(stations, plan, time.monotonic() - started)):
            for position, index in enumerate(random.permutation(len(stations))):
                station = stations[index]
                attempts.make(station.label, partial(station.block, number_of_round, position))
            tell()
        runs = [attempts.make(station.label, station.finish) for station in stations]
    return [run for run in runs if run is not None]


def _require_time_to_search(stations: Sequence[Station], plan: MeasurePlan, attempts: Attempts) -> None:
    """In the scenario Server: let all fail where the budget cannot hold the search, rather than take far longer."""
    seconds = _FEWEST_SEARCHES * sum(station.search_seconds for station in stations)
    if seconds > _PATIENCE * plan.budget_seconds:
        for station in stations:
            attempts.make(station.label, partial(_refuse_search, seconds, plan.budget_seconds))


def _refuse_search(seconds: float, budget: float) -> None:
    raise InvalidError(
        f"The search for the highest rate takes about {seconds:.0f} s, in {_FEWEST_SEARCHES} sets of all variants",
        f"the budget is {budget:g} s",
        f"give more time, such as --budget {math.ceil(seconds / 10) * 10}s, or another percentile or objective",
    )


def _rounds(stations: Sequence[Station], plan: MeasurePlan, setup_seconds: float) -> int:
    """Rounds that fit into this set's part of the budget, between the plan's bounds."""
    if plan.load.scenario == "Server":
        return MAX_PROBES
    round_seconds = sum(station.block_seconds for station in stations)
    left = plan.budget_seconds / plan.sets_that_fit(setup_seconds) - setup_seconds
    if round_seconds <= 0:
        return plan.min_rounds
    return max(plan.min_rounds, min(plan.max_rounds, int(left / round_seconds)))
