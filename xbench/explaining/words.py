"""Figures and lists in words, for sentences and evidence."""

from __future__ import annotations

from collections.abc import Sequence

_MOST_NAMES = 4


def times(value: float) -> str:
    """Such as `1.90x`."""
    return f"{value:.2f}x"


def share(value: float) -> str:
    """Such as `4 %`; a small share is not 0 %, and nothing is -0 %."""
    return "under 1 %" if 0 < value < 0.005 else f"{round(100 * value)} %"


def some(names: Sequence[str], most: int = _MOST_NAMES) -> str:
    """The first few, and how many more there are."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def count(number: int, what: str) -> str:
    """Such as `1 layer` or `3 layers`."""
    return f"{number:,} {what}" + ("" if number == 1 else "s")
