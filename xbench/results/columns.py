"""Rows of cases turned into columns, for tables of other libraries."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from ..records.case import CaseRow

ColumnKind = Literal["text", "whole", "float", "truth"]
_KINDS: dict[Any, ColumnKind] = {bool: "truth", int: "whole", float: "float"}


def column_kinds() -> dict[str, ColumnKind]:
    """What each field of a case holds, in their order."""
    return {name: kind_of(field.annotation) for name, field in CaseRow.model_fields.items()}


def kind_of(annotation: Any) -> ColumnKind:
    """What a field of this type holds; text where it is none of the numbers."""
    kinds = {getattr(kind, "__origin__", kind) for kind in (annotation, *getattr(annotation, "__args__", ()))}
    return next((told for kind, told in _KINDS.items() if kind in kinds), "text")


def as_columns(cases: Sequence[CaseRow]) -> dict[str, list[Any]]:
    """The values of each field, None where one is not known."""
    return {name: [getattr(case, name) for case in cases] for name in CaseRow.model_fields}
