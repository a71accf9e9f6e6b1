"""The words in which a compaction is told. Whatever comes from the file is made visible."""

from __future__ import annotations

import shlex
import textwrap
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

from ..records.compaction import Compaction, Difference, FileState, Kept, Removal
from ..report.text import visible
from .plain_table import visible_table

_MIB = 2**20
_WIDTH = 110
_SHOWN_LINES = 12
_SHOWN_NODES = 3
_SHOWN_OUTPUTS = 4
_WHY = {"zero": "always zero", "unread": "not heeded by what reads them", "constant": "always the same"}

T = TypeVar("T")
K = TypeVar("K")


def as_text(found: Compaction, every: bool) -> str:
    """What went and what is left, what stays and why, and how it was proven; all of it, or the first lines."""
    parts = [*_gone(found, every), *_stays(found, every), *_proof(found, every), *_notes(found), *_next(found)]
    return _table(found) + "".join(f"{visible(line)}\n" for line in parts)


def nothing(found: Compaction) -> str:
    """Why nothing was written, in one sentence."""
    if found.stays:
        units = sum(one.units for one in found.stays)
        return f"none of the {units:,} zeroed units of {found.source.file} can go, and nothing was written"
    if found.source.zeros:
        share = found.source.zeros / found.source.weights
        return (
            f"{share:.1%} of the weights of {found.source.file} are zero, but no channel, neuron or head of it is: "
            "nothing can go, and nothing was written"
        )
    return f"nothing in {found.source.file} is zeroed, and nothing was written"


def _table(found: Compaction) -> str:
    before, after = found.source, found.target
    headers = ("", before.file) if after is None else ("", before.file, after.file, "")
    rows = [_row(name, number, before, after) for name, number in _FIGURES]
    return visible_table(rows, headers)


def _parameters(state: FileState) -> tuple[float | None, str]:
    return state.parameters, f"{state.parameters:,}"


def _macs(state: FileState) -> tuple[float | None, str]:
    return state.macs, "not known" if state.macs is None else f"{state.macs:,}"


def _size(state: FileState) -> tuple[float | None, str]:
    return state.size_bytes, f"{state.size_bytes / _MIB:.2f}"


def _zeros(state: FileState) -> tuple[float | None, str]:
    return None, f"{state.zeros / state.weights:.1%}" if state.weights else "no weights"


_FIGURES: tuple[tuple[str, Callable[[FileState], tuple[float | None, str]]], ...] = (
    ("parameters", _parameters),
    ("MACs", _macs),
    ("file MiB", _size),
    ("zeros in weights", _zeros),
)


def _row(
    name: str, number: Callable[[FileState], tuple[float | None, str]], before: FileState, after: FileState | None
) -> tuple[str, ...]:
    was, told = number(before)
    if after is None:
        return name, told
    now, tells = number(after)
    if not was or not now:
        return name, told, tells, ""
    return name, told, tells, f"{was / now:.2f}x less" if was >= now else f"{now / was:.2f}x more"


def _gone(found: Compaction, every: bool) -> Iterator[str]:
    if not found.gone:
        return
    sums = [
        f"{sum(one.before - one.after for one in mine):,} of {sum(one.before for one in mine):,} {unit}"
        for unit, mine in _alike(found.gone, lambda one: one.unit).items()
    ]
    yield f"Gone: {', '.join(sums)}"
    groups = _alike(found.gone, lambda one: (one.unit, one.before, one.after, one.why))
    lines = [_gone_line(mine, every) for mine in groups.values()]
    yield from _first(lines, every)
    if found.folded_biases:
        yield f"  what lost units always gave was added to {found.folded_biases} biases"
    if found.carriers:
        yield f"  {found.carriers} constant units stay in the place of others, before a padded convolution"


def _gone_line(alike: Sequence[Removal], every: bool) -> str:
    one = alike[0]
    groups = f"{len(alike)} groups, at " if len(alike) > 1 else ""
    why = " or ".join(_WHY[each] for each in one.why)
    return f"{one.before:,} -> {one.after:,} {one.unit} ({why}): {groups}{_named([x.nodes for x in alike], every)}"


def _named(groups: Sequence[Sequence[str]], every: bool) -> str:
    names = list(dict.fromkeys(name for nodes in groups for name in nodes))
    shown = names if every else names[:_SHOWN_NODES]
    return ", ".join(shown) + (f" and {len(names) - len(shown)} more" if len(names) > len(shown) else "")


def _stays(found: Compaction, every: bool) -> Iterator[str]:
    if not found.stays:
        return
    units = sum(one.units for one in found.stays)
    yield f"Stays: {units:,} zeroed unit{'s' * (units != 1)}"
    lines = [_stays_line(mine, every) for mine in _alike(found.stays, lambda one: one.reason).values()]
    yield from _first(lines, every)


def _stays_line(alike: Sequence[Kept], every: bool) -> str:
    units = sum(one.units for one in alike)
    return f"{units:,} at {_named([[one.node] for one in alike], every)}: {alike[0].reason}"


def _alike(items: Sequence[T], key: Callable[[T], K]) -> dict[K, list[T]]:
    found: dict[K, list[T]] = {}
    for one in items:
        found.setdefault(key(one), []).append(one)
    return found


def _first(lines: Sequence[str], every: bool) -> Iterator[str]:
    shown = lines if every else lines[:_SHOWN_LINES]
    for line in shown:
        yield from textwrap.wrap(
            line,
            _WIDTH,
            initial_indent="  ",
            subsequent_indent="    ",
            break_long_words=False,
            break_on_hyphens=False,
        )
    if len(lines) > len(shown):
        yield f"  and {len(lines) - len(shown)} more lines: --details shows all"


def _proof(found: Compaction, every: bool) -> Iterator[str]:
    if found.target is None:
        return
    yield f"Outputs: equal within rounding on {len(found.inputs)} sets of inputs, optimised by the runtime and not"
    worst = sorted(found.differences, key=lambda one: one.max_rel, reverse=True)
    shown = found.differences if every else worst[:_SHOWN_OUTPUTS]
    yield from (f"  {_difference(one)}" for one in shown)
    if len(worst) > len(shown):
        yield f"  and {len(worst) - len(shown)} more outputs, which differ by less"
    if every:
        yield from (f"  fed {line}" for line in found.inputs)


def _difference(one: Difference) -> str:
    return (
        f"{one.output}: at most {one.max_abs:.2g}, {one.max_rel:.2g} of its largest value; the file's own rounding "
        f"makes {one.noise_rel:.2g}, and {one.allowed_rel:.2g} is allowed"
    )


def _notes(found: Compaction) -> Iterator[str]:
    if found.source.macs_note:
        yield f"Note: MACs are not known: {found.source.macs_note}"
    yield from (f"Note: {note}" for note in found.notes)


def _next(found: Compaction) -> Iterator[str]:
    if found.target is not None:
        yield f"Written: {found.target.file}, in {sum(found.seconds.values()):.1f} s"
        yield f"Next: xbench compare {shlex.quote(found.source.file)} {shlex.quote(found.target.file)}"
