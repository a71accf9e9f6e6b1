"""The index of a results folder: an SQLite file that is brought up to date before each question, and may be lost.

What it tells is always what the folders hold: where it cannot be used, the same is made in memory, and said so.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from ..errors import StoreError
from .schema import make_tables, tables
from .syncing import scan, synchronise

INDEX = ".index.sqlite"
LOCK = ".index.lock"
WAIT_S = 10.0
"""How long another process is waited for that is writing the index, or making it anew."""

_BESIDE = ("", "-wal", "-shm", "-journal")
# SQLite's primary result codes (sqlite.org/rescode.html) of a file that is damaged, or none of a database.
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_NOTADB}
_PRIMARY = 0xFF
_TRIES = 3

Answer = TypeVar("Answer")
Question = Callable[[sqlite3.Connection], Answer]


class _UnfitError(Exception):
    """The file is no index as it is made here; empty where there is no file."""


class Index:
    """Answers questions about the runs of one folder. `tell` is given what a user should know, in a sentence."""

    def __init__(self, folder: Path, tell: Callable[[str], None]) -> None:
        self._folder = folder
        self._tell = tell
        self._private: sqlite3.Connection | None = None
        self._turn = threading.Lock()

    @property
    def path(self) -> Path:
        """The file."""
        return self._folder / INDEX

    def ask(self, question: Question[Answer]) -> Answer:
        """The answer as of now. The question reads all it needs before it returns. Raises StoreError."""
        with self._turn:
            if not self._worth_a_file():
                with contextlib.closing(_in_memory()) as nothing:
                    return question(nothing)
            if self._private is None:
                try:
                    return self._from_file(question)
                except (OSError, sqlite3.DatabaseError, _UnfitError) as error:
                    why = getattr(error, "strerror", None) or error
                    self._tell(f"The index {self.path} cannot be used ({why}): this is read from the runs themselves")
            if self._private is None:
                self._private = _in_memory()
            synchronise(self._private, self._folder)
            return question(self._private)

    def rebuild(self) -> None:
        """Make the file anew, whatever it holds. Raises StoreError."""
        with self._turn:
            self._private = None
            try:
                with self._locked(fcntl.LOCK_EX):
                    self._make()
            except (OSError, sqlite3.DatabaseError) as error:
                raise StoreError(
                    f"The index {self.path} cannot be made anew",
                    getattr(error, "strerror", None) or str(error),
                    "without --rebuild, xbench does without it",
                ) from error

    def _worth_a_file(self) -> bool:
        """Nothing is left behind in a folder without runs."""
        return os.path.lexists(self.path) or bool(scan(self._folder))

    def _from_file(self, question: Question[Answer]) -> Answer:
        for _ in range(_TRIES):
            sound = True
            try:
                with self._locked(fcntl.LOCK_SH), contextlib.closing(self._opened()) as connection:
                    synchronise(connection, self._folder)
                    return question(connection)
            except _UnfitError as error:
                why = str(error)
            except ValidationError:
                why, sound = "it holds what no run has", False
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                why = str(error)
            self._mend(why, sound)
        raise _UnfitError(why)

    def _mend(self, why: str, maybe_sound: bool) -> None:
        """Make the file anew, unless another process has just done so."""
        with self._locked(fcntl.LOCK_EX):
            if maybe_sound and self._sound():
                return
            self._make()
        if why:
            self._tell(f"The index {self.path} could not be used ({why}): it was made anew from the runs")

    def _sound(self) -> bool:
        try:
            with contextlib.closing(self._opened()) as connection:
                return connection.execute("PRAGMA quick_check").fetchall() == [("ok",)]
        except _UnfitError:
            return False
        except sqlite3.DatabaseError as error:
            if not _is_damage(error):
                raise
            return False

    def _opened(self) -> sqlite3.Connection:
        """The file, if it is an index as it is made here. A link is not followed."""
        if not os.path.lexists(self.path):
            raise _UnfitError
        for name in _BESIDE:
            if self.path.with_name(INDEX + name).is_symlink():
                raise _UnfitError(f"{INDEX + name} is a link")
        connection = _connect(f"{self.path.absolute().as_uri()}?mode=rw")
        try:
            connection.execute("PRAGMA synchronous = NORMAL")  # in WAL, nothing breaks with it when the power fails
            found = tables(connection)
        except BaseException:
            connection.close()
            raise
        if found != _tables():
            connection.close()
            raise _UnfitError("it is no index, or one of another version of xbench")
        return connection

    def _make(self) -> None:
        self._remove()
        try:
            with contextlib.closing(_connect(f"{self.path.absolute().as_uri()}?mode=rwc")) as connection:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute("BEGIN")
                make_tables(connection)
                connection.execute("COMMIT")
        except BaseException:
            self._remove()
            raise

    def _remove(self) -> None:
        for name in _BESIDE:
            self.path.with_name(INDEX + name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        """Shared while the file is used, alone while it is replaced: a file that others use is never taken away."""
        handle = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            _wait_for(handle, how)
            yield
        finally:
            os.close(handle)


def _wait_for(handle: int, how: int) -> None:
    until = time.monotonic() + WAIT_S
    while True:
        try:
            return fcntl.flock(handle, how | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() >= until:
                raise TimeoutError(f"another process has held it for {WAIT_S:.0f} s") from error
            time.sleep(0.02)


def _connect(name: str) -> sqlite3.Connection:
    uri = name.startswith("file:")
    return sqlite3.connect(name, timeout=WAIT_S, isolation_level=None, check_same_thread=False, uri=uri)


def _in_memory() -> sqlite3.Connection:
    """An index of nothing."""
    connection = _connect(":memory:")
    make_tables(connection)
    return connection


@functools.cache
def _tables() -> list[tuple[object, ...]]:
    """Those of an index as it is made here."""
    with contextlib.closing(_in_memory()) as connection:
        return tables(connection)


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & _PRIMARY in _DAMAGED
