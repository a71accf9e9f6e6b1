"""Cases as a frame of pandas or Polars, where one of them is installed. xbench itself needs neither."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any, Literal

from ..errors import InputError
from ..records.case import CaseRow
from .columns import ColumnKind, as_columns, column_kinds

Kind = Literal["auto", "pandas", "polars"]

# Types of pandas that tell a missing value from a number, so that no count becomes a float.
_PANDAS: dict[ColumnKind, str] = {"text": "string", "whole": "Int64", "float": "float64", "truth": "boolean"}


def as_frame(cases: Sequence[CaseRow], kind: Kind = "auto") -> Any:
    """A row for each case, a column for each field; `auto` takes pandas before Polars.

    Raises InputError where what is asked for is not installed.
    """
    if kind not in ("auto", "pandas", "polars"):
        raise InputError(f"There is no frame of {kind!r}", "known are auto, pandas, polars")
    wanted = ("pandas", "polars") if kind == "auto" else (kind,)
    found = next((name for name in wanted if find_spec(name) is not None), None)
    if found is None:
        raise InputError(
            f"A frame needs {' or '.join(wanted)}",
            "not installed",
            f"pip install {wanted[0]}; or use `cases`, a list of records",
        )
    return _pandas(cases) if found == "pandas" else _polars(cases)


def _pandas(cases: Sequence[CaseRow]) -> Any:
    import pandas  # type: ignore[import-untyped, unused-ignore]

    frame = pandas.DataFrame(as_columns(cases))
    return frame.astype({name: _PANDAS[kind] for name, kind in column_kinds().items()})


def _polars(cases: Sequence[CaseRow]) -> Any:
    import polars  # type: ignore[import-not-found, unused-ignore]

    types = {"text": polars.String, "whole": polars.Int64, "float": polars.Float64, "truth": polars.Boolean}
    return polars.DataFrame(as_columns(cases), schema={name: types[kind] for name, kind in column_kinds().items()})
