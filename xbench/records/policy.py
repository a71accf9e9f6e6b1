"""The rules of a release: gates, what they are held against, who waived which, and how often to look again."""

from __future__ import annotations

import re
from datetime import date
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from .base import Record

POLICY_SCHEMA = "xbench.policy/1"

GateName = Literal[
    "min_speedup", "max_latency_p99_ms", "max_memory_mib", "max_error_rate", "max_drop", "max_slice_drop"
]
Against = Literal["value", "dense", "production"]
Unit = Literal["x", "ms", "MiB", "share", ""]
"""Of a bound: a ratio, or what its name says; empty is the metric's own."""

RESERVED = ("privacy", "drift", "prompt_stability")
"""Names of gates whose checks do not exist yet: a policy that uses one is refused."""

TIMED: tuple[GateName, ...] = ("min_speedup", "max_latency_p99_ms", "max_memory_mib")
"""Gates on what is measured: measuring longer can decide them. The others stand on the examples that there are."""

LEVELS: tuple[GateName, ...] = ("max_latency_p99_ms", "max_memory_mib", "max_error_rate")
"""Gates whose bound is itself the level, unless they are said to be against dense or production."""

DROPS: tuple[GateName, ...] = ("max_drop", "max_slice_drop")
"""Gates on how much worse a metric may be."""

_MOST: dict[Unit, float] = {"x": 1000, "ms": 86_400_000, "MiB": 1e9, "share": 1, "": 1_000_000}
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


def default_against(gate: str) -> Against:
    """What a gate is held against where nothing is said: a level against its own bound, all else against dense."""
    return "value" if gate in LEVELS else "dense"


def unit_of(gate: str, against: str) -> Unit:
    """The unit of a rule's bound."""
    if gate in DROPS:
        return ""
    if gate == "max_error_rate":  # against another: the difference of two shares
        return "share"
    if gate == "min_speedup" or against != "value":
        return "x"
    return "ms" if gate == "max_latency_p99_ms" else "MiB"


class GateRule(Record):
    """One rule: what a variant must hold on a device."""

    gate: GateName = Field(description="What is held.")
    against: Against = Field(
        default_factory=lambda found: default_against(found.get("gate", "")),
        description="What it is relative to: `dense`, the version in `production`, or a fixed `value`. None: `value` "
        "for max_latency_p99_ms, max_memory_mib and max_error_rate, whose bound is the level itself; `dense` for "
        "the others.",
        json_schema_extra={"default": None},
    )
    metric: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="Of max_drop, which needs one, and of max_slice_drop; none there: the first metric.",
    )
    bound: float = Field(allow_inf_nan=False, description="The bound, in the gate's unit.")
    value: float | None = Field(
        default=None,
        allow_inf_nan=False,
        description="With `against: value`: what the speedup is over (a median latency), or the drop is from (a "
        "value of the metric).",
    )
    slices: tuple[str, ...] = Field(
        default=(), description="On each of these slices; none: on all examples; max_slice_drop: on all slices."
    )
    hardware: tuple[str, ...] = Field(default=(), description="Only on these devices.")
    workloads: tuple[str, ...] = Field(default=(), description="Only for these workloads.")
    variants: tuple[str, ...] = Field(default=(), description="Only for these variants.")
    confidence: float | None = Field(
        default=None,
        gt=0.5,
        lt=1,
        description="How sure it must be, one-sided. None: 97.5 % of what is timed, 95 % of quality.",
    )

    @field_validator("bound")
    @classmethod
    def _in_range(cls, bound: float, info: ValidationInfo) -> float:
        gate, against = info.data.get("gate"), info.data.get("against")
        if gate is None or against is None:
            return bound  # that they are wrong is told already
        unit = unit_of(gate, against)
        nothing_may_be = unit in ("share", "")
        if bound < 0 or (bound == 0 and not nothing_may_be):
            raise ValueError(f"the bound of {gate} must be {'0 or more' if nothing_may_be else 'above 0'}")
        if bound > _MOST[unit] or (unit == "share" and bound == 1):
            least = "below" if unit == "share" else "at most"
            written = f" {unit}" if unit in ("ms", "MiB") else unit if unit == "x" else ""
            raise ValueError(f"the bound of {gate} must be {least} {_MOST[unit]:,.0f}{written}")
        return bound

    @model_validator(mode="after")
    def _what_goes_together(self) -> GateRule:
        if self.gate == "max_drop" and self.metric is None:
            raise ValueError("max_drop needs a metric: metric: NAME")
        if self.metric is not None and self.gate not in DROPS:
            raise ValueError(f"metric goes with {' and '.join(DROPS)}, not with {self.gate}")
        if self.slices and self.gate not in (*DROPS, "max_error_rate"):
            raise ValueError(f"slices are parts of the examples, and {self.gate} is of what is timed: leave them out")
        if self.workloads and self.gate not in TIMED:
            raise ValueError(f"workloads are what is timed, and {self.gate} is of quality: leave them out")
        for key in ("slices", "hardware", "workloads", "variants"):
            twice = sorted({one for one in getattr(self, key) if getattr(self, key).count(one) > 1})
            if twice:
                raise ValueError(f"{key} name {', '.join(twice)} twice")
        return self

    @model_validator(mode="after")
    def _value_where_it_is_needed(self) -> GateRule:
        if self.against != "value" or self.gate in LEVELS:
            if self.value is not None:
                why = "its bound is the level itself" if self.against == "value" else f"it is against {self.against}"
                raise ValueError(f"value is not taken by {self.gate} here: {why}")
        elif self.value is None:
            what = "a median latency, such as 12 ms" if self.gate == "min_speedup" else "a value of the metric"
            raise ValueError(f"{self.gate} against value needs the key value: {what}")
        elif self.gate == "min_speedup" and not 0 < self.value <= _MOST["ms"]:
            raise ValueError("value must be a latency above 0 and of at most a day")
        return self

    @property
    def holds_at(self) -> float:
        """The one-sided confidence. Where none is asked: 97.5 % of what is timed, which is the 95 % interval that
        tables show, and 95 % of quality (docs/decisions/0004-gates.md)."""
        return self.confidence or (0.975 if self.gate in TIMED else 0.95)

    @property
    def unit(self) -> Unit:
        """The unit of the bound: `x` is a ratio, empty the metric's own."""
        return unit_of(self.gate, self.against)

    @property
    def label(self) -> str:
        """How the rule is called in verdicts and waivers, such as `max_drop.recall_at_1 against production`."""
        name = self.gate + (f".{self.metric}" if self.metric else "")
        return name + (f" against {self.against}" if self.against != default_against(self.gate) else "")

    @property
    def place(self) -> tuple[object, ...]:
        """What tells it from other rules, but for the bound."""
        return (self.label, self.slices, self.hardware, self.workloads, self.variants, self.holds_at)


class Again(Record):
    """Inconclusive gates on what is timed are measured again: so many times, each for so long."""

    times: int = Field(default=0, ge=0, le=10, description="How many more times an inconclusive gate is measured.")
    budget: float = Field(default=60.0, gt=0, le=86_400, description="Time for each device and workload, each time.")


class Waiver(Record):
    """Leave to ship on one device though a gate did not pass. It covers every rule of that name there."""

    gate: str = Field(description="The gate, as verdicts name it: `max_drop.recall_at_1 against production`.")
    hardware: str = Field(description="The device.")
    reason: str = Field(description="Why.")
    who: str = Field(description="Who answers for it.")
    until: str = Field(description="The last day on which it holds, such as 2026-12-31.")
    variant: str = Field(default="", description="Only for this variant; none: for all.")

    @field_validator("reason", "who")
    @classmethod
    def _told(cls, text: str, info: ValidationInfo) -> str:
        if not text.strip():
            what = "why it is waived" if info.field_name == "reason" else "who answers for it"
            raise ValueError(f"a waiver tells {what}: this is empty")
        return text

    @field_validator("until")
    @classmethod
    def _a_day(cls, text: str) -> str:
        if not _DAY.fullmatch(text):
            raise ValueError(f"{text[:80]!r} is no day: write the last one on which it holds, such as 2026-12-31")
        try:
            date.fromisoformat(text)
        except ValueError as error:
            raise ValueError(f"there is no day {text}: {error}") from error
        return text


class Production(Record):
    """The version that is in production: a variant of this run, or of a recorded one."""

    variant: str = Field(min_length=1, description="The variant.")
    run: str = Field(default="", description="The recorded run that it is of; none: it is a variant of this suite.")
    hardware: tuple[str, ...] = Field(default=(), description="Only on these devices.")


class Policy(Record):
    """What a release must hold, beside the suite's own gates."""

    schema_: Literal["xbench.policy/1"] = Field(
        default="xbench.policy/1", alias="schema", description="Name and version of this format."
    )
    name: str = Field(default="", max_length=80, description="How the policy is called.")
    gates: tuple[GateRule, ...] = Field(default=(), description="The rules; all of them must hold.")
    again: Again = Field(default=Again(), description="Measuring inconclusive gates again.")
    waivers: tuple[Waiver, ...] = Field(default=(), description="Gates that need not pass, for a while.")
    production: tuple[Production, ...] = Field(
        default=(), description="The version in production; several: each on its own devices."
    )

    @model_validator(mode="after")
    def _rules_that_can_be_told_apart(self) -> Policy:
        seen: dict[object, int] = {}
        for number, rule in enumerate(self.gates):
            first = seen.setdefault(rule.place, number)
            if first != number:
                raise ValueError(
                    f"gates.{first} and gates.{number} are the same rule, {rule.label}, with the bounds "
                    f"{self.gates[first].bound:g} and {rule.bound:g}: leave one out"
                )
        return self

    @model_validator(mode="after")
    def _one_version_in_production(self) -> Policy:
        if not self.production and any(rule.against == "production" for rule in self.gates):
            named = next(rule.label for rule in self.gates if rule.against == "production")
            raise ValueError(f"{named}, and no version in production is named: add the key production")
        everywhere = [one.variant for one in self.production if not one.hardware]
        named_twice = [hardware for one in self.production for hardware in one.hardware]
        twice = sorted({name for name in named_twice if named_twice.count(name) > 1})
        if twice:
            raise ValueError(f"production names more than one version on {', '.join(twice)}")
        if everywhere and len(self.production) > 1:
            raise ValueError(
                f"production names {everywhere[0]} for all devices, and others too: say on which hardware"
            )
        return self
