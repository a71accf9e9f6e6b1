"""Interleaved measurement: process sets, rounds, and blocks in random order (rules 1 and 2 of the design)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import TypeVar

import numpy as np

from ..errors import XbenchError
from ..machine.cpus import cpu_times, steal_share
from ..records.measurement import ProcessSet
from .plan import Entry, MeasurePlan
from .station import Station

T = TypeVar("T")


class _Attempts:
    """Lets each variant fail alone: the first error of one is its reason, and it is left out from there on."""

    def __init__(self) -> None:
        self.failures: dict[str, str] = {}

    def make(self, label: str, action: Callable[[], T]) -> T | None:
        if label in self.failures:
            return None
        try:
            return action()
        except XbenchError as error:
            self.failures[label] = error.reason
            return None


def measure_set(
    entries: Sequence[Entry], plan: MeasurePlan, number: int, on_round: Callable[[float], None]
) -> ProcessSet:
    """Measure one process set. A variant that fails is named in `failures`; the others go on.

    All processes start together; from the first load on, one works at a time and the others sleep on their
    pipes. `on_round` hears, between rounds, how many seconds the set has taken.
    """
    random = np.random.default_rng([plan.seed, number])
    started, before = time.monotonic(), cpu_times()
    attempts = _Attempts()
    with ExitStack() as stack:
        stations = [Station(entries[index], plan) for index in random.permutation(len(entries))]
        for station in stations:
            attempts.make(station.label, partial(station.spawn, stack))
        for station in stations:
            attempts.make(station.label, station.make_ready)
        for station in stations:
            attempts.make(station.label, station.start)
            on_round(time.monotonic() - started)
        setup = time.monotonic() - started
        for number_of_round in range(_rounds(stations, plan, setup)):
            for position, index in enumerate(random.permutation(len(stations))):
                station = stations[index]
                attempts.make(station.label, partial(station.block, number_of_round, position))
            on_round(time.monotonic() - started)
        runs = [attempts.make(station.label, partial(station.finish, number)) for station in stations]
    return ProcessSet(
        number=number,
        runs=tuple(sorted((run for run in runs if run is not None), key=lambda run: run.label)),
        failures=attempts.failures,
        seconds=time.monotonic() - started,
        steal_share=steal_share(before, cpu_times()),
        load_average=os.getloadavg()[0],
    )


def _rounds(stations: Sequence[Station], plan: MeasurePlan, setup_seconds: float) -> int:
    """Rounds that fit into this set's part of the budget, between the plan's bounds."""
    round_seconds = sum(station.block_seconds for station in stations)
    left = plan.budget_seconds / plan.planned_sets - setup_seconds
    if round_seconds <= 0:
        return plan.min_rounds
    return max(plan.min_rounds, min(plan.max_rounds, int(left / round_seconds)))
