"""`xbench results list`: the runs of a folder, or their cases, out of its index."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..records.case import CaseRow, RunRow
from ..report.cases import case_table
from ..report.figures import NOTHING
from ..report.text import visible
from ..results import Results, open_results
from ..results.exporting import cases_data, runs_data
from .plain_table import visible_table

_HEADERS = ("run", "begun (UTC)", "suite", "status", "outcome", "variants", "devices x workloads")


def opened(output: Path) -> Results:
    """The results folder; what should be known of its index goes to standard error."""
    return open_results(output, note)


def note(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(visible(f"xbench: {text}") + "\n")


def note_unreadable(results: Results) -> None:
    """Runs that cannot be read have no cases: an answer without them says so."""
    count = len(results.unreadable())
    if count:
        runs = "1 run that cannot be read is" if count == 1 else f"{count:,} runs that cannot be read are"
        note(f"{runs} left out: `xbench results list` says why")


def list_results(
    output: Path,
    of_cases: Mapping[str, Any],
    of_runs: Mapping[str, Any],
    *,
    cases: bool,
    rebuild: bool,
    json_file: str | None,
) -> None:
    """Runs a line each; cases where they are asked for, or a filter is one of cases."""
    results = opened(output)
    if rebuild:
        note(f"index made anew: {results.rebuild():,} runs")
    if cases or any(of_cases.values()):
        found = results.cases(**of_cases, **of_runs)
        note_unreadable(results)
        _show(cases_data(found), _cases_text(found, results), json_file)
    else:
        runs = results.runs(**of_runs)
        _show(runs_data(runs), _runs_text(runs, results), json_file)


def _show(data: dict[str, Any], text: str, json_file: str | None) -> None:
    """The data where they are asked for; on standard output nothing else then."""
    if json_file is not None:
        from .showing import STDOUT, write_data

        write_data(data, json_file)
        if json_file == STDOUT:
            return
    sys.stdout.write(text)


def _runs_text(runs: Sequence[RunRow], results: Results) -> str:
    total, cases = results.counts()
    if not total:
        return f"No runs in {visible(str(results.path))}\n"
    table = visible_table([_run_cells(run) for run in runs], _HEADERS) if runs else ""
    return f"{table}\n{len(runs):,} of {total:,} runs; {cases:,} cases in all\n"


def _run_cells(run: RunRow) -> tuple[object, ...]:
    begun = run.created[:16].replace("T", " ")
    if run.status == "unreadable":
        return (run.run, NOTHING, NOTHING, run.status, run.reason, NOTHING, NOTHING)
    return (run.run, begun, run.suite, run.status, run.outcome or NOTHING, run.variants, run.groups)


def _cases_text(cases: Sequence[CaseRow], results: Results) -> str:
    table = case_table(cases)
    lines = [visible(remark) + "\n\n" for remark in table.remarks]
    rows = visible_table(table.rows, table.columns) + "\n" if cases else ""
    return f"{''.join(lines)}{rows}{len(cases):,} of {results.counts()[1]:,} cases\n"
