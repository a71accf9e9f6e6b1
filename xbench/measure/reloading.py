"""Variants that do not fit into memory together: each is loaded, measured and let go, forward and back (ABBA)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import numpy as np

from ..errors import InvalidError
from ..records.measurement import MemoryUse, Run
from .attempts import Attempts
from .plan import Entry, MeasurePlan
from .station import Station

# Each process takes as many blocks as its start is worth, or it would be mostly start.
_VISIT_ROUNDS = 10


def measure_in_turns(
    entries: Sequence[Entry],
    plan: MeasurePlan,
    number: int,
    random: np.random.Generator,
    attempts: Attempts,
    tell: Callable[[], None],
) -> list[Run]:
    """Visit the variants in random order and then in the reverse one, each visit in a fresh process.

    Blocks of one round lie seconds apart, unlike those of processes side by side. What the machine drifts by in
    a straight line comes with one sign on the way forward and with the other on the way back.
    """
    order = [entries[index] for index in random.permutation(len(entries))]
    visits: dict[str, list[Run]] = {entry.label: [] for entry in entries}
    positions = list(enumerate(order)) + list(enumerate(reversed(order)))
    for index, (position, entry) in enumerate(positions):
        first_round = _VISIT_ROUNDS * (index // len(order))
        run = attempts.make(entry.label, lambda e=entry, p=position, r=first_round: _visit(e, plan, number, p, r))  # type: ignore[misc]
        if run is not None:
            visits[entry.label].append(run)
        tell()
    # A variant that failed on its second visit has failed.
    return [_joined(runs) for label, runs in visits.items() if label not in attempts.failures]


def _visit(entry: Entry, plan: MeasurePlan, number: int, position: int, first_round: int) -> Run:
    if plan.load.scenario == "Server":
        raise InvalidError(
            "The highest rate cannot be searched for by variants that are loaded in turns",
            "they do not fit into memory together",
            "compare fewer variants at once, or on a machine with more memory",
        )
    with ExitStack() as stack:
        station = Station(entry, plan, number)
        station.spawn(stack)
        station.make_ready()
        station.start()
        for number_of_round in range(first_round, first_round + _VISIT_ROUNDS):
            station.block(number_of_round, position)
        return station.finish()


def _joined(runs: Sequence[Run]) -> Run:
    """Both visits as one run: blocks of both; costs of starting from the first; the higher peaks."""
    return replace(
        runs[0],
        warmup_ns=np.concatenate([run.warmup_ns for run in runs]),
        blocks=tuple(block for run in runs for block in run.blocks),
        memory=_highest([run.memory for run in runs]),
        settled=_all_settled([run.settled for run in runs]),
    )


def _highest(uses: Sequence[MemoryUse]) -> MemoryUse:
    known = [use.run_peak_mib for use in uses if use.run_peak_mib is not None]
    return uses[0].model_copy(
        update={
            "load_peak_mib": max(use.load_peak_mib for use in uses),
            "run_peak_mib": max(known) if known else None,
        }
    )


def _all_settled(found: Sequence[bool | None]) -> bool | None:
    return None if None in found else all(found)
