"""The cases of a finished run as flat rows: what an index of many runs is made of, without reading their records."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.case import CaseRow

CASES = "cases.json"
CASES_SCHEMA = "xbench.cases/1"


def as_text(rows: Sequence[CaseRow]) -> str:
    """JSON with a line for each case; fields that have their default are left out."""
    lines = ",\n".join(row.model_dump_json(exclude_defaults=True) for row in rows)
    return f'{{"schema": {json.dumps(CASES_SCHEMA)}, "cases": [\n{lines}\n]}}\n'


def read_rows(path: Path, content: bytes) -> tuple[CaseRow, ...]:
    """The rows in such a file. Raises StoreError where it is damaged or of another schema."""
    try:
        data = json.loads(content)
        found = data.get("schema") if isinstance(data, dict) else None
        if found != CASES_SCHEMA:
            raise StoreError(f"{path} has the schema {found!r}", f"this xbench reads {CASES_SCHEMA}")
        return tuple(CaseRow.model_validate(row) for row in data["cases"])
    except (ValueError, KeyError, TypeError, RecursionError, ValidationError) as error:
        raise StoreError(f"{path} cannot be read", " ".join(str(error).split())[:300]) from error
