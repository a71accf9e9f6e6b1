"""Reads what people write for shares and durations: `1%`, `0.01`, `30s`, `2min`; and writes counts for them."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_DURATION = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|s|min|m|h)?\s*$")
_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, None: 1.0}
_SHARE = re.compile(r"^\s*([0-9]+(?:\.[0-9]+)?)\s*(%)?\s*$")


def examples_text(count: int) -> str:
    """So many examples, in words."""
    return "1 example" if count == 1 else f"{count:,} examples"


def seconds(value: Any) -> float:
    """A duration in seconds: a number of seconds, or text with `ms`, `s`, `min` or `h`. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value)
    match = _DURATION.match(value) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f"{value!r} is no duration; write 30s, 500ms or 2min")
    return float(match[1]) * _SECONDS[match[2]]


def _as_float(value: float) -> float:
    """A number as a float. Raises ValueError for a whole number that no float can hold."""
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError("this number is too large") from error


def share(value: Any) -> float:
    """A share as a number: `1%` and `0.01` are the same. Raises ValueError."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _as_float(value)
    match = _SHARE.match(value) if isinstance(value, str) else None
    if match is None or not math.isfinite(float(match[1])):
        raise ValueError(f"{value!r} is no share; write 1% or 0.01")
    return float(match[1]) / (100 if match[2] else 1)


def _number_or(text: re.Pattern[str], example: str, **bounds: float) -> WithJsonSchema:
    """What an editor is told: a number within bounds, or text of this form."""
    number, words = {"type": "number", **bounds}, {"type": "string", "pattern": text.pattern}
    return WithJsonSchema({"anyOf": [number, words], "examples": [example]})


Duration = Annotated[
    float,
    BeforeValidator(seconds),
    Field(gt=0, le=86_400),
    _number_or(_DURATION, "30s", exclusiveMinimum=0, maximum=86_400),
]
"""Seconds; written as `30s` or as a number."""

Share = Annotated[
    float, BeforeValidator(share), Field(gt=0, lt=1), _number_or(_SHARE, "1%", exclusiveMinimum=0, exclusiveMaximum=1)
]
"""Between 0 and 1; written as `1%` or as a number."""
