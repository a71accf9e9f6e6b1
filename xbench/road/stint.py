"""One stretch of measuring a group: who is measured, and when it ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..analysis.comparing import all_estimates
from ..analysis.estimating import aa_label
from ..analysis.pairing import Pairing
from ..records.measurement import ProcessSet
from ..records.run_record import GroupState
from ..stats.freedom import SETS_TO_STOP
from ..stats.stopping import enough
from .context import Context

MEASURE = "measure"
AGAIN = "measure again"
# A model too slow for its budget is still measured this often, within half as much again of the budget.
FEWEST_SETS = 3


@dataclass(frozen=True, slots=True)
class Stint:
    """The first time that a group is measured, or a further look.

    `pairing` holds those that are measured in it. `budget` is in seconds of its own process sets, the first of which
    has the number `first_set`; fewer of them than `fewest_sets` may take half as much again. `precision` is the
    half-width of all intervals at which it may end, over all sets that there are.
    """

    stage: str
    pairing: Pairing
    budget: float
    precision: float
    first_set: int
    fewest_sets: int

    def own(self, sets: Sequence[ProcessSet]) -> Sequence[ProcessSet]:
        """Those of a group's process sets that were measured in it."""
        return sets[self.first_set :]


def stint_of(group: GroupState, pairing: Pairing, context: Context) -> Stint:
    """The last look at a group, or the first time that it is measured where there was no further look."""
    if not group.looks:
        return Stint(MEASURE, pairing, context.budget, context.precision, 0, FEWEST_SETS)
    look = group.looks[-1]
    return Stint(
        stage=AGAIN,
        pairing=pairing.among(look.variants),
        budget=look.budget_seconds,
        precision=look.precision,
        first_set=look.first_set,
        fewest_sets=1,
    )


def stopped(stint: Stint, group: GroupState, sets: Sequence[ProcessSet], seed: int) -> str:
    """Why measuring ends now: `failed`, `precision`, `budget`; empty while it goes on. Never significance."""
    pairing = stint.pairing
    pairs = [(name, aa_label(name)) for name in pairing.controls.values()] + list(pairing.pairs)
    working = [pair for pair in pairs if not group.failures.keys() & {*pair, aa_label(pair[0])}]
    candidates = bool(set(working) & set(pairing.pairs))
    alone = stint.stage == MEASURE and not pairing.pairs  # a baseline without candidates is measured all the same
    if (pairing.baseline, aa_label(pairing.baseline)) not in working or not (candidates or alone):
        return "failed"
    own = stint.own(sets)
    if not own:
        return ""
    if len(sets) >= SETS_TO_STOP:
        estimates = all_estimates(group, sets, working, seed)
        if len(estimates) == len(working) and enough(estimates, stint.precision):
            return "precision"
    spent, following = sum(one.seconds for one in own), own[-1].seconds
    allowed = stint.budget * (1.5 if len(own) < stint.fewest_sets else 1.0)
    return "budget" if spent + following > allowed else ""


def marked(group: GroupState, stint: Stint, sets: Sequence[ProcessSet], why: str) -> GroupState:
    """The group with what was measured so far, and why it ended where it has: of its last look, if there is one."""
    found = {"sets": len(sets), "seconds": sum(one.seconds for one in sets)}
    if not group.looks:
        return group.model_copy(update={**found, "stopped": why})
    seconds = sum(one.seconds for one in stint.own(sets))
    look = group.looks[-1].model_copy(update={"sets": len(sets), "seconds": seconds, "stopped": why})
    return group.model_copy(update={**found, "looks": (*group.looks[:-1], look)})
