"""A digest of what the data say, not of how a file says it.

The same values give the same digest, whichever format they are read from, however wide their numbers are stored and
however many examples are read at a time. It is SHA-256 over, column by column in the order of their names: the name;
the kind (integer, float, truth, text) and how many lists lie around it; the number of examples; and digests of the
lengths of the lists of each level, of the values (64 bits each, least byte first; a truth value 8; text in UTF-8 with
its length), and of the places where one is missing. All numbers that are no number (NaN) are one.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..protocols import Rows

_KINDS = {"b": "truth", "i": "integer", "u": "integer", "f": "float"}


class Digest:
    """Takes in batches of columns, and then has the digest of them all."""

    def __init__(self, columns: list[str]) -> None:
        self._columns = {name: _Column(name) for name in sorted(columns)}

    def add(self, rows: Rows) -> None:
        """Take in a batch. Raises InputError for values that are not taken."""
        for name, column in self._columns.items():
            column.add(rows[name])

    def hexdigest(self) -> str:
        """64 hexadecimal digits."""
        told = [column.told() for column in self._columns.values()]
        return hashlib.sha256(json.dumps(told, ensure_ascii=True).encode()).hexdigest()


class _Column:
    def __init__(self, name: str) -> None:
        self._name = name
        self._kind = ""
        self._values = hashlib.sha256()
        self._sizes = hashlib.sha256()
        self._lengths: list[Any] = []
        self._gaps: dict[int, Any] = {}
        self._items: list[int] = []
        self._examples = 0

    def told(self) -> list[Any]:
        """All that the digest is of."""
        gaps = [[level, self._gaps[level].hexdigest()] for level in sorted(self._gaps)]
        lengths = [part.hexdigest() for part in self._lengths]
        values = [self._values.hexdigest(), self._sizes.hexdigest()]
        return [self._name, self._kind, self._examples, lengths, values, gaps]

    def add(self, array: NDArray[Any]) -> None:
        """Take in a batch."""
        first = self._examples
        self._examples += len(array)
        if array.dtype == object:
            self._add_objects(list(array), 0, first)
            return
        for level in range(1, array.ndim):
            self._add_lengths(level - 1, np.full(math.prod(array.shape[:level]), array.shape[level]))
        self._add_values(array.reshape(-1))

    def _add_objects(self, values: list[Any], level: int, first: int) -> None:
        """Values of which some may be lists, or missing; `first` lie before them in as many lists."""
        places = [first + number for number, value in enumerate(values) if value is None]
        if places:
            self._gaps.setdefault(level, hashlib.sha256()).update(np.array(places, dtype="<i8").tobytes())
        there = [value for value in values if value is not None]
        lists = [value for value in there if isinstance(value, list)]
        if len(lists) not in (0, len(there)):
            raise self._mixed("lists", "single values")
        if lists:
            before = self._add_lengths(level, np.array([len(value) for value in lists]))
            self._add_objects([item for value in lists for item in value], level + 1, before)
        elif there and isinstance(there[0], str):
            self._add_texts(there)
        elif there:
            self._add_values(np.array(there))

    def _add_lengths(self, level: int, lengths: NDArray[Any]) -> int:
        """Take in the lengths of lists; how many items there were before, in all lists of this level."""
        if level == len(self._lengths):
            self._lengths.append(hashlib.sha256())
            self._items.append(0)
        self._lengths[level].update(lengths.astype("<i8").tobytes())
        before = self._items[level]
        self._items[level] += int(lengths.sum())
        return before

    def _add_texts(self, texts: list[Any]) -> None:
        self._become("text")
        if not all(isinstance(text, str) for text in texts):
            raise self._mixed("text", "other values")
        try:
            encoded = [text.encode() for text in texts]
        except UnicodeEncodeError as error:
            raise InputError(f"The column {self._name!r} cannot be used", f"a text is no Unicode: {error}") from error
        self._sizes.update(np.array([len(text) for text in encoded], dtype="<i8").tobytes())
        self._values.update(b"".join(encoded))

    def _add_values(self, values: NDArray[Any]) -> None:
        self._become(_KINDS.get(values.dtype.kind, str(values.dtype)))
        self._values.update(self._canonical(values).tobytes())

    def _canonical(self, values: NDArray[Any]) -> NDArray[Any]:
        kind = values.dtype.kind
        if kind == "b":
            return values.astype(np.uint8)
        if kind == "f":
            wide = values.astype("<f8")
            wide[np.isnan(wide)] = np.nan
            return wide
        if kind == "i" or (kind == "u" and (not values.size or int(values.max()) < 2**63)):
            return values.astype("<i8")
        raise InputError(
            f"The column {self._name!r} cannot be used", "it has values that 64 bits with a sign cannot hold"
        )

    def _become(self, kind: str) -> None:
        if self._kind not in ("", kind):
            raise self._mixed(self._kind, kind)
        self._kind = kind

    def _mixed(self, one: str, other: str) -> InputError:
        return InputError(
            f"The column {self._name!r} cannot be used", f"some of its values are {one}, others {other}"
        )
