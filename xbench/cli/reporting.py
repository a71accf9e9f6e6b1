"""Commands on recorded runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, InvalidError, StoreError
from ..records.run_record import RunRecord
from ..report.text import visible
from ..road.concluding import conclude
from ..road.recomputing import recompute
from ..store.bundles import write_bundle
from ..store.folder import ResultsFolder
from ..store.unpacking import import_bundle
from ..suite.model import Suite
from .plain_table import visible_table
from .showing import STDOUT, show, show_place, write_json

FORMS = ("", "terminal", "markdown", "json")


def report_run(name: str, results: Path, form: str, details: bool) -> None:
    """Show a run as it was recorded; with `details`, what an engineer asks next. The data always hold it."""
    if form not in FORMS:
        raise InputError(f"There is no format {form!r}", f"known are {', '.join(FORMS[1:])}")
    record = ResultsFolder(results).find(name).load()
    if form == "json":
        write_json(record, STDOUT)
    elif form == "markdown":
        from ..report.markdown import render

        sys.stdout.write(render(record, details))
    elif form == "terminal":
        from rich.console import Console

        from ..report.terminal import render as render_terminal

        render_terminal(record, Console(force_terminal=True), details)
    else:
        show(record, details)


def gate_run(name: str, results: Path) -> int:
    """Compute comparisons and verdicts again from raw samples, show them, and return the exit code."""
    folder = ResultsFolder(results).find(name)
    record = folder.load()
    suite = Suite.model_validate(record.suite)
    again = conclude(recompute(record, suite, folder), suite)
    show(again)
    if record.status == "complete":
        sys.stdout.write(_changes(record, again))
    show_place(folder.path)
    if record.status != "complete":
        return record.exit_code or InvalidError.exit_code
    return again.exit_code or 0


def _changes(record: RunRecord, again: RunRecord) -> str:
    """What is not as it was recorded, in a line; nothing where all of it is."""
    changed = [what for what in ("groups", "quality", "verdicts") if getattr(record, what) != getattr(again, what)]
    if not changed:
        return ""
    words = {"groups": "figures of speed", "quality": "figures of quality", "verdicts": "words of verdicts"}
    same = _outcomes(record) == _outcomes(again)
    return (
        f"Not as recorded: {', '.join(words[what] for what in changed)}; "
        f"{'the outcome of each gate is the same' if same else 'outcomes of gates too'}. "
        f"The record was changed, or xbench was, as CHANGELOG.md tells (then {record.xbench_version}).\n"
    )


def _outcomes(record: RunRecord) -> list[tuple[str, ...]]:
    return [(one.variant, one.hardware, one.workload, one.gate, one.outcome) for one in record.verdicts]


def list_runs(results: Path) -> None:
    """All runs, the oldest first."""
    rows: list[tuple[object, ...]] = []
    for folder in ResultsFolder(results).runs():
        try:
            record = folder.load()
        except StoreError as error:
            rows.append((folder.id, "unreadable", error.reason, "-", "-"))
            continue
        rows.append((record.id, record.status, record.outcome or "-", len(record.variants), len(record.groups)))
    headers = ("run", "status", "outcome", "variants", "devices x workloads")
    sys.stdout.write(visible_table(rows, headers) if rows else f"No runs in {visible(str(results))}\n")


def export_runs(names: Sequence[str], target: Path, results: Path) -> None:
    """Put runs into one file that `xbench results import` takes in elsewhere."""
    folder = ResultsFolder(results)
    if target.exists():
        raise InputError(f"{target} is there already", remedy="name another file with --to")
    runs = [folder.find(name) for name in names]
    files = write_bundle(runs, target)
    sys.stdout.write(visible(f"{len(runs)} runs, {files} files: {target}") + "\n")


def import_runs(bundle: Path, results: Path) -> None:
    """Take the runs of a bundle in, each checked by digest, and say what came."""
    found = import_bundle(bundle, ResultsFolder(results))
    for names, what in ((found.new, "imported"), (found.known, "there already, the same")):
        for name in names:
            sys.stdout.write(visible(f"{name}: {what}") + "\n")
