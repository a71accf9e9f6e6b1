"""How many values a Parquet file has in each column, read from its footer without Arrow.

Arrow tells it too, but ends the process where what the footer says of a column is damaged. The footer is a structure
of Thrift's compact protocol (https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md); its
fields are told by https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

_MAGIC = b"PAR1"
_MAX_BYTES = 16 * 2**20
_MAX_DEPTH = 12
_TRUE, _FALSE, _BYTE, _INTEGERS, _DOUBLE, _BINARY, _LISTS, _STRUCT = 1, 2, 3, (4, 5, 6), 7, 8, (9, 10), 12

# Numbers of the fields: FileMetaData, RowGroup, ColumnChunk, ColumnMetaData.
_ROW_GROUPS = 4
_COLUMNS, _NUM_ROWS = 1, 3
_META_DATA = 3
_PATH, _NUM_VALUES = 3, 5


def values_of_columns(path: Path) -> Iterator[tuple[str, int, int]]:
    """Column, its values in a row group, and the examples of that row group. Raises ValueError for damage."""
    footer = _Reader(_footer(path)).struct(0)
    for group in _list(footer.get(_ROW_GROUPS)):
        for chunk in _list(_struct(group).get(_COLUMNS)):
            column = _struct(_struct(chunk).get(_META_DATA))
            names, values, examples = column.get(_PATH), column.get(_NUM_VALUES), group.get(_NUM_ROWS)
            if not (names and isinstance(values, int) and isinstance(examples, int)):
                raise ValueError("the footer does not say how many values a column has")
            yield _list(names)[0].decode(), values, examples


def _footer(path: Path) -> bytes:
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(0, size - 8))
        end = file.read(8)
        length = int.from_bytes(end[:4], "little")
        if end[4:] != _MAGIC or length > size - 8:
            raise ValueError("the file has no footer: it is cut off, or no Parquet file")
        if length > _MAX_BYTES:
            raise ValueError(f"the footer has {length:,} bytes; {_MAX_BYTES:,} are taken")
        file.seek(size - 8 - length)
        return file.read(length)


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list):
        raise ValueError("the footer is damaged: a list is missing")
    return value


def _struct(value: Any) -> dict[int, Any]:
    if not isinstance(value, dict):
        raise ValueError("the footer is damaged: a structure is missing")
    return value


class _Reader:
    """Thrift's compact protocol: structures as dictionaries by the number of the field."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    def struct(self, depth: int) -> dict[int, Any]:
        """The structure that begins here."""
        found: dict[int, Any] = {}
        number = 0
        while head := self._take(1)[0]:
            kind, step = head & 15, head >> 4
            number = number + step if step else self._zigzag()
            # A truth value of a structure lies in its head.
            found[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise ValueError("the footer is nested too deeply")
        if kind in _INTEGERS:
            return self._zigzag()
        if kind == _BINARY:
            return self._take(self._varint())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in _LISTS:
            head = self._take(1)[0]
            count = head >> 4 if head >> 4 < 15 else self._varint()
            return [self._value(head & 15, depth + 1) for _ in range(count)]
        if kind in (_TRUE, _FALSE, _BYTE, _DOUBLE):
            return self._take(8 if kind == _DOUBLE else 1)
        raise ValueError(f"the footer is damaged: it has a value of kind {kind}")

    def _take(self, count: int) -> bytes:
        found = self._data[self._place : self._place + count]
        if len(found) < count:
            raise ValueError("the footer ends too early")
        self._place += count
        return found

    def _varint(self) -> int:
        found = shift = 0
        while True:
            byte = self._take(1)[0]
            found |= (byte & 127) << shift
            if byte < 128:
                return found
            shift += 7
            if shift > 63:
                raise ValueError("the footer is damaged: it has a number of more than 64 bits")

    def _zigzag(self) -> int:
        found = self._varint()
        return (found >> 1) ^ -(found & 1)
