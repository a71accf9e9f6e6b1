"""Makes a suite's variants for a command, without measuring them, and tells what came of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Literal

from ..errors import InterruptedRunError
from ..records.recipe import NMRecipe, Recipe, StructuredRecipe
from ..records.step import StepRecord, StepRow
from ..report.text import visible
from ..road.steps import StepOptions, walk
from ..suite.loading import LoadedSuite
from .plain_table import visible_table
from .showing import STDOUT, show_place, write_data
from .travelling import on_the_way

_NONE = "-"
_MIB = 1024 * 1024


def walk_and_show(
    step: Literal["prune", "export"], loaded: LoadedSuite, options: StepOptions, json_file: str | None, quiet: bool
) -> int:
    """Make the variants, and show a row for each. Returns the exit code."""
    interrupted = InterruptedRunError(
        "Interrupted", f"what was finished lies in {options.output}", "start the command again for the rest"
    )
    with on_the_way(json_file, quiet, interrupted) as journey:
        found = walk(step, loaded, options, journey)
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True) | {"exit_code": found.exit_code}, json_file)
    if json_file != STDOUT:
        sys.stdout.write(as_text(found))
        show_place(options.output)
    sys.stdout.flush()
    return found.exit_code


def as_text(found: StepRecord) -> str:
    """The table, then what could not be made and why, then notes; safe for a terminal."""
    headers = ["variant", "method", "asked", "got", "parameters"]
    if found.step == "export":
        headers += ["MACs", "file MiB", "parity", "prune s", "export s"]
    else:
        headers += ["file MiB", "prune s"]
    table = visible_table([_cells(row, found.step) for row in found.rows], tuple(headers))
    return table + "".join(f"{visible(line)}\n" for line in _remarks(found))


def _cells(row: StepRow, step: str) -> tuple[str, ...]:
    size = _NONE if row.size_bytes is None else f"{row.size_bytes / _MIB:.2f}"
    first = (
        row.variant,
        row.recipe.method if row.recipe else _NONE,
        asked(row.recipe),
        got(row),
        _count(row.parameters),
    )
    if step == "prune":
        return (*first, size, _seconds(row.prune_seconds))
    parity = _NONE if row.parity_max_rel is None else f"{row.parity_max_rel:.1e}"
    return (*first, _count(row.macs), size, parity, _seconds(row.prune_seconds), _seconds(row.export_seconds))


def asked(recipe: Recipe | None) -> str:
    """What a recipe asks for, such as `50 %`, `2:4`, `heads 25 %, neurons 50 %` or `widths of 36 layers`."""
    if recipe is None:
        return _NONE
    if isinstance(recipe, NMRecipe):
        return f"{recipe.n}:{recipe.m}"
    if isinstance(recipe, StructuredRecipe):
        if recipe.widths:
            return f"widths of {len(recipe.widths)} layer{'s' if len(recipe.widths) > 1 else ''}"
        return ", ".join(f"{name} {_per_cent(share)}" for name, share in recipe.shares.items())
    return _per_cent(recipe.sparsity)


def got(row: StepRow) -> str:
    """The zeros among the weights that are there, and the share of the weights that is gone."""
    parts = []
    if row.zero_share:
        parts.append(f"{_per_cent(row.zero_share)} zero")
    if row.removed_share:
        parts.append(f"{_per_cent(row.removed_share)} removed")
    return ", ".join(parts) or _NONE


def _remarks(found: StepRecord) -> Iterator[str]:
    failed = [row for row in found.rows if row.failure]
    if failed:
        yield "Not made:"
    for row in failed:
        yield f"  {row.variant}: {row.failure}" + (f"; {row.remedy}" if row.remedy else "")
    for row in found.rows:
        if row.macs_note:
            yield f"The MACs of {row.variant} are not known: {row.macs_note}"
        yield from (f"{row.variant}: {note}" for note in row.notes)


def _per_cent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _count(number: int | None) -> str:
    """Such as 1.23 M."""
    if number is None:
        return _NONE
    for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)


def _seconds(seconds: float | None) -> str:
    return _NONE if seconds is None else f"{seconds:.1f}"
