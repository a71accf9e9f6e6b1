"""Brings an index up to what the folders hold: new and changed runs are read, those that are gone are dropped."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from ..errors import StoreError
from ..records.case import RunRow
from ..store.case_rows import CASES
from ..store.folder import RECORD, RunFolder, is_run_id
from ..store.manifest import MANIFEST
from .reading import Read, read_run
from .schema import drop_run, put_run

# Runs that are put in together: the rows of so many are held in memory, and others wait no longer for their turn.
_BATCH = 100
# How often the folder is looked at again where it changes meanwhile. What changes later is for the next question.
_PASSES = 3

# The stamp of a run that the system could not read: no run has it, so that it is read again for each question.
_NOT_LASTING = ""


def scan(folder: Path) -> dict[str, str]:
    """The stamp of each run of a folder: which files its record, manifest and rows are, as the system tells them.

    A file that is replaced, grown or written to has another stamp. Raises StoreError where the folder cannot be read.
    """
    try:
        with os.scandir(folder) as entries:
            stamps = {entry.name: _stamp(entry) for entry in entries if is_run_id(entry.name)}
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise StoreError(f"The results folder {folder} cannot be read", error.strerror or str(error)) from error
    return {name: stamp for name, stamp in sorted(stamps.items()) if stamp}


def _stamp(entry: os.DirEntry[str]) -> str:
    """Empty where it is no run: a file, or a folder that has no record yet. A manifest shows that it had one."""
    if entry.is_symlink():
        return "link"
    # Joined by hand: there are thousands of them, and a Path takes longer.
    record, manifest, cases = (_state(f"{entry.path}/{name}") for name in (RECORD, MANIFEST, CASES))
    return (record or manifest) and f"{record} {manifest} {cases}"


def _state(path: str) -> str:
    """The change time tells of permissions too, and of a modification time that was set back."""
    try:
        found = os.lstat(path)
    except OSError:
        return ""
    kind = stat.S_IFMT(found.st_mode)
    return f"{kind:o}:{found.st_ino}:{found.st_size}:{found.st_mtime_ns}:{found.st_ctime_ns}"


def synchronise(connection: sqlite3.Connection, folder: Path) -> None:
    """Make the index what the folder holds now. Several processes may do so at once. Raises StoreError."""
    tried: set[tuple[str, str]] = set()
    for _ in range(_PASSES):
        found, known = scan(folder), _known(connection)
        stale = [
            name
            for name, stamp in found.items()
            if known.get(name) != stamp and (known.get(name) != _NOT_LASTING or (name, stamp) not in tried)
        ]
        tried.update((name, found[name]) for name in stale)
        gone = [name for name in known if name not in found]
        for first in range(0, len(stale), _BATCH):
            names = stale[first : first + _BATCH]
            # Read before the turn to write is taken: others need not wait for that.
            fresh = {name: read_run(RunFolder(folder / name)) for name in names}
            _take_in(connection, fresh, found, known)
        _drop(connection, gone, known)
        if not stale and not gone:
            return


def _known(connection: sqlite3.Connection) -> dict[str, str]:
    return dict(connection.execute("SELECT run, stamp FROM runs").fetchall())


def _take_in(
    connection: sqlite3.Connection, fresh: Mapping[str, Read], found: Mapping[str, str], known: Mapping[str, str]
) -> None:
    """Each run, but for those that another process has put in meanwhile: what that one read may be newer."""
    with _writing(connection):
        now = _known(connection)
        for name, read in fresh.items():
            if now.get(name) == known.get(name):
                _put(connection, read, found[name] if read.lasting else _NOT_LASTING)


def _put(connection: sqlite3.Connection, read: Read, stamp: str) -> None:
    try:
        put_run(connection, read.run, read.cases, stamp, _begun(read.run))
    except UnicodeEncodeError:  # half of a surrogate pair, which JSON can hold and UTF-8 cannot
        broken = RunRow(run=read.run.run, status="unreadable", reason="a name in its record is no Unicode text")
        put_run(connection, broken, (), stamp, _begun(broken))


def _drop(connection: sqlite3.Connection, gone: Sequence[str], known: Mapping[str, str]) -> None:
    if not gone:
        return
    with _writing(connection):
        now = _known(connection)
        for name in gone:
            if now.get(name) == known[name]:
                drop_run(connection, name)


@contextlib.contextmanager
def _writing(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _begun(run: RunRow) -> float | None:
    """Seconds since 1970, UTC: of what the record says, or the run's name where it says nothing; None for no time."""
    try:
        moment = datetime.fromisoformat(run.created or RunFolder(Path(run.run)).created)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return None
