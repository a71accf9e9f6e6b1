"""Parquet files: one, or those of a folder, read row group by row group, and of these a little at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .arrow import reading, require_pyarrow
from .asking import require_distinct
from .layouts import Layout, is_list, known
from .parquet_footer import values_of_columns
from .paths import require_file
from .room import require_not_too_many

_BLOCK_ROWS = 2**16
_BLOCK_BYTES = 4 * 2**20
_MAX_GROUP_BYTES = 4 * 2**30
"""Of the lists of one row group, unpacked: a file may have all of them in one example."""


class ParquetBlocks:
    """Blocks of one or more files with the same columns. Raises InputError for files that do not match."""

    classes: dict[str, tuple[str, ...]]

    def __init__(self, files: Sequence[Path], source: str) -> None:
        require_pyarrow()
        self.source = source
        self.files = tuple(files)
        self.classes = {}
        metadata = [self._metadata(path) for path in self.files]
        require_not_too_many(sum(rows for _, rows in metadata), source)
        self._schema = metadata[0][0]
        with reading(source):  # A name may be no UTF-8.
            self.columns = tuple(self._schema.names)
        require_distinct(self.columns, source)
        for path, (schema, _) in zip(self.files, metadata, strict=True):
            self._check_same(path, schema)
        # What the statistics of a file say of gaps is not asked: reading damaged ones ends the process.
        certain = {field.name: _layout(field) for field in self._schema if not field.nullable}
        self.layouts = {name: layout for name, layout in certain.items() if layout is not None}

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """See `Blocks`."""
        for path in self.files:
            with self._opened(path) as file:
                texts, rows = self._texts(file, columns), self._rows(path, file.metadata, columns)
            with self._opened(path, texts) as file:
                yield from file.iter_batches(batch_size=rows, columns=list(columns), use_threads=False)

    def _opened(self, path: Path, as_numbers: Sequence[str] = ()) -> Any:
        import pyarrow.parquet as pq

        return pq.ParquetFile(path, read_dictionary=list(as_numbers), pre_buffer=False, buffer_size=2**20)

    def _texts(self, file: Any, columns: Sequence[str]) -> list[str]:
        """Columns of text, which are read as numbers into a list of texts: that may be held once, and be long."""
        found = (file.schema.column(number) for number in range(len(file.schema)))
        return [one.path for one in found if one.physical_type == "BYTE_ARRAY" and _belongs(one.path, columns)]

    def _rows(self, path: Path, metadata: Any, columns: Sequence[str]) -> int:
        """How many examples make a block. Raises InputError where too many values of lists may lie in one."""
        lists = [field.name for field in self._schema if field.name in columns and is_list(field.type)]
        rows = min([_BLOCK_ROWS, *(_BLOCK_BYTES * examples // max(size, 1) for size, examples in _sizes(metadata))])
        for column, values, examples in values_of_columns(path) if lists else ():
            if column not in lists or examples < 1:
                continue
            if values * 8 > _MAX_GROUP_BYTES:
                raise InputError(
                    f"The data {self.source} cannot be read",
                    f"a row group has {values:,} values in the lists of {column!r}",
                    "write it with smaller row groups",
                )
            rows = min(rows, _BLOCK_BYTES * examples // max(values * 8, 1))
        return max(rows, 1)

    def _metadata(self, path: Path) -> tuple[Any, int]:
        require_file(path)
        with reading(path.name), self._opened(path) as file:
            return file.schema_arrow, file.metadata.num_rows

    def _check_same(self, path: Path, schema: Any) -> None:
        if not schema.equals(self._schema, check_metadata=False):
            raise InputError(
                f"The files of {self.source} do not belong together",
                f"{path.name} has other columns, or other types, than {self.files[0].name}",
                "keep data of one kind in a folder",
            )


def _layout(field: Any) -> Layout | None:
    try:
        return known(field.name, field.type)
    except InputError:  # It is said when the column is asked for.
        return None


def _sizes(metadata: Any) -> Iterator[tuple[int, int]]:
    """How many bytes each row group has, equal texts counted once, and how many examples."""
    for number in range(metadata.num_row_groups):
        group = metadata.row_group(number)
        if group.num_rows:
            yield group.total_byte_size, group.num_rows


def _belongs(path: str, columns: Sequence[str]) -> bool:
    """Whether a path inside the file, such as `tags.list.element`, is of one of these columns."""
    return any(path == name or path.startswith(f"{name}.") for name in columns)
