"""CSV files with a header (RFC 4180), read a block at a time.

Types are told by all of a column's values, which takes a pass over the file: whole numbers, else numbers, else truth
values (`true` and `false`), else text. A number with leading zeros, or of more than 18 digits,
is a name, and makes its column text. An empty cell is a missing value; `""` is an empty text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..errors import InputError
from .arrow import reading, require_pyarrow
from .asking import require_distinct
from .layouts import Layout
from .limits import MAX_COLUMNS, MAX_ROW_BYTES
from .paths import require_file
from .tables import counted

_WHOLE = r"^-?(0|[1-9][0-9]{0,17})$"
_NUMBER = r"^[-+]?((0|[1-9][0-9]{0,17})(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,4})?$|^[-+]?(nan|NaN|inf|Infinity)$"
_TRUTH = r"^(true|false|True|False|TRUE|FALSE)$"


class CsvBlocks:
    """Blocks of a CSV file. Raises InputError for one that is damaged."""

    classes: dict[str, tuple[str, ...]]

    def __init__(self, path: Path, source: str) -> None:
        require_pyarrow()
        require_file(path)
        self.source = source
        self.classes = {}
        self._path = path
        self._require_closed_quotes()
        with self._reading(), self._reader(None, {}) as reader:
            self.columns = tuple(reader.schema.names)
        require_distinct(self.columns, source)
        if len(self.columns) > MAX_COLUMNS:
            raise InputError(f"The data {source} have more than {MAX_COLUMNS:,} columns")
        self.layouts = self._infer()

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """See `Blocks`."""
        types = {name: self.layouts[name].type for name in columns}
        with self._reading(), self._reader(list(columns), types) as reader:
            yield from reader

    def _infer(self) -> dict[str, Layout]:
        import pyarrow as pa

        kinds = {name: _Kinds() for name in self.columns}
        types = dict.fromkeys(self.columns, pa.string())
        with self._reading(), self._reader(list(self.columns), types) as reader:
            for block in counted(reader, self.source):
                for name, seen in kinds.items():
                    seen.see(block.column(name))
        return {name: seen.layout() for name, seen in kinds.items()}

    def _reader(self, columns: list[str] | None, types: dict[str, Any]) -> Any:
        from pyarrow import csv

        return csv.open_csv(
            self._path,
            # A row has to fit into a block: that is its limit.
            csv.ReadOptions(use_threads=False, block_size=MAX_ROW_BYTES),
            csv.ParseOptions(newlines_in_values=True),
            csv.ConvertOptions(
                include_columns=columns,
                column_types=types,
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                true_values=["true", "True", "TRUE"],
                false_values=["false", "False", "FALSE"],
            ),
        )

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """As `reading`, in other words where Arrow speaks of its blocks."""
        try:
            with reading(self.source):
                yield
        except InputError as error:
            if "straddl" not in error.found:
                raise
            found = f"a row is longer than {MAX_ROW_BYTES:,} bytes"
            raise InputError(error.asked, found, "each example is a row of its own") from error

    def _require_closed_quotes(self) -> None:
        """Arrow takes a quote that is never closed for one that ends with the file, and swallows rows by it."""
        count = 0
        with self._path.open("rb") as file:
            while block := file.read(2**20):
                count += block.count(b'"')
        if count % 2:
            raise InputError(
                f"The data {self.source} cannot be read",
                f"a quote is never closed: there are {count:,} of them, which is odd",
                'write a quote inside a value as "", and the value in quotes',
            )


class _Kinds:
    """What all texts of a column can be read as."""

    def __init__(self) -> None:
        self._patterns = {"whole": _WHOLE, "number": _NUMBER, "truth": _TRUTH}
        self._missing = False
        self._any = False

    def see(self, texts: Any) -> None:
        """Take in a block."""
        import pyarrow.compute as pc

        self._missing |= texts.null_count > 0
        self._any |= texts.null_count < len(texts)
        for kind, pattern in list(self._patterns.items()):
            if pc.all(pc.match_substring_regex(texts, pattern), min_count=0).as_py() is False:
                del self._patterns[kind]

    def layout(self) -> Layout:
        """The narrowest kind that is left."""
        import pyarrow as pa

        types = {"whole": pa.int64(), "number": pa.float64(), "truth": pa.bool_()}
        left = [types[kind] for kind in types if kind in self._patterns]
        return Layout((left or [pa.string()])[0] if self._any else pa.null(), self._missing, ())
