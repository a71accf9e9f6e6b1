"""Examples that are lost, as the text of a CSV or JSONL file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from typing import Any

from ..records.quality import Exemplar
from .text import visible

_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
_COLUMNS = ("hardware", "variant", *Exemplar.model_fields)


def as_jsonl(lost: Iterable[tuple[str, str, Exemplar]]) -> str:
    """A JSON object a line: profile, variant, and the example's fields."""
    rows = (json.dumps(_row(*one), ensure_ascii=True) for one in lost)
    return "".join(f"{row}\n" for row in rows)


def as_csv(lost: Iterable[tuple[str, str, Exemplar]]) -> str:
    """A header and a row for each example, as RFC 4180 has it; slices are separated by `; `.

    Text is guarded as `csv_cell` has it.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(_COLUMNS)
    for one in lost:
        row = _row(*one)
        row["slices"] = "; ".join(row["slices"])
        writer.writerow(csv_cell(row[column]) for column in _COLUMNS)
    return out.getvalue()


def _row(hardware: str, variant: str, exemplar: Exemplar) -> dict[str, Any]:
    return {"hardware": hardware, "variant": variant, **exemplar.model_dump(mode="json")}


def csv_cell(value: Any) -> Any:
    """A cell of a CSV file; empty for None.

    Text that a spreadsheet would take for a formula gets an apostrophe in front (CWE-1236), and control characters
    are written as their code points: a terminal that the file is shown on would obey them (CWE-150).
    """
    if isinstance(value, str):
        return visible(f"'{value}" if value.startswith(_FORMULAS) else value)
    return "" if value is None else value
