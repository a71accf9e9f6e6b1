"""Cases as data for other programs: JSON and Parquet, with units in the names of their fields."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import IO, Any

from ..errors import InputError
from ..records.case import CaseRow, RunRow
from ..store.case_rows import CASES_SCHEMA
from .columns import as_columns, column_kinds

RUNS_SCHEMA = "xbench.runs/1"


def cases_data(cases: Iterable[CaseRow]) -> dict[str, Any]:
    """The cases with all their fields, as `cases.json` of a run has them."""
    return {"schema": CASES_SCHEMA, "cases": [case.model_dump(mode="json") for case in cases]}


def runs_data(runs: Iterable[RunRow]) -> dict[str, Any]:
    """The runs with all their fields."""
    return {"schema": RUNS_SCHEMA, "runs": [run.model_dump(mode="json") for run in runs]}


def write_parquet(cases: Sequence[CaseRow], file: IO[bytes]) -> None:
    """One table with a column for each field, typed also where all of it is missing. Raises InputError."""
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError as error:
        raise InputError("Parquet needs pyarrow", "not installed", "pip install 'xbench[quality]'") from error
    types = {"text": pyarrow.string(), "whole": pyarrow.int64(), "float": pyarrow.float64(), "truth": pyarrow.bool_()}
    schema = pyarrow.schema([(name, types[kind]) for name, kind in column_kinds().items()])
    told = schema.with_metadata({"schema": CASES_SCHEMA})
    parquet.write_table(pyarrow.table(as_columns(cases), schema=told), file)
