"""Log-ratios of interleaved blocks: the datum of every comparison (rule 2 of the design)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from ..records.load import Load
from ..records.measurement import Block, ProcessSet, Run

Floats = NDArray[np.float64]
Statistic = Callable[[Block], float]


def wall_time(block: Block) -> float:
    """The median time of a call in the block, ns: one interrupted call does not move it."""
    return float(np.median(block.samples_ns))


def job_time(block: Block) -> float:
    """The mean time of a call in the block, ns: a batch job is done when its last call is (scenario Offline)."""
    return float(np.mean(block.samples_ns))


def cpu_time(block: Block) -> float:
    """The mean CPU time of a call in the block, ns, over all threads of the process."""
    return block.cpu_ns / len(block.samples_ns)


def statistic_of(load: Load) -> Statistic:
    """What stands for a block in its scenario; in Server, it only stands in where rates are not compared."""
    return job_time if load.scenario == "Offline" else wall_time


def log_ratios(
    sets: Sequence[ProcessSet], baseline: str, candidate: str, statistic: Statistic = wall_time
) -> list[Floats]:
    """ln(baseline / candidate) of each round, one array for each set in which both were measured."""
    found = []
    for one in sets:
        base, other = one.run_of(baseline), one.run_of(candidate)
        if base is not None and other is not None:
            rounds = _rounds(base, other, statistic)
            if len(rounds):
                found.append(rounds)
    return found


def _rounds(base: Run, other: Run, statistic: Statistic) -> Floats:
    of_base = {block.round: statistic(block) for block in base.blocks}
    of_other = {block.round: statistic(block) for block in other.blocks}
    shared = sorted(of_base.keys() & of_other.keys())
    pairs = [(of_base[n], of_other[n]) for n in shared if of_base[n] > 0 and of_other[n] > 0]
    return np.asarray([np.log(b / o) for b, o in pairs], dtype=np.float64)
