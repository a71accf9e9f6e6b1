"""Reads the bounds of gates as people write them: `12 ms`, `1.5x`, `2 GiB`, `1 %`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

from ..records.policy import DROPS, GateName, Unit, unit_of

_TEXT = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*([A-Za-zµ%]*)\s*$")


@dataclass(frozen=True, slots=True)
class _Kind:
    """How many of the bound's own unit one of each unit is, and what fits in words."""

    factors: dict[str, float]
    words: str


_MIB = 2**20
_KINDS: dict[Unit, _Kind] = {
    "x": _Kind({"": 1, "x": 1, "%": 0.01}, "a ratio: 1.5, 1.5x or 150 %"),
    "ms": _Kind({"": 1, "us": 1e-3, "ms": 1, "s": 1e3}, "a time: a number of ms, or text with us, ms or s"),
    "MiB": _Kind(
        {
            "": 1,
            **{f"{letter}iB": 1024**power / _MIB for power, letter in enumerate("KMG", 1)},
            **{f"{letter}B": 1000**power / _MIB for power, letter in enumerate("kMG", 1)},
        },
        "a size: a number of MiB, or text with KiB, MiB, GiB, kB, MB or GB",
    ),
    "share": _Kind({"": 1, "%": 0.01}, "a share: 0.01 or 1 %"),
    "": _Kind({"": 1}, "a plain number in the metric's own unit: of a share, 0.05 is five points"),
}


def bound_of(value: Any, gate: str, against: str) -> Any:
    """A rule's bound as a number in its unit; what is no text comes back as it is. Raises ValueError."""
    return _number(value, unit_of(gate, against), gate, against)


def value_of(value: Any, gate: str) -> Any:
    """The fixed figure that a rule is relative to: ms for a speedup, else the metric's own. Raises ValueError."""
    return _number(value, "" if gate in DROPS else "ms", gate, "value")


def _number(value: Any, unit: Unit, gate: str, against: str) -> Any:
    if not isinstance(value, str):
        return value
    match, kind = _TEXT.match(value), _KINDS[unit]
    if match is None or match[2] not in kind.factors:
        beside = "" if against == "value" else f" against {against}"
        raise ValueError(f"{value[:80]!r} does not fit {gate}{beside}, which takes {kind.words}")
    return float(match[1]) * kind.factors[match[2]]


def _text(units: str, example: str) -> WithJsonSchema:
    """What an editor is told of a number that may be text with one of these units."""
    pattern = rf"^\s*[0-9]+(\.[0-9]+)?\s*({units})?\s*$"
    return WithJsonSchema(
        {"anyOf": [{"type": "number"}, {"type": "string", "pattern": pattern}], "examples": [example]}
    )


def _level(gate: GateName) -> BeforeValidator:
    return BeforeValidator(lambda value: bound_of(value, gate, "value"))


Bound = Annotated[float, _text("us|ms|s|[KMG]iB|[kMG]B|x|%", "12 ms")]
"""A number, or text with a unit; which one fits is the gate's: `bound_of` and `value_of` tell."""

Time = Annotated[float, _level("max_latency_p99_ms"), Field(gt=0, le=86_400_000), _text("us|ms|s", "12 ms")]
"""Milliseconds of up to a day; written as `12 ms` or as a number."""

Memory = Annotated[float, _level("max_memory_mib"), Field(gt=0, le=1e9), _text("[KMG]iB|[kMG]B", "1.5 GiB")]
"""MiB; written as `1.5 GiB` or as a number."""

Errors = Annotated[float, _level("max_error_rate"), Field(ge=0, lt=1), _text("%", "1 %")]
"""A share that may be 0; written as `1 %` or as a number."""
