"""Puts targets together of which the same can be said: most of some 190 profiles say the same of one file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from ..records.work import Bound
from .record import TargetWorth

_DIGITS = 2


def grouped(
    worths: Iterable[TargetWorth], key: Callable[[TargetWorth], tuple[object, ...]]
) -> dict[tuple[object, ...], list[TargetWorth]]:
    """Targets by what `key` says of them, in the order in which each is met first."""
    found: dict[tuple[object, ...], list[TargetWorth]] = {}
    for one in worths:
        found.setdefault(key(one), []).append(one)
    return found


def rounded(bound: Bound) -> tuple[float | None, float | None]:
    """(speedup, ratio of the work) as they are shown."""
    speedup, ratio = bound.speedup, bound.macs_ratio
    return (
        None if speedup is None else round(speedup, _DIGITS),
        None if ratio is None else round(ratio, _DIGITS),
    )


def members(group: Sequence[TargetWorth], every: Iterable[TargetWorth]) -> str:
    """The targets of a group, by family: `h100 (15)`, `a10 (3 of 15)`, or the name of one that is alone."""
    whole = Counter(one.family for one in every)
    mine: dict[str, list[str]] = {}
    for one in group:
        mine.setdefault(one.family, []).append(one.hardware)
    return ", ".join(_member(family, names, whole[family]) for family, names in mine.items())


def _member(family: str, names: Sequence[str], whole: int) -> str:
    if len(names) == 1:
        return names[0]
    return f"{family} ({whole})" if len(names) == whole else f"{family} ({len(names)} of {whole})"
