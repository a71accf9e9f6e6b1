"""What gates on quality can decide on the data that are there, told before anything is run."""

from __future__ import annotations

import math
from collections.abc import Mapping
from statistics import NormalDist

from ..protocols import Metric
from ..records.quality import DataFacts, QualityPlan
from ..stats.detecting import decidable, smallest_drop
from ..stats.paired import samples_for_margin
from ..suite.model import GateSpec

# Metrics whose scores are 0 or 1 whatever the data: their interval is Tango's, and never the bootstrap's.
_RIGHT_OR_WRONG = ("accuracy", "exact_match")


def plan_quality(
    gates: Mapping[str, GateSpec], data: DataFacts, metrics: Mapping[str, Metric], expected_change: float
) -> tuple[QualityPlan, ...]:
    """One plan for each bound on a drop; alike ones of several variants are joined. Gates by variant.

    `expected_change`: the share of the examples on which pruning changes the score, above 0 and up to 1. A gate on
    a metric that is not among `metrics` has no plan: it is refused elsewhere.
    """
    bounds = {(name, bound) for gate in gates.values() for name, bound in gate.max_drop.items() if name in metrics}
    return tuple(_plan(metrics[name], name, bound, data.examples, expected_change) for name, bound in sorted(bounds))


def _plan(metric: Metric, name: str, bound: float, examples: int, change: float) -> QualityPlan:
    span = metric.span
    known = span is not None and math.isfinite(span)
    share = bound / span if known and span else 0.0  # the bound, as a share of the most that there can be
    can_pass = bound > 0 and not (known and share < 1 and _same_would_not_pass(name, share, examples))
    needed = samples_for_margin(change, share) if known and 0 < share < 1 else None
    smallest = smallest_drop(examples, change) * span if known and span and examples else math.inf
    text = _unknown(metric, name) if not known else _text(name, share, examples, change, can_pass, needed)
    if bound == 0:
        text = "no number of examples can show a drop of at most 0: a candidate must be better to pass"
    return QualityPlan(
        gate=f"max_drop.{name}",
        bound=bound,
        examples=examples,
        expected_change=change,
        decidable=can_pass,
        needed=needed,
        smallest=smallest if math.isfinite(smallest) else None,
        text=f"max_drop.{name} {bound:g}: {text}",
    )


def _same_would_not_pass(name: str, share: float, examples: int) -> bool:
    """Whether not even a candidate with the very same scores would pass."""
    if examples < 2:
        return True
    if decidable(examples, share):
        return False
    return name in _RIGHT_OR_WRONG or not decidable(examples, share, binary=False)


def _unknown(metric: Metric, name: str) -> str:
    why = "is no mean of its examples" if metric.span is None else "has no bound on what one example may change"
    return f"how many examples it needs cannot be told beforehand, since {name} {why}"


def _text(name: str, share: float, examples: int, change: float, can_pass: bool, needed: int | None) -> str:
    if needed is None:
        return f"no drop of {name} is larger, so that it passes whatever comes out"
    # A score that is no 0 or 1 mostly changes by less than it can.
    most, least = ("", "") if name in _RIGHT_OR_WRONG else ("at most ", " or more")
    with_change = f"with {change * 100:g} % of the answers changed it needs {most}{needed:,} examples to pass"
    if not can_pass:
        return (
            f"{examples:,} examples cannot show that a candidate is as good, though not one answer were changed: "
            f"only a better one can pass; {with_change}"
        )
    if examples >= needed:
        return f"{with_change}; here are {examples:,}"
    chance = _chance(share, examples, change)
    told = "it will probably be inconclusive" if chance < 0.5 else "it may well be inconclusive"
    return f"{with_change}; here are {examples:,}: {told} (a candidate as good passes in {chance * 100:.0f} %{least})"


def _chance(share: float, examples: int, change: float) -> float:
    """The chance to pass if the truth is no drop: the formula of `samples_for_margin`, solved for its power."""
    normal = NormalDist()
    return normal.cdf(share * math.sqrt(examples / change) - normal.inv_cdf(0.95))
