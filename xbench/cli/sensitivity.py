"""Finds the layers whose pruning costs quality for a command, and tells what sparing them is worth."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from ..errors import InterruptedRunError
from ..quantities import examples_text
from ..records.estimate import Estimate, interval_text
from ..records.sensitivity import Confirmed, SensitivePart, SensitivityRecord
from ..report.text import visible
from ..sensitivity.asking import Asked
from ..sensitivity.story import look
from ..sensitivity.writing import pasted
from ..suite.loading import LoadedSuite
from .plain_table import visible_table
from .showing import STDOUT, write_data
from .travelling import on_the_way

_NONE = "-"
_DIGITS = 4


def look_and_show(loaded: LoadedSuite, asked: Asked, json_file: str | None, quiet: bool) -> int:
    """Look, and show what was found. Returns the exit code. Ctrl-C shows the parts that were scored until then."""
    parts: list[SensitivePart] = []
    interrupted = InterruptedRunError("Interrupted", "nothing was written", "start the command again")
    try:
        with on_the_way(json_file, quiet, interrupted) as journey:
            found = look(loaded, asked, journey, parts.append)
    except InterruptedRunError:
        if parts and json_file != STDOUT:
            sys.stdout.write("Until it was interrupted, not ranked and not corrected for how many there are:\n\n")
            sys.stdout.write(_table(parts))
            sys.stdout.flush()
        raise
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True), json_file)
    if json_file != STDOUT:
        sys.stdout.write(as_text(found))
    sys.stdout.flush()
    return 0


def as_text(found: SensitivityRecord) -> str:
    """The parts, the largest gain first, then the proposal and what it is worth; safe for a terminal."""
    head = (
        f"{found.variant}, {found.metric} ({found.better} is better): dense {found.dense[0]:.{_DIGITS}f}, "
        f"pruned {found.pruned[0]:.{_DIGITS}f} on the {found.choosing} examples that choose; "
        f"{found.confirming} others confirm."
    )
    lines = "".join(f"{visible(line)}\n" for line in (*_remarks(found), ""))
    last = "".join(f"{visible(line)}\n" for line in (verdict(found), at_as_many_zeros(found)) if line)
    return f"{visible(head)}\n\n{_table(found.parts)}\n{lines}{_recipe(found)}{last}"


def _table(parts: Sequence[SensitivePart]) -> str:
    headers: tuple[str, ...] = (
        "undone alone",
        "prunes",
        "gain (90 %)",
        "won",
        "lost",
        "weights back",
        "MACs back",
        "beyond chance",
    )
    rows: list[tuple[str, ...]] = [_row(one) for one in parts]
    if any(one.alone_drop is not None for one in parts):
        headers = (*headers, "pruned alone: drop")
        rows = [(*row, _interval(one.alone_drop)) for row, one in zip(rows, parts, strict=True)]
    return visible_table(rows, headers)


def _interval(found: Estimate | None) -> str:
    return _NONE if found is None else interval_text(found, "", _DIGITS)


def _row(one: SensitivePart) -> tuple[str, ...]:
    chance = "yes" if one.beyond_chance else "no"
    if one.adjusted_p is not None:
        chance += f" (p {one.adjusted_p:.2g})"
    return (
        one.name,
        one.kind,
        _interval(one.gain),
        _NONE if one.won is None else str(one.won),
        _NONE if one.lost is None else str(one.lost),
        f"{_per_cent(one.weights_share)}",
        _NONE if one.macs_share is None else f"{_per_cent(one.macs_share)}",
        # In a table of an interrupted look nothing is corrected yet, and so nothing is said.
        _NONE if one.gain is None or (one.p_value is not None and one.adjusted_p is None) else chance,
    )


def _remarks(found: SensitivityRecord) -> Iterator[str]:
    yield "Shares are of all that pruning took."
    if any(one.alone_drop is not None for one in found.parts):
        yield "Undoing no part helps beyond chance: ranked by what each costs when it alone is pruned."
    yield from (f"{one.name}: not scored: {one.failure}" for one in found.parts if one.failure)
    if found.left_out:
        yield f"Left out on both sides: {examples_text(found.left_out)} that could not be scored."
    for step in found.steps:
        names = f"{len(step.spared)} spared"
        if step.value is None or step.gain is None or step.weights_share is None:
            yield f"{names}: none: {step.failure}"
            continue
        met = {True: "; the gate would be met", False: "; the gate would not be met", None: ""}[step.gate_met]
        gain, back = interval_text(step.gain, "", _DIGITS), _per_cent(step.weights_share)
        yield f"{names}: {step.value:.{_DIGITS}f}, gain {gain}, {back} of the weights back{met}"
    yield from found.notes


def _recipe(found: SensitivityRecord) -> str:
    if not found.confirmed:
        return ""
    first = found.confirmed[0]
    lines = [visible(line) for line in pasted(first.variant, first.prune).splitlines()]
    where = visible(f"The suite with dense, {found.variant} and it: {found.file}") + "\n\n" if found.file else ""
    return "The recipe that spares them:\n\n" + "".join(f"  {line}\n" for line in lines) + "\n" + where


def verdict(found: SensitivityRecord) -> str:
    """What sparing is worth on the examples that were not used to choose, in a sentence."""
    if not found.confirmed:
        return f"No layers to spare: {found.nothing}."
    first = found.confirmed[0]
    back = f"{_per_cent(first.weights_share)} of the pruned weights come back"
    chance = "" if first.beyond_chance else "; on these examples the gain may be chance"
    return f"sparing {len(first.spared)} of {len(found.parts)}: {_gained(found, first)}; {back}{chance}"


def at_as_many_zeros(found: SensitivityRecord) -> str:
    """Whether sparing helps too where the others pay for it, in a sentence; empty where nothing is proposed."""
    if not found.confirmed:
        return ""
    if len(found.confirmed) == 1:
        return f"At as many zeros: not tried: {found.same_zeros_note}."
    same = found.confirmed[1]
    zeros = f"{_per_cent(same.zeros_share)} of all weights gone, {_per_cent(found.zeros_share)} without sparing"
    return f"At as many zeros ({zeros}; sparsity {same.prune['sparsity']:g}): {_gained(found, same)}."


def _gained(found: SensitivityRecord, one: Confirmed) -> str:
    gain = f"gain {one.gain.point:.{_DIGITS}f}, {one.gain.low:.{_DIGITS}f} to {one.gain.high:.{_DIGITS}f}"
    gate = f", gate: {one.gate}" if one.gate else ""
    gain += f", p {one.p_value:.2g}" if one.p_value is not None else ""
    return (
        f"{found.metric} {found.pruned[1]:.{_DIGITS}f} -> {one.value:.{_DIGITS}f} on the {found.confirming} examples "
        f"that were not used to choose ({gain}{gate})"
    )


def _per_cent(share: float) -> str:
    return f"{100 * share:.1f} %"
