"""What gates on quality can decide on the data that are there, told before anything is run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

from ..protocols import Metric
from ..records.policy import DROPS, GateRule
from ..records.quality import DataFacts, QualityPlan
from ..stats.detecting import decidable, smallest_drop
from ..stats.paired import samples_for_margin
from ..stats.proportions import samples_for_share

# Metrics whose scores are 0 or 1 whatever the data: their interval is Tango's, and never the bootstrap's.
_RIGHT_OR_WRONG = ("accuracy", "exact_match")


@dataclass(frozen=True, slots=True)
class _Asked:
    """One rule on one part of the examples; an empty slice is all of them."""

    rule: GateRule
    slice: str
    examples: int

    @property
    def key(self) -> tuple[str, str, float, float]:
        """What alike rules of several variants have in common."""
        return (self.rule.label, self.slice, self.rule.bound, self.rule.holds_at)

    @property
    def text(self) -> str:
        """The rule in words, such as `max_drop.accuracy 0.01 on the slice short query at 99 %`."""
        where = f" on the slice {self.slice}" if self.slice else ""
        sure = f" at {self.rule.confidence * 100:g} %" if self.rule.confidence else ""
        return f"{self.rule.label} {self.rule.bound:g}{where}{sure}"

    def plan(self, change: float, text: str, **figures: float | bool | None) -> QualityPlan:
        """The plan, with what the figures are."""
        return QualityPlan(
            gate=self.rule.label,
            slice=self.slice,
            bound=self.rule.bound,
            confidence=self.rule.holds_at,
            examples=self.examples,
            expected_change=change,
            text=f"{self.text}: {text}",
            **figures,
        )


def plan_quality(
    rules: Iterable[GateRule],
    data: DataFacts,
    metrics: Mapping[str, Metric],
    expected_change: float,
    slices: Mapping[str, int] | None = None,
) -> tuple[QualityPlan, ...]:
    """One plan for each rule on quality and each slice that it is held on; alike ones are joined.

    `metrics`: the first is the one that slices are told by. `slices`: how many examples each has. `expected_change`:
    the share of the examples on which pruning changes the score, above 0 and up to 1. A rule on a metric or a slice
    that is not there has no plan: it is refused elsewhere.
    """
    asked = {one.key: one for rule in rules for one in _asked(rule, data.examples, slices or {})}
    plans = (_plan(one, metrics, expected_change) for _, one in sorted(asked.items()))
    return tuple(plan for plan in plans if plan is not None)


def _asked(rule: GateRule, examples: int, slices: Mapping[str, int]) -> Iterator[_Asked]:
    if rule.gate not in (*DROPS, "max_error_rate"):
        return
    names = rule.slices or (tuple(slices) if rule.gate == "max_slice_drop" else ())
    if not names and rule.gate != "max_slice_drop":
        yield _Asked(rule, "", examples)
    yield from (_Asked(rule, name, slices[name]) for name in names if name in slices)


def _plan(asked: _Asked, metrics: Mapping[str, Metric], change: float) -> QualityPlan | None:
    rule = asked.rule
    if rule.gate == "max_error_rate":
        return _errors(asked, change) if rule.against == "value" else None
    name = rule.metric or next(iter(metrics), "")
    if name not in metrics:
        return None
    if rule.against == "value":
        why = "since it is held against a fixed value"
        return asked.plan(change, f"how many examples it needs cannot be told beforehand, {why}", decidable=True)
    return _drop(asked, metrics[name], name, change)


def _errors(asked: _Asked, change: float) -> QualityPlan:
    """Of an error rate: the fewest examples that can show it, which is with no error among them."""
    if asked.rule.bound == 0:
        return asked.plan(change, "no number of examples can show an error rate of at most 0", decidable=False)
    needed = samples_for_share(0.0, asked.rule.bound, 2 * asked.rule.holds_at - 1)
    text = (
        f"it needs at least {needed:,} examples to pass, and more if one of them fails; here are {asked.examples:,}"
    )
    return asked.plan(change, text, decidable=asked.examples >= needed, needed=needed)


def _drop(asked: _Asked, metric: Metric, name: str, change: float) -> QualityPlan:
    bound, sure, examples = asked.rule.bound, asked.rule.holds_at, asked.examples
    span = metric.span
    known = span is not None and math.isfinite(span)
    share = bound / span if known and span else 0.0  # the bound, as a share of the most that there can be
    can_pass = bound > 0 and not (known and share < 1 and _same_would_not_pass(name, share, examples, sure))
    needed = samples_for_margin(change, share, sure) if known and 0 < share < 1 else None
    smallest = smallest_drop(examples, change, sure) * span if known and span and examples else math.inf
    text = _unknown(metric, name) if not known else _text(asked, name, share, change, can_pass, needed)
    if bound == 0:
        text = "no number of examples can show a drop of at most 0: a candidate must be better to pass"
    return asked.plan(
        change,
        text,
        decidable=can_pass,
        needed=needed,
        smallest=smallest if math.isfinite(smallest) else None,
    )


def _same_would_not_pass(name: str, share: float, examples: int, confidence: float) -> bool:
    """Whether not even a candidate with the very same scores would pass."""
    if examples < 2:
        return True
    if decidable(examples, share, confidence):
        return False
    return name in _RIGHT_OR_WRONG or not decidable(examples, share, confidence, binary=False)


def _unknown(metric: Metric, name: str) -> str:
    why = "is no mean of its examples" if metric.span is None else "has no bound on what one example may change"
    return f"how many examples it needs cannot be told beforehand, since {name} {why}"


def _text(asked: _Asked, name: str, share: float, change: float, can_pass: bool, needed: int | None) -> str:
    examples = asked.examples
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
    chance = _chance(share, examples, change, asked.rule.holds_at)
    told = "it will probably be inconclusive" if chance < 0.5 else "it may well be inconclusive"
    return f"{with_change}; here are {examples:,}: {told} (a candidate as good passes in {chance * 100:.0f} %{least})"


def _chance(share: float, examples: int, change: float, confidence: float) -> float:
    """The chance to pass if the truth is no drop: the formula of `samples_for_margin`, solved for its power."""
    normal = NormalDist()
    return normal.cdf(share * math.sqrt(examples / change) - normal.inv_cdf(confidence))
