"""Examples that a function of the user's makes, one by one. It is called anew for each pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..quantities import examples_text
from ..sources.factory import load_factory
from ..sources.quiet import one_line
from .arrow import require_pyarrow
from .asking import require_distinct
from .jsonl import python_array
from .layouts import Layout

_BLOCK_EXAMPLES = 256
_BLOCK_BYTES = 32 * 2**20


class IteratorBlocks:
    """Blocks of what the function `module:function` returns: an iterable of mappings of columns to values.

    A value is a number, truth value or text, None where it is missing, a list of these, or an array of numbers. All
    examples have the columns of the first. Raises InputError for anything else, and for what the function raises.
    """

    classes: dict[str, tuple[str, ...]]
    layouts: dict[str, Layout]

    def __init__(self, reference: str, base: Path, trusted: bool) -> None:
        self._function: Callable[[], Any] = load_factory(reference, base, trusted)
        require_pyarrow()
        self.source = reference
        self.classes = {}
        self.layouts = {}
        first = next(self._examples(), None)
        if first is None:
            raise InputError(f"The data {reference} are empty", "the function returned no example")
        self.columns = tuple(first)
        require_distinct(self.columns, reference)

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """See `Blocks`."""
        held: list[Mapping[str, Any]] = []
        size, start = 0, 0
        for number, example in enumerate(self._examples()):
            self._require_columns(example, number)
            held.append({name: _copied(example[name]) for name in columns})
            size += sum(_room(example[name]) for name in columns)
            if len(held) == _BLOCK_EXAMPLES or size > _BLOCK_BYTES:
                yield _block(held, columns, start)
                held, size, start = [], 0, number + 1
        if held:
            yield _block(held, columns, start)

    def _examples(self) -> Iterator[Mapping[str, Any]]:
        """What the function returns. Whatever it raises is the user's to mend, so it becomes an InputError."""
        given = 0
        try:
            for example in self._function():
                if not isinstance(example, Mapping) or not all(isinstance(name, str) for name in example):
                    raise TypeError(f"an example is a mapping of columns to values; this is {type(example).__name__}")
                yield example
                given += 1
        except InputError:
            raise
        except (Exception, SystemExit) as error:
            asked = f"The data {self.source} cannot be read"
            raise InputError(
                asked, f"after {examples_text(given)}: {one_line(error)}", "mend the function"
            ) from error

    def _require_columns(self, example: Mapping[str, Any], number: int) -> None:
        if set(example) != set(self.columns):
            other = sorted(set(example) ^ set(self.columns))[0]
            state = "has it not" if other in self.columns else "has it, and those before do not"
            raise InputError(
                f"The examples of {self.source} have not the same columns",
                f"{other[:100]!r}: example {number:,} {state}",
                "give each example all columns, None where a value is missing",
            )


def _copied(value: Any) -> Any:
    """A function may fill the same array anew for each example."""
    return value.copy() if isinstance(value, np.ndarray | list) else value


def _room(value: Any) -> int:
    """Bytes of a value, roughly."""
    if isinstance(value, np.ndarray):
        return value.nbytes
    return 8 * len(value) if isinstance(value, list | str) else 8


def _block(examples: Sequence[Mapping[str, Any]], columns: Sequence[str], start: int) -> Any:
    import pyarrow as pa

    where = f"examples {start:,} to {start + len(examples) - 1:,}"
    arrays = [_column(name, [example[name] for example in examples], where) for name in columns]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def _column(name: str, values: list[Any], where: str) -> Any:
    """Arrays of several axes are laid one on another; all else is told to Arrow value by value."""
    import pyarrow as pa

    deep = [value for value in values if isinstance(value, np.ndarray) and value.ndim > 1]
    if not deep:
        single = [value.item() if isinstance(value, np.ndarray) and not value.ndim else value for value in values]
        return python_array(name, single, None, where)
    kinds = {(value.shape, value.dtype) if isinstance(value, np.ndarray) else (type(value), None) for value in values}
    if len(kinds) > 1:
        raise InputError(
            f"The column {name!r} cannot be used",
            f"{where}: arrays of several shapes or dtypes",
            "give arrays of one shape and dtype, or nested lists",
        )
    if deep[0].dtype.kind not in "biuf":
        raise InputError(f"The column {name!r} cannot be used", f"{where}: an array of {deep[0].dtype}")
    return pa.FixedShapeTensorArray.from_numpy_ndarray(np.ascontiguousarray(np.stack(deep)))
