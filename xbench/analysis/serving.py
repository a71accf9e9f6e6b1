"""The highest rate that a variant serves, found again from the raw samples of its probes (scenario Server)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..records.estimate import Estimate
from ..records.load import Load
from ..records.measurement import Block, ProcessSet, Run
from ..stats.arrivals import poisson_arrivals
from ..stats.ratio import MIN_SETS
from ..stats.serving import (
    RateBracket,
    RateSearch,
    long_run_bracket,
    rate_ratio_estimate,
    rate_search,
    server_rate_estimate,
    service_times,
)

_Probes = tuple[tuple[float, bytes], ...]


def arrival_seed(seed: int, process_set: int) -> list[int]:
    """All variants and all rates of one process set meet the same rushes and lulls, other sets other ones."""
    return [seed, process_set]


def search_of(load: Load, warmup_ns: ArrayLike, seed: int) -> RateSearch:
    """The search as it begins, from the calls of the warm-up that were made one after the other."""
    calls = np.asarray(warmup_ns, dtype=np.float64)
    return rate_search(calls[len(calls) // 2 :], load.objective_ns, load.percentile, seed=seed)


def bracket(load: Load, run: Run, seed: int) -> RateBracket | None:
    """What one process found: the search of its probes made again; None where no rate met the objective."""
    probes = tuple((block.offered_per_s or 0.0, block.samples_ns.tobytes()) for block in run.blocks)
    return _bracket(load, run.warmup_ns.tobytes(), probes, seed, run.process_set)


# Each set is looked at again after every further one.
@lru_cache(maxsize=512)
def _bracket(load: Load, warmup: bytes, probes: _Probes, seed: int, process_set: int) -> RateBracket | None:
    search = search_of(load, np.frombuffer(warmup, np.int64), seed)

    def arrivals(rate: float) -> NDArray[np.int64]:
        return poisson_arrivals(rate, search.queries, np.random.default_rng(arrival_seed(seed, process_set)))

    service = []
    for rate, samples in probes:
        latencies = np.frombuffer(samples, np.int64)
        search = search.heard(rate, latencies)
        service.append(service_times(arrivals(rate), latencies))
    if not service:
        return None
    return long_run_bracket(search, arrivals, np.concatenate(service), arrival_seed(seed, process_set))


def rate_ratio(
    load: Load, sets: Sequence[ProcessSet], baseline: str, candidate: str, seed: int, confidence: float = 0.95
) -> Estimate | None:
    """The candidate's highest rate over the baseline's; None with too few process sets.

    None too where one of them has no rate for either: to leave out the slow ones would be to choose the fast. Sets
    of a later look, in which one of the two was not to be measured, are no such choice.
    """
    asked = [one for one in sets if _asked(one, baseline) and _asked(one, candidate)]
    ours, theirs = ([_mid(load, one.run_of(label), seed) for one in asked] for label in (baseline, candidate))
    base, other = ([rate for rate in rates if rate is not None] for rates in (ours, theirs))
    if len(asked) < MIN_SETS or len(base) < len(asked) or len(other) < len(asked):
        return None
    return rate_ratio_estimate(base, other, confidence)


def _asked(one: ProcessSet, label: str) -> bool:
    """Whether a variant was to be measured in a set: then it has a run, or its process failed."""
    return one.run_of(label) is not None or label in one.failures


def _mid(load: Load, run: Run | None, seed: int) -> float | None:
    found = None if run is None or not run.blocks else bracket(load, run, seed)
    return None if found is None else found.mid


def highest_rate(load: Load, runs: Sequence[Run], seed: int) -> tuple[Estimate | None, str]:
    """The highest rate (queries per second) over all processes, or why there is none."""
    found = [one for run in runs if (one := bracket(load, run, seed)) is not None]
    if len(found) < len(runs):
        return None, f"{len(runs) - len(found)} of {len(runs)} processes held the objective at no rate that was tried"
    if len(found) < MIN_SETS:
        return None, f"{len(found)} process measured; an interval needs {MIN_SETS}"
    return server_rate_estimate(found), ""


def blocks_at_the_highest_rate(load: Load, run: Run) -> tuple[Block, ...]:
    """The probe of the highest rate that met the objective, whose latencies are the ones to show; all if none did."""
    late = {index: int((block.samples_ns > load.objective_ns).sum()) for index, block in enumerate(run.blocks)}
    most = max((len(block.samples_ns) for block in run.blocks), default=0)
    met = [
        block
        for index, block in enumerate(run.blocks)
        if len(block.samples_ns) == most and late[index] <= most * (1 - load.percentile)
    ]
    return (max(met, key=lambda block: block.offered_per_s or 0.0),) if met else run.blocks


def shown_runs(load: Load, runs: Sequence[Run]) -> list[Run]:
    """The runs with the blocks whose latencies mean something together: in Server those at the highest rate."""
    if load.scenario != "Server":
        return list(runs)
    return [replace(run, blocks=blocks_at_the_highest_rate(load, run)) for run in runs]
