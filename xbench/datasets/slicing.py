"""Slices: which examples lie in which part of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..protocols import Rows
from ..records.evaluation import SliceSpec
from .expressions import parse
from .limits import MAX_NAME_LENGTH, MAX_SLICES

MISSING = "(missing)"


class ExpressionSlice:
    """The examples for which an expression holds."""

    def __init__(self, name: str, where: str) -> None:
        self._name = name
        self._expression = parse(where)
        self._held: list[NDArray[np.bool_]] = []
        self.columns = self._expression.columns

    def see(self, rows: Rows) -> None:
        """Take in a batch."""
        self._held.append(self._expression.holds(rows))

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """The slice, by its name."""
        return {self._name: np.concatenate(self._held)}


class ColumnSlices:
    """A slice for each value of a column, `COLUMN=VALUE`, and one for where it is missing."""

    def __init__(self, column: str, names: Sequence[str] = ()) -> None:
        self._column = column
        self._names = names
        self._codes: dict[Any, int] = {}
        self._held: list[NDArray[np.int16]] = []
        self.columns: tuple[str, ...] = (column,)

    def see(self, rows: Rows) -> None:
        """Take in a batch. Raises InputError for lists, and for more values than slices are made of."""
        array = rows[self._column]
        if array.ndim > 1 or any(isinstance(value, list) for value in array):
            raise InputError(
                f"The column {self._column!r} makes no slices", "it holds lists", "slice by an expression"
            )
        codes = [self._code(value) for value in array.tolist()]
        self._held.append(np.array(codes, dtype=np.int16))

    def _code(self, value: Any) -> int:
        if isinstance(value, float) and value != value:
            value = None  # NaN is unequal to itself: each would be a slice of its own.
        code = self._codes.setdefault(value, len(self._codes))
        if len(self._codes) - (None in self._codes) > MAX_SLICES:
            raise InputError(
                f"The column {self._column!r} makes too many slices",
                f"it has more than {MAX_SLICES} values",
                "name the ones that matter by expressions: `name: ...` and `where: ...`",
            )
        return code

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """The slices by name, in the order of the values; the one of missing values last."""
        codes = np.concatenate(self._held)
        values = sorted(value for value in self._codes if value is not None)
        ordered = [*values, *([None] if None in self._codes else [])]
        return {self._name_of(value): codes == self._codes[value] for value in ordered}

    def _name_of(self, value: Any) -> str:
        if value is None:
            return f"{self._column}={MISSING}"
        named = type(value) is int and 0 <= value < len(self._names)
        text = self._names[value] if named else str(value)
        if len(text) > MAX_NAME_LENGTH:
            raise InputError(
                f"The column {self._column!r} makes no slices",
                f"its value {text[:40]!r}... has more than {MAX_NAME_LENGTH} characters",
                "slice by an expression",
            )
        return f"{self._column}={text}"


class Slices:
    """All slices of a task, in the order in which the suite tells them."""

    def __init__(self, specs: Sequence[SliceSpec], classes: dict[str, tuple[str, ...]]) -> None:
        self._parts = [_part(spec, classes) for spec in specs]

    @property
    def columns(self) -> tuple[str, ...]:
        """What must be read."""
        return tuple(dict.fromkeys(name for part in self._parts for name in part.columns))

    def see(self, rows: Rows) -> None:
        """Take in a batch."""
        for part in self._parts:
            part.see(rows)

    def masks(self) -> dict[str, NDArray[np.bool_]]:
        """Which examples lie in each. Raises InputError where two have one name."""
        found: dict[str, NDArray[np.bool_]] = {}
        for part in self._parts:
            for name, mask in part.masks().items():
                if name in found:
                    raise InputError(f"Two slices are called {name!r}", "", "give each a name of its own")
                found[name] = mask
        return found


def _part(spec: SliceSpec, classes: dict[str, tuple[str, ...]]) -> ExpressionSlice | ColumnSlices:
    if spec.column is not None:
        return ColumnSlices(spec.column, classes.get(spec.column, ()))
    return ExpressionSlice(spec.name or "", spec.where or "")
