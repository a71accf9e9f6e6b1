"""`xbench results export` and `import`: runs in one file, to be carried elsewhere; and cases as a table."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from ..errors import InputError, StoreError
from ..records.case import CaseRow
from ..report.text import visible
from ..store.files import write_whole
from ..store.folder import ResultsFolder
from .listing import note_unreadable, opened
from .targets import require_free

_BUNDLES = (".tar.gz", ".tgz")


def export(names: Sequence[str], target: Path, output: Path, filters: Mapping[str, Any], force: bool) -> None:
    """Write a bundle or a table, as the ending of the file's name says. Raises InputError before anything is read."""
    tables = {".csv": _write_csv, ".parquet": _write_parquet, ".json": _write_json}
    write = tables.get(target.suffix.lower())
    bundle = target.name.lower().endswith(_BUNDLES)
    if write is None and not bundle:
        raise InputError(f"--to {target} has no known ending", f"known are {', '.join((_BUNDLES[0], *tables))}")
    require_free("--to", target, force)
    if write is not None:
        return _export_cases(names, target, output, filters, write)
    if any(filters.values()):
        raise InputError(
            "A bundle holds whole runs, and no cases of them", "", "name the runs, and leave the filters out"
        )
    if not names:
        raise InputError("A bundle of no runs", "", "name the runs, such as last; `xbench results list` shows them")
    _export_runs(names, target, output)


def _export_runs(names: Sequence[str], target: Path, output: Path) -> None:
    from ..store.bundles import write_bundle

    runs = [ResultsFolder(output).find(name) for name in names]
    files = write_bundle(runs, target)
    sys.stdout.write(visible(f"{len(runs)} runs, {files} files: {target}") + "\n")


def _export_cases(
    names: Sequence[str],
    target: Path,
    output: Path,
    filters: Mapping[str, Any],
    write: Callable[[Sequence[CaseRow], IO[bytes]], None],
) -> None:
    results = opened(output)
    runs = _ids(names, output)
    broken = {run.run: run.reason for run in results.unreadable()}
    for run in runs:
        if run in broken:
            raise StoreError(f"The run {run} cannot be read", broken[run])
    if not runs:
        note_unreadable(results)
    cases = results.cases(run=runs, **filters)
    total = results.counts()[1]
    if not cases:
        raise InputError(f"None of {total:,} cases is one that was asked for", "nothing was written")
    write_whole(target, lambda file: write(cases, file))
    sys.stdout.write(visible(f"{len(cases):,} of {total:,} cases: {target}") + "\n")


def _ids(names: Sequence[str], output: Path) -> list[str]:
    """Whole names of runs, of this folder."""
    found = [ResultsFolder(output).find(name) for name in names]
    for folder in found:
        if folder.path.resolve().parent != output.resolve():
            where = visible(str(folder.path.parent))
            raise InputError(f"{folder.id} is not in {output}", "", f"name its folder: --output {where}")
    return [folder.id for folder in found]


def _write_csv(cases: Sequence[CaseRow], file: IO[bytes]) -> None:
    from ..report.cases import as_csv

    file.write(as_csv(cases).encode())


def _write_json(cases: Sequence[CaseRow], file: IO[bytes]) -> None:
    from ..results.exporting import cases_data

    file.write(json.dumps(cases_data(cases), indent=1, allow_nan=False).encode() + b"\n")


def _write_parquet(cases: Sequence[CaseRow], file: IO[bytes]) -> None:
    from ..results.exporting import write_parquet

    write_parquet(cases, file)


def import_runs(bundle: Path, results: Path) -> None:
    """Take the runs of a bundle in, each checked by digest, and say what came."""
    from ..store.unpacking import import_bundle

    found = import_bundle(bundle, ResultsFolder(results))
    for names, what in ((found.new, "imported"), (found.known, "there already, the same")):
        for name in names:
            sys.stdout.write(visible(f"{name}: {what}") + "\n")
