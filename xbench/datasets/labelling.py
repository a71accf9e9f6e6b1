"""Labels: the number of each example's class, out of numbers or names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..quantities import examples_text
from .limits import MAX_CLASSES


class Labels:
    """Takes in a column of classes. `classes`: their names by number; none: their numbers are their names."""

    def __init__(self, column: str, classes: Sequence[str]) -> None:
        self._column = column
        self._classes = tuple(classes)
        self._numbers = {name: number for number, name in enumerate(self._classes)}
        self._held: list[NDArray[np.int64]] = []
        self._missing = 0
        self._first_missing = ""
        if len(self._numbers) < len(self._classes):
            raise InputError("Two classes have one name", ", ".join(self._classes)[:200], "name each class once")

    def see(self, array: NDArray[Any], ids: Sequence[str]) -> None:
        """Take in a batch, and the ids of its examples. Raises InputError for a label that no class has."""
        if array.ndim > 1 or any(isinstance(value, list) for value in array):
            raise InputError(
                f"The column {self._column!r} is no label",
                "it holds a list for each example",
                "a label is one class; `task: multi-label` takes several",
            )
        self._held.append(np.array([self._number(v, i) for v, i in zip(array.tolist(), ids, strict=True)], np.int64))

    def numbers(self) -> NDArray[np.int64]:
        """All labels. Raises InputError where some are missing."""
        if self._missing:
            raise InputError(
                f"{examples_text(self._missing)} without a label in the column {self._column!r}",
                f"the first of them is {self._first_missing!r}",
                "label them, or leave them out of the data",
            )
        return np.concatenate(self._held)

    def names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return self._classes or tuple(str(number) for number in range(int(self.numbers().max()) + 1))

    def _number(self, value: Any, example: str) -> int:
        if value is None or value != value:
            self._first_missing = self._first_missing or example
            self._missing += 1
            return -1
        if isinstance(value, str):
            return self._named(value, example)
        if not float(value).is_integer():
            raise self._unknown(value, example, "a label is the number of a class, or its name")
        limit = len(self._classes) or MAX_CLASSES
        if not 0 <= value < limit:
            raise self._unknown(value, example, f"numbers of classes go from 0 to {limit - 1:,}")
        return int(value)

    def _named(self, value: str, example: str) -> int:
        if value not in self._numbers:
            names = ", ".join(self._classes[:20]) + (", ..." if len(self._classes) > 20 else "")
            known = f"the classes are {names}" if names else "the names of the classes are not known"
            raise self._unknown(value, example, known)
        return self._numbers[value]

    def _unknown(self, value: Any, example: str, known: str) -> InputError:
        return InputError(
            f"The label {str(value)[:80]!r} of example {example!r} is of no class",
            known,
            "name all classes in `classes`, in the order of the model's outputs",
        )
