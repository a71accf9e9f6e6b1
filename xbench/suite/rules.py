"""The schema of a policy as people write it: what records hold, with units, shares and short forms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationInfo, WithJsonSchema, field_validator, model_validator

from ..errors import did_you_mean
from ..quantities import Duration, share
from ..records.policy import RESERVED, Again, GateName, GateRule, Policy, Production, Waiver
from ..store.folder import is_run_id
from .units import Bound, bound_of, value_of

Confidence = Annotated[
    float,
    BeforeValidator(share),
    Field(gt=0.5, lt=1),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1},
                {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*%?\s*$"},
            ],
            "examples": ["99 %"],
        }
    ),
]
"""Above a half and below 1; written as `99 %` or as a number."""

GATES: tuple[str, ...] = get_args(GateName)
"""The gates that there are."""


def known_gate(name: Any) -> Any:
    """The name of a gate, as it is. Raises ValueError for one that there is not, or not yet."""
    if not isinstance(name, str) or name in GATES:
        return name
    if name in RESERVED:
        raise ValueError(
            f"the check of {name} does not exist yet: the name is kept for it, and nothing can be held to it today"
        )
    known = f"known are {', '.join(GATES)}"
    hint = did_you_mean(name, GATES)
    raise ValueError(f"there is no gate {name[:80]!r}; {f'{hint} ({known})' if hint else known}")


class RuleSpec(GateRule):
    """One rule: what a variant must hold on a device."""

    gate: Annotated[GateName, BeforeValidator(known_gate)] = Field(description="What is held.")
    bound: Bound = Field(allow_inf_nan=False, description="The bound, in a unit that fits the gate.")
    value: Bound | None = Field(
        default=None,
        allow_inf_nan=False,
        description="With `against: value`: what the speedup is over (a median latency), or the drop is from (a "
        "value of the metric).",
    )
    confidence: Confidence | None = Field(
        default=None, description="How sure it must be, one-sided. None: 97.5 % of what is timed, 95 % of quality."
    )

    @field_validator("bound", mode="before")
    @classmethod
    def _bound_with_unit(cls, given: Any, info: ValidationInfo) -> Any:
        known = "gate" in info.data and "against" in info.data
        # Without them the unit is not known, and that they are wrong is told.
        return bound_of(given, info.data["gate"], info.data["against"]) if known else 1.0

    @field_validator("value", mode="before")
    @classmethod
    def _value_with_unit(cls, given: Any, info: ValidationInfo) -> Any:
        return value_of(given, info.data["gate"]) if "gate" in info.data else None


class AgainSpec(Again):
    """Inconclusive gates on what is timed are measured again, pooled with what is there."""

    budget: Duration = Field(default=60.0, description="Time for each device and workload, each time.")


class WaiverSpec(Waiver):
    """Leave to ship on one device though a gate did not pass. It covers every rule of that name there."""

    @model_validator(mode="before")
    @classmethod
    def _has_an_end(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("until") is None:
            raise ValueError(
                "a waiver without an end: give until, the last day on which it holds, such as 2026-12-31"
            )
        return given

    @field_validator("gate")
    @classmethod
    def _of_a_gate(cls, label: str) -> str:
        known_gate(label.partition(" against ")[0].partition(".")[0])
        return label


class ProductionSpec(Production):
    """The version that is in production: a variant of this suite, or of a recorded run."""

    @field_validator("run")
    @classmethod
    def _in_full(cls, run: str) -> str:
        if run and not is_run_id(run):
            raise ValueError(
                f"{run[:80]!r} is no run's whole name, and a part of one may mean another run tomorrow; "
                "`xbench results list` shows them"
            )
        return run


def _one_or_a_list(schema: dict[str, Any]) -> None:
    """Tells an editor that one item may stand where a list does."""
    items = schema.pop("items")
    schema["anyOf"] = [items, {"type": schema.pop("type"), "items": items}]


class PolicySpec(Policy):
    """What a release must hold, beside the suite's own gates."""

    gates: tuple[RuleSpec, ...] = Field(default=(), description="The rules; all of them must hold.")
    again: AgainSpec = Field(default=AgainSpec(), description="Measuring inconclusive gates again.")
    waivers: tuple[WaiverSpec, ...] = Field(default=(), description="Gates that need not pass, for a while.")
    production: tuple[ProductionSpec, ...] = Field(
        default=(),
        description="The version in production, or several, each on its own devices.",
        json_schema_extra=_one_or_a_list,
    )

    @field_validator("production", mode="before")
    @classmethod
    def _one_or_several(cls, given: Any) -> Any:
        return (given,) if isinstance(given, Mapping) else given

    def record(self) -> Policy:
        """The same as records hold it: bounds in their units, defaults filled in."""
        return Policy.model_validate(self.model_dump(by_alias=True))


class PolicyFile(PolicySpec):
    """A policy file: what a release must hold, beside the suites' own gates."""

    schema_: Literal["xbench.policy/1"] = Field(alias="schema", description="Name and version of this format.")


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a policy file, for editors."""
    return PolicyFile.model_json_schema(by_alias=True)
