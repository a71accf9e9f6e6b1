"""Takes out what can go, and looks again: what is gone may free something else."""

from __future__ import annotations

from dataclasses import dataclass

import onnx

from .deciding import plan_of
from .known import known_values
from .plan import Gone, Plan, Shapes, Stays
from .rewriting import rewritten

MOST_ROUNDS = 8
"""A round that takes nothing is the last one. Each takes at least one unit, so there is an end without this too."""


@dataclass(frozen=True)
class Rounds:
    """All plans that were carried out, and what the last look found. `shapes` are those of the model as it is now."""

    plans: tuple[Plan, ...]
    stays: tuple[Stays, ...]
    shapes: Shapes

    @property
    def gone(self) -> tuple[Gone, ...]:
        """What went in all rounds; a group that went in several is told once."""
        found: dict[tuple[tuple[str, ...], str], Gone] = {}
        for one in (each for plan in self.plans for each in plan.gone):
            key = (one.nodes, one.unit)
            first = found.get(key, one)
            why = tuple(dict.fromkeys((*first.why, *one.why)))
            found[key] = Gone(one.nodes, one.unit, first.before, one.after, why)
        return tuple(found.values())

    @property
    def folded(self) -> int:
        """Nodes whose bias took something over."""
        return len({(number, fold.node) for number, plan in enumerate(self.plans) for fold in plan.folds})

    @property
    def carriers(self) -> int:
        """Constant inputs that stay in the place of others."""
        return len(
            {(number, each.node, each.carrier) for number, plan in enumerate(self.plans) for each in plan.carries}
        )


def everything_gone(model: onnx.ModelProto, shapes: Shapes) -> Rounds:
    """Take everything out of `model` that can go. Raises as the planning and the rewriting do."""
    plans: list[Plan] = []
    while True:
        plan = plan_of(model, shapes, known_values(model, shapes))
        if not plan.gone or len(plans) == MOST_ROUNDS:
            return Rounds(tuple(plans), plan.stays, shapes)
        shapes = rewritten(model, plan, shapes)
        plans.append(plan)
