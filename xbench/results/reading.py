"""One run folder, as an index takes it in: what it is, and its rows. Nothing is followed out of it."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass

from ..errors import StoreError
from ..records.case import CaseRow, RunRow
from ..records.run_record import RunRecord
from ..store.case_rows import CASES
from ..store.folder import RECORD, RunFolder
from ..store.manifest import MANIFEST
from ..store.plain import opened
from ..store.verifying import lacks_manifest
from .rows import case_rows, model_name, suite_name


@dataclass(frozen=True, slots=True)
class Read:
    """A run and its cases. `lasting` is False where the system could not read it: it may the next time."""

    run: RunRow
    cases: tuple[CaseRow, ...] = ()
    lasting: bool = True


def read_run(folder: RunFolder) -> Read:
    """The run and its rows; without rows, and with the reason, where it cannot be read or is not what was sealed.

    The rows of a complete run are those that its manifest vouches for; others are made of the record.
    """
    try:
        _require_plain(folder)
        sealed = folder.rows()
        if sealed:
            _require_own(folder, *(row.run for row in sealed))
            return Read(_run_row(folder, sealed, sealed=True), sealed)
        record = folder.load()
        _require_own(folder, record.id)
        if record.status == "complete" and lacks_manifest(folder):
            raise StoreError(f"The {MANIFEST} of {folder.id} is gone", "nothing vouches for its record")
        rows = case_rows(record)
        return Read(_run_row(folder, rows) if rows else _without_cases(folder, record), rows)
    except StoreError as error:
        return _unreadable(folder, error.reason, error.__cause__)
    except (OSError, ValueError, RecursionError) as error:
        return _unreadable(folder, " ".join(str(error).split())[:300], error)


def _require_plain(folder: RunFolder) -> None:
    """A link would lead elsewhere, and a pipe would be waited for."""
    if folder.path.is_symlink():
        raise StoreError(f"{folder.id} is a link", "links are not followed")
    if not os.path.lexists(folder.path / RECORD):
        raise StoreError(f"The {RECORD} of {folder.id} is gone", "`xbench results verify` tells more")
    opened(folder.path / RECORD).close()
    if (folder.path / CASES).exists():
        opened(folder.path / CASES).close()


def _require_own(folder: RunFolder, *names: str) -> None:
    """A copy of a run under another name would be counted twice."""
    other = next((name for name in names if name != folder.id), None)
    if other is not None:
        raise StoreError(f"The folder {folder.id} holds the run {other}", "a run has the name of its folder")


def _run_row(folder: RunFolder, rows: Sequence[CaseRow], *, sealed: bool = False) -> RunRow:
    first = rows[0]
    measured = [row for row in rows if row.inputs_sha256]
    return RunRow(
        run=folder.id,
        created=first.created,
        status=first.status,
        outcome=first.run_outcome,
        suite=first.suite,
        model=first.model,
        machine=first.machine,
        fingerprint_sha256=first.fingerprint_sha256,
        xbench_version=first.xbench_version,
        variants=len({row.variant for row in rows}),
        groups=len({(row.hardware, row.workload) for row in measured}),
        cases=len(rows),
        sealed=sealed,
    )


def _without_cases(folder: RunFolder, record: RunRecord) -> RunRow:
    """A run that has not come to a device yet, or has none."""
    return RunRow(
        run=folder.id,
        created=record.created,
        status=record.status,
        outcome=record.outcome,
        suite=suite_name(record),
        model=model_name(record),
        xbench_version=record.xbench_version,
        variants=len(record.variants),
        groups=len(record.groups),
        reason=record.failure,
    )


def _unreadable(folder: RunFolder, reason: str, cause: BaseException | None) -> Read:
    return Read(RunRow(run=folder.id, status="unreadable", reason=reason), lasting=not isinstance(cause, OSError))
