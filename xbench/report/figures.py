"""Figures of quality in words: values with their intervals, and p-values."""

from __future__ import annotations

import math

from ..records.estimate import Estimate, digits_apart
from ..records.quality import Flips

NOTHING = "-"
_LEAST = 3
_LEAST_P = 0.0001


def figure(value: float, *beside: float) -> str:
    """Such as 0.535, 12.30 or 0.00042: with the digits that tell it apart from those beside it; never an exponent."""
    return f"{value:z.{_digits(value, *beside)}f}" if math.isfinite(value) else NOTHING


def with_interval(value: float | None, one: Estimate | None) -> str:
    """Such as `0.535 (0.476 to 0.593)`; the value alone where it has no interval."""
    if value is None:
        return NOTHING
    if one is None or not one.usable:
        return figure(value)
    digits = _digits(one.low, one.high)
    return f"{value:z.{digits}f} ({one.low:z.{digits}f} to {one.high:z.{digits}f})"


def estimate_text(one: Estimate | None) -> str:
    """An estimate with its interval."""
    return with_interval(one.point, one) if one is not None else NOTHING


def p_text(p: float) -> str:
    """Such as 0.012, or `< 0.0001`: no p-value is 0."""
    return f"< {_LEAST_P:.4f}" if p < _LEAST_P else f"{p:.{3 if p >= 0.001 else 4}f}"


def percent(value: float) -> str:
    """Such as `98.5 %`; what is not all is not 100 %."""
    if value < 1 and f"{value:.1%}" == "100.0%":
        return "> 99.9 %"
    return f"{value * 100:.1f} %"


def flips_text(flips: Flips | None) -> str:
    """Right to wrong/wrong to right/wrong to another wrong."""
    if flips is None:
        return NOTHING
    return f"{flips.right_to_wrong}/{flips.wrong_to_right}/{flips.wrong_to_other_wrong}"


def examples(number: int) -> str:
    """Such as `1 example` or `1,200 examples`."""
    return f"{number:,} example" + ("" if number == 1 else "s")


def _digits(*values: float) -> int:
    """Three behind the point below ten, fewer above; more where the largest is small, or figures would be alike."""
    largest = max(abs(value) for value in values)
    if not largest or not math.isfinite(largest):
        return _LEAST
    exponent = math.floor(math.log10(largest))
    return digits_apart(max(0, _LEAST - max(0, exponent), 1 - exponent), *values)
