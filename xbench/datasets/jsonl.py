"""JSONL files: one JSON object in each line, read line by line. Types are told by all values, which takes a pass."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..sources.quiet import one_line
from .arrow import reading, require_pyarrow
from .asking import require_distinct
from .layouts import Layout, Observer
from .limits import MAX_COLUMNS, MAX_LINE_BYTES
from .paths import require_file
from .room import require_not_too_many

_BLOCK_LINES = 1024
_BLOCK_BYTES = 4 * 2**20
"""Text that is held as Python's objects, which take several times as much, before it becomes a block."""


class JsonlBlocks:
    """Blocks of a JSONL file. A key that a line does not have is a missing value. Raises InputError."""

    classes: dict[str, tuple[str, ...]]

    def __init__(self, path: Path, source: str) -> None:
        require_pyarrow()
        require_file(path)
        self.source = source
        self.classes = {}
        self._path = path
        self._refused: dict[str, InputError] = {}
        self.layouts = self._infer()
        self.columns = tuple([*self.layouts, *self._refused])
        require_distinct(self.columns, source)

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """See `Blocks`."""
        import pyarrow as pa

        for name in columns:
            if name in self._refused:
                raise self._refused[name]
        for start, rows in self._rows():
            arrays = [self._array(name, rows, start, self.layouts[name].type) for name in columns]
            yield pa.RecordBatch.from_arrays(arrays, names=list(columns))

    def _infer(self) -> dict[str, Layout]:
        observers: dict[str, Observer] = {}
        seen = 0
        for start, rows in self._rows():
            for name in dict.fromkeys(key for row in rows for key in row):
                if name not in observers:
                    observers[name] = Observer(name, missing=seen > 0)
            if len(observers) > MAX_COLUMNS:
                raise InputError(f"The data {self.source} have more than {MAX_COLUMNS:,} columns")
            for name, observer in observers.items():
                if name not in self._refused:
                    self._see(observer, rows, start)
            seen += len(rows)
        return {name: one.layout() for name, one in observers.items() if name not in self._refused}

    def _see(self, observer: Observer, rows: list[dict[str, Any]], start: int) -> None:
        try:
            observer.see(self._array(observer.column, rows, start, None))
        except InputError as error:  # A column that nobody asks for may hold anything.
            self._refused[observer.column] = error

    def _array(self, name: str, rows: list[dict[str, Any]], start: int, type_: Any) -> Any:
        return python_array(name, [row.get(name) for row in rows], type_, f"lines {start + 1} to {start + len(rows)}")

    def _rows(self) -> Iterator[tuple[int, list[dict[str, Any]]]]:
        """Some lines at a time, and the number of lines before them."""
        held: list[dict[str, Any]] = []
        size, number = 0, 0
        with reading(self.source), self._path.open("rb") as file:
            while line := file.readline(MAX_LINE_BYTES + 1):
                number += 1
                require_not_too_many(number, self.source)
                if line.strip():
                    held.append(self._parsed(line, number))
                size += len(line)
                if len(held) == _BLOCK_LINES or size >= _BLOCK_BYTES:
                    yield number - len(held), held
                    held, size = [], 0
        if held:
            yield number - len(held), held

    def _parsed(self, line: bytes, number: int) -> dict[str, Any]:
        asked = f"Line {number:,} of the data {self.source} cannot be read"
        if len(line) > MAX_LINE_BYTES:
            raise InputError(
                asked, f"it is longer than {MAX_LINE_BYTES:,} bytes", "each example is a line of its own"
            )
        try:
            found = json.loads(line.decode("utf-8-sig" if number == 1 else "utf-8"), object_pairs_hook=_object)
        except (ValueError, RecursionError) as error:
            raise InputError(asked, one_line(error), "write one JSON object in each line, in UTF-8") from error
        if not isinstance(found, dict):
            raise InputError(asked, f"it holds {str(found)[:80]}, which is no object", 'write {"column": value, ...}')
        return found


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(
            f"the key {next(n for i, n in enumerate(names) if n in names[:i])[:80]!r} stands in it twice"
        )
    return found


def python_array(name: str, values: Iterable[Any], type_: Any, where: str) -> Any:
    """Python's values as an Arrow array. Raises InputError for values that do not belong together."""
    import pyarrow as pa

    try:
        return pa.array(list(values), type=type_)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise InputError(
            f"The column {name[:100]!r} cannot be used", f"{where}: {one_line(error)}", "write all values in one way"
        ) from error
