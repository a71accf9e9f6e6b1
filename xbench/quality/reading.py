"""A pass over a task's data, each batch with the ids of its examples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..errors import InvalidError
from ..protocols import Rows
from ..quantities import examples_text
from .encoding import text_values
from .kept import count_rows

_TEXTS = 1024  # in memory at once, where they are not fed as they are read


def read(
    dataset: Dataset, columns: Sequence[str], size: int, ids: NDArray[np.str_]
) -> Iterator[tuple[Rows, list[str]]]:
    """`size` examples at a time, and their ids.

    Raises InvalidError where there are more or fewer than there were when the data were first looked at.
    """
    start = 0
    for rows in dataset.batches(columns, size):
        stop = start + count_rows(rows)
        if stop > len(ids):
            raise _changed(dataset, "more", len(ids))
        yield rows, ids[start:stop].tolist()
        start = stop
    if start < len(ids):
        raise _changed(dataset, str(start), len(ids))


def read_texts(dataset: Dataset, column: str, ids: NDArray[np.str_]) -> Iterator[str]:
    """The texts of a column. Raises as `read` does, and InputError for what is no text."""
    for rows, some in read(dataset, (column,), _TEXTS, ids):
        yield from text_values(rows, column, some)


def lists_of(array: NDArray[Any]) -> list[Any]:
    """The values of a column as plain lists, where they are lists or arrays of them."""
    return [value.tolist() if isinstance(value, np.ndarray) else value for value in array]


def _changed(dataset: Dataset, found: str, first: int) -> InvalidError:
    return InvalidError(
        f"The data {dataset.source} are not the same each time they are read",
        f"first there were {examples_text(first)}, and now {found}",
        "leave the file alone while it is read; an iterator must give the same examples each time",
    )
