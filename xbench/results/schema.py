"""The tables of the index. Their columns are the fields of the rows, so that neither is written down twice."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Sequence
from operator import attrgetter

from .._version import __version__
from ..records.base import Record
from ..records.case import CaseRow, RunRow
from .columns import ColumnKind, kind_of

VERSION = 1
"""Of what is put into the tables. Other columns are seen without it: an index of other tables is made anew."""

CASE_COLUMNS = tuple(CaseRow.model_fields)
RUN_COLUMNS = tuple(RunRow.model_fields)
_of_run, _of_case = attrgetter(*RUN_COLUMNS), attrgetter(*CASE_COLUMNS)
_TYPES: dict[ColumnKind, str] = {"text": "TEXT", "whole": "INTEGER", "float": "REAL", "truth": "INTEGER"}
# What is asked for most; what is left of 100,000 cases is looked through quickly.
_INDICES = ("run", "model", "variant", "hardware", "at")


def make_tables(connection: sqlite3.Connection) -> None:
    """Make empty tables. `stamp` is how a run's files were when they were read, `at` its begin in seconds, UTC."""
    runs, cases = _columns(RunRow), _columns(CaseRow)
    connection.execute(f"CREATE TABLE runs ({runs}, stamp TEXT NOT NULL, at REAL)")
    connection.execute("CREATE UNIQUE INDEX runs_run ON runs (run)")
    connection.execute(f"CREATE TABLE cases ({cases}, position INTEGER NOT NULL, at REAL)")
    for column in _INDICES:
        connection.execute(f"CREATE INDEX cases_{column} ON cases ({column})")
    connection.execute(f"PRAGMA user_version = {_user_version()}")


def _user_version() -> int:
    """Of these tables and of xbench: another version of it may read a run that this one cannot, or read it better."""
    return zlib.crc32(f"{VERSION} {__version__}".encode()) >> 1  # it is a signed number of 32 bits


def tables(connection: sqlite3.Connection) -> list[tuple[object, ...]]:
    """Version and tables that there are: those of `make_tables`, where the index is as it is made here."""
    version = connection.execute("PRAGMA user_version").fetchall()
    return [*version, *connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY name")]


def put_run(
    connection: sqlite3.Connection, row: RunRow, cases: Sequence[CaseRow], stamp: str, at: float | None
) -> None:
    """Put a run and its cases in the place of what there was of it."""
    drop_run(connection, row.run)
    connection.execute(_insert("runs", len(RUN_COLUMNS) + 2), (*_of_run(row), stamp, at))
    every = ((*_of_case(case), position, at) for position, case in enumerate(cases))
    connection.executemany(_insert("cases", len(CASE_COLUMNS) + 2), every)


def drop_run(connection: sqlite3.Connection, run: str) -> None:
    """Forget a run."""
    connection.execute("DELETE FROM runs WHERE run = ?", (run,))
    connection.execute("DELETE FROM cases WHERE run = ?", (run,))


def _insert(table: str, columns: int) -> str:
    return f"INSERT INTO {table} VALUES ({', '.join('?' * columns)})"  # noqa: S608 - no values


def _columns(row: type[Record]) -> str:
    return ", ".join(f'"{name}" {_TYPES[kind_of(field.annotation)]}' for name, field in row.model_fields.items())
