"""What was kept of all batches, cut anew: how a model's batch is fixed makes no difference to scores."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Outputs


def regrouped(kept: Iterable[Outputs], size: int, rows: int) -> Iterator[Outputs]:
    """The same rows in order, `size` at a time, and fewer in the last; `rows` is how many there must be in all.

    Arrays whose other axes differ from batch to batch are joined as an object array of the rows. Raises
    InvalidError where there are more or fewer rows.
    """
    waiting: list[Outputs] = []
    count = done = 0
    for outputs in kept:
        waiting.append(outputs)
        count += count_rows(outputs)
        if done + count > rows:
            break
        while count >= size:
            whole = joined(waiting)
            yield {name: array[:size] for name, array in whole.items()}
            waiting = [{name: array[size:] for name, array in whole.items()}]
            count, done = count - size, done + size
    if done + count == rows and count:
        yield joined(waiting)
    if done + count != rows:
        raise InvalidError(
            f"The answers to {rows} rows of data are needed",
            f"{done + count} {'or more ' if done + count > rows else ''}were kept",
            "score the variant again: they belong to other data, or were not kept to the end",
        )


def count_rows(arrays: Mapping[str, NDArray[Any]]) -> int:
    """How many rows some arrays have: the first axis of each."""
    return len(next(iter(arrays.values())))


def joined(parts: list[Outputs]) -> Outputs:
    """Some consecutive batches as one."""
    if len(parts) == 1:
        return parts[0]
    filled = [part for part in parts if count_rows(part)]
    return {name: _join([part[name] for part in filled]) for name in parts[0]}


def _join(arrays: list[NDArray[Any]]) -> NDArray[Any]:
    plain = len({array.shape[1:] for array in arrays}) == 1 and all(array.dtype != object for array in arrays)
    if plain:
        return np.concatenate(arrays)
    found = np.empty(sum(map(len, arrays)), dtype=object)
    for number, row in enumerate(row for array in arrays for row in array):
        found[number] = row
    return found
