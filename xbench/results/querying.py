"""Recorded runs from Python: lists of runs and cases, records, and frames.

from xbench.results import open_results

results = open_results("results")
for case in results.cases(variant="half-*", hardware="cpu", verdict="faster"):
    print(case.run, case.speedup_low, case.speedup_high)
"""

from __future__ import annotations

import os
import sqlite3
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, Unpack

from ..errors import StoreError
from ..records.case import CaseRow, RunRow
from ..records.run_record import RunRecord
from ..store.folder import ResultsFolder
from .filtering import Condition, Filters, case_condition, run_condition
from .frames import Kind, as_frame
from .index import Index
from .schema import CASE_COLUMNS, RUN_COLUMNS


def open_results(path: Path | str = "results", tell: Callable[[str], None] | None = None) -> Results:
    """The runs of a results folder. `tell` is given what should be known of its index; none: Python's warnings.

    A folder that is not there holds no runs. Raises StoreError where it is no folder.
    """
    return Results(path, tell)


def _warn(text: str) -> None:
    warnings.warn(text, stacklevel=2)


class Results:
    """The runs of a results folder, as they are at each question. Filters are those of `Filters`."""

    def __init__(self, path: Path | str = "results", tell: Callable[[str], None] | None = None) -> None:
        self.path = Path(path)
        # Not by the path itself, which raises where it may not be looked at: the index tells that.
        if os.path.exists(self.path) and not os.path.isdir(self.path):  # noqa: PTH110, PTH112
            raise StoreError(f"{self.path} is no folder", "", "--output DIR names the results folder")
        self._index = Index(self.path, tell or _warn)

    def runs(self, **filters: Unpack[Filters]) -> list[RunRow]:
        """The runs that fit, the newest last: with filters of cases, those that have one that fits.

        Runs that cannot be read are among them, but fit no filter of cases.
        """
        found = self._select("runs", RUN_COLUMNS, run_condition(filters), "run")
        return self._index.ask(lambda connection: [RunRow.model_validate(row) for row in found(connection)])

    def cases(self, **filters: Unpack[Filters]) -> list[CaseRow]:
        """The cases that fit, those of the newest run last, each run's in its order."""
        found = self._select("cases", CASE_COLUMNS, case_condition(filters), "run, position")
        return self._index.ask(lambda connection: [CaseRow.model_validate(row) for row in found(connection)])

    def unreadable(self) -> list[RunRow]:
        """The runs that are there and cannot be read, with the reason."""
        found = self._select("runs", RUN_COLUMNS, ("status = ?", ["unreadable"]), "run")
        return self._index.ask(lambda connection: [RunRow.model_validate(row) for row in found(connection)])

    def counts(self) -> tuple[int, int]:
        """How many runs and how many cases there are."""
        asked = "SELECT (SELECT count(*) FROM runs), (SELECT count(*) FROM cases)"
        runs, cases = self._index.ask(lambda connection: connection.execute(asked).fetchone())
        return int(runs), int(cases)

    def record(self, run: str) -> RunRecord:
        """The whole record of a run: by its name, a unique beginning of it, or `last`. Raises StoreError."""
        return ResultsFolder(self.path).find(run).load()

    def frame(self, kind: Kind = "auto", **filters: Unpack[Filters]) -> Any:
        """The cases that fit as a frame of pandas or Polars. Raises InputError where neither is installed."""
        return as_frame(self.cases(**filters), kind)

    def rebuild(self) -> int:
        """Make the index anew out of the folders, and tell how many runs there are. Raises StoreError."""
        self._index.rebuild()
        return self.counts()[0]

    def _select(
        self, table: str, columns: tuple[str, ...], condition: Condition, order: str
    ) -> Callable[[sqlite3.Connection], list[dict[str, Any]]]:
        where, parameters = condition
        listed = ", ".join(f'"{column}"' for column in columns)
        asked = f"SELECT {listed} FROM {table} WHERE {where} ORDER BY {order}"  # noqa: S608 - no values

        def found(connection: sqlite3.Connection) -> list[dict[str, Any]]:
            return [dict(zip(columns, row, strict=True)) for row in connection.execute(asked, parameters)]

        return found
