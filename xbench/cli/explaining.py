"""`xbench explain`: why variants of a recorded run are as fast as they are."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

from ..errors import InputError, did_you_mean
from ..explaining import explanations
from ..records.explanation import Explanation
from ..records.run_record import RunRecord
from ..report.data import explained_data
from ..report.explained import Line, explained_lines
from ..report.text import visible
from ..store.folder import ResultsFolder
from .showing import STDOUT, check_target, write_data


def explain_run(
    name: str, results: Path, variants: Sequence[str], hardware: Sequence[str], json_file: str | None
) -> None:
    """Explain all comparisons of a run, or those of these variants and devices. Raises InputError for others."""
    if json_file is not None:
        check_target(json_file)
    record = ResultsFolder(results).find(name).load()
    _check("variant", variants, [state.name for state in record.variants], record)
    _check("device", hardware, [device.profile.name for device in record.devices], record)
    found = [
        one
        for one in explanations(record)
        if (not variants or one.variant in variants) and (not hardware or one.hardware in hardware)
    ]
    if json_file != STDOUT:
        _show(found, _unexplained(record, found, variants))
    if json_file is not None:
        write_data(explained_data(record, found), json_file)


def _check(what: str, asked: Sequence[str], known: Sequence[str], record: RunRecord) -> None:
    for name in asked:
        if name not in known:
            raise InputError(
                f"The run {record.id} has no {what} called {name!r}",
                f"it has {', '.join(known)}",
                did_you_mean(name, known),
            )


def _unexplained(record: RunRecord, found: Iterable[Explanation], variants: Sequence[str]) -> list[str]:
    """Variants that were asked for, or failed, and of which there is no comparison; and why."""
    told = {one.variant for one in found}
    lines = []
    for state in record.variants:
        if state.name in told or not (state.name in variants or state.failure):
            continue
        why = "it is what others are compared with" if state.baseline else "it was not compared"
        lines.append(f"{state.name}: nothing to explain: {state.failure or why}")
    return lines


def _show(found: Sequence[Explanation], others: Sequence[str]) -> None:
    """With emphasis in a terminal, which wraps lines as deep as they are set in; plain elsewhere."""
    lines = [line for one in found for line in (*explained_lines(one), Line(""))]
    lines += [Line(text) for text in others]
    if not lines:
        lines = [Line("The run holds no comparison: there is nothing to explain.")]
    if not sys.stdout.isatty():
        sys.stdout.write("".join(" " * line.indent + visible(line.text) + "\n" for line in lines))
        return
    from rich.console import Console
    from rich.padding import Padding
    from rich.text import Text

    console = Console()
    for line in lines:
        text = Text(visible(line.text), style="bold" if line.heading else "")
        console.print(Padding(text, (0, 0, 0, line.indent), expand=False))
