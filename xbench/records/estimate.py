"""Numbers that carry their uncertainty, and what is said of them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

from .base import Record

SpeedVerdict = Literal["faster", "slower", "same", "inconclusive", "invalid", "untimed"]
GateOutcome = Literal["pass", "fail", "inconclusive", "invalid"]

# The worst of several outcomes decides; the first here is the worst.
_WORST_FIRST: tuple[GateOutcome, ...] = ("invalid", "fail", "inconclusive", "pass")


def worst(outcomes: Iterable[GateOutcome]) -> GateOutcome | None:
    """The outcome of several together; None where there are none."""
    found = set(outcomes)
    return next((outcome for outcome in _WORST_FIRST if outcome in found), None)


class Estimate(Record):
    """A point, its two-sided confidence interval, and how it was got."""

    point: float
    low: float
    high: float
    confidence: float
    method: str

    @property
    def usable(self) -> bool:
        """Whether all three figures are finite and in order."""
        return -math.inf < self.low <= self.point <= self.high < math.inf

    @property
    def relative_half_width(self) -> float:
        """Half the interval's width over the point: 0.01 is plus or minus one per cent."""
        return (self.high - self.low) / 2 / abs(self.point) if self.point else float("inf")


_POWERS_FROM = 1e7


def interval_text(one: Estimate, unit: str = "x", least: int = 2) -> str:
    """Such as `1.93x (1.90 to 1.96)`: with as many digits as tell the ends apart, not below `least`."""
    digits = digits_apart(least, one.low, one.high)
    point, low, high = (number_text(value, digits) for value in (one.point, one.low, one.high))
    return f"{point}{unit} ({low} to {high})"


def number_text(value: float, digits: int) -> str:
    """With so many digits behind the point; as a power of ten where that would be a row of digits that says nothing,
    as the end of an interval from two or three process sets can be."""
    return f"{value:.{digits}f}" if abs(value) < _POWERS_FROM else f"{value:.1e}"


def digits_apart(least: int, *values: float) -> int:
    """How many digits behind the point tell these values apart, where they differ; not below `least`."""
    texts = (({f"{value:.{digits}f}" for value in values}, digits) for digits in range(least, 10))
    return next((digits for found, digits in texts if len(found) == len(set(values))), 9)
