"""Whether the measured speedup of one pair may be decided upon: checks that an interval cannot make on itself.

An interval covers what varies from process to process and from round to round. It does not see what always
comes to the same side: a neighbour that hits one variant, or a variant that still gets faster.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from ..records.estimate import Estimate, SpeedVerdict
from ..records.measurement import Block, ProcessSet, Run
from ..stats.drift import drift_within_processes
from ..stats.verdict import decide
from .disturbance import disturbed
from .estimating import Pair, ratio_of
from .ratios import log_ratios

# Fewer disturbed rounds than this move no median of rounds.
NOTABLE_DISTURBANCE = 0.1
# One variant's blocks are disturbed by so much more often (a share of the blocks) than the other's.
_ONE_SIDED = 0.25


@dataclass(frozen=True, slots=True)
class Scrutiny:
    """What the checks found. `doubts` are reasons to decide nothing; empty where there are none."""

    disturbed_share: float | None
    undisturbed: Estimate | None
    doubts: tuple[str, ...]


def scrutinise(pair: Pair, verdict: SpeedVerdict, floor: float, margin: float) -> Scrutiny:
    """Check a verdict against the undisturbed rounds alone, and against a drift within the processes.

    Rounds of the scenario Server are probes of unlike rates: there is nothing to check among them.
    """
    if pair.load.scenario == "Server":
        return Scrutiny(None, None, ())
    ours, theirs = (_disturbed_rounds(pair, label) for label in (pair.baseline, pair.candidate))
    drifting = _drifting(pair, margin)
    rounds = _rounds(pair)
    if not rounds:
        return Scrutiny(None, None, tuple(drifting))
    share = len((ours | theirs) & rounds) / len(rounds)
    undisturbed = _undisturbed(pair, ours | theirs) if share >= NOTABLE_DISTURBANCE else None
    one_sided = abs(len(ours & rounds) - len(theirs & rounds)) / len(rounds) > _ONE_SIDED
    doubts = []
    if verdict in ("faster", "slower") and share >= NOTABLE_DISTURBANCE:
        found = None if undisturbed is None else decide(undisturbed, floor, margin)[0]
        if found in ("faster", "slower", "same") and found != verdict:
            doubts.append(f"the undisturbed rounds alone say {found}: {share:.0%} of the rounds were disturbed")
        elif found != verdict and one_sided:
            doubts.append(f"{share:.0%} of the rounds were disturbed, one variant far more often than the other")
    return Scrutiny(share, undisturbed, (*doubts, *drifting))


def _keys(one: ProcessSet, run: Run) -> set[tuple[int, int]]:
    return {(one.number, block.round) for block in run.blocks}


def _rounds(pair: Pair) -> set[tuple[int, int]]:
    """(set, round) of all rounds in which both were measured, with their conditions."""
    found: set[tuple[int, int]] = set()
    for one in pair.sets:
        base, other = one.run_of(pair.baseline), one.run_of(pair.candidate)
        if base is not None and other is not None and all(b.conditions for b in (*base.blocks, *other.blocks)):
            found |= _keys(one, base) & _keys(one, other)
    return found


def _disturbed_rounds(pair: Pair, label: str) -> set[tuple[int, int]]:
    return {
        (one.number, block.round)
        for one in pair.sets
        if (run := one.run_of(label)) is not None
        for block in run.blocks
        if _is_disturbed(block, pair.cpus)
    }


def _is_disturbed(block: Block, cpus: int) -> bool:
    return block.conditions is not None and bool(disturbed(block.conditions, cpus))


def _undisturbed(pair: Pair, out: set[tuple[int, int]]) -> Estimate | None:
    """The speedup by the rounds that nobody disturbed; None where too few are left."""
    left = [_without(one, {number for of_set, number in out if of_set == one.number}) for one in pair.sets]
    return ratio_of(replace(pair, sets=left), pair.statistic)


def _without(one: ProcessSet, rounds: set[int]) -> ProcessSet:
    runs = (replace(run, blocks=tuple(b for b in run.blocks if b.round not in rounds)) for run in one.runs)
    return replace(one, runs=tuple(runs))


def _drifting(pair: Pair, margin: float) -> list[str]:
    """Whether the ratio itself moves from the first rounds of the processes to their last, by more than the margin.

    What the machine does to both alike cancels in it; one variant that never warms up does not.
    """
    ratios = log_ratios(pair.sets, pair.baseline, pair.candidate, pair.statistic)
    found = drift_within_processes([np.exp(rounds) for rounds in ratios])
    bound = math.log1p(margin)
    if found is None or not (math.log(found.low) > bound or math.log(found.high) < -bound):
        return []
    change = math.expm1(abs(math.log(found.point)))
    which = "falls" if found.point > 1 else "rises"
    return [f"the speedup {which} by {change:.1%} within each process: one of the two never reached a steady state"]
