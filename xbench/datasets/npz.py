"""`.npz` files: a zip of NumPy's arrays, each a column, read a batch of rows at a time, compressed or not."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..protocols import Rows
from ..sources.quiet import one_line
from .arrays import as_column, read_header, require_equal_lengths
from .asking import require_columns, require_distinct
from .paths import require_file
from .room import require_not_too_many, require_room

_FAULTS = (OSError, ValueError, KeyError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile, zlib.error)


@dataclass(frozen=True, slots=True)
class _Member:
    """An array inside the zip, opened where its values begin."""

    name: str
    stream: IO[bytes]
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @property
    def row_bytes(self) -> int:
        """What one example takes."""
        return int(np.prod(self.shape[1:], dtype=object)) * self.dtype.itemsize


class NpzDataset:
    """The arrays of an `.npz` file as columns. Raises InputError for one that is damaged, or that holds pickles."""

    def __init__(self, path: Path, source: str) -> None:
        require_file(path)
        self.source = source
        self.classes: dict[str, tuple[str, ...]] = {}
        self._path = path
        with self._archive() as archive:
            self._members = [name for name in archive.namelist() if name.endswith(".npy")]
        self.columns = tuple(name.removesuffix(".npy") for name in self._members)
        require_distinct(self.columns, source)

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """See `Dataset`."""
        wanted = require_columns(columns, self.columns, self.source)
        with self._archive() as archive, ExitStack() as stack:
            members = [self._opened(archive, name, stack) for name in wanted]
            count = require_equal_lengths({member.name: member.shape for member in members}, self.source)
            require_not_too_many(count, self.source)
            require_room(max(member.row_bytes for member in members) * min(size, count), size, self.source)
            for start in range(0, count, size):
                rows = min(size, count - start)
                yield {member.name: self._rows(member, rows) for member in members}
            for member in members:
                self._require_end(member)

    @contextmanager
    def _archive(self) -> Iterator[zipfile.ZipFile]:
        try:
            with zipfile.ZipFile(self._path) as archive:
                yield archive
        except _FAULTS as error:
            raise InputError(
                f"The data {self.source} cannot be read",
                one_line(error),
                "write it with numpy.savez(file, NAME=array)",
            ) from error

    def _opened(self, archive: zipfile.ZipFile, name: str, stack: ExitStack) -> _Member:
        info = archive.getinfo(f"{name}.npy")
        stream = stack.enter_context(archive.open(info))
        shape, fortran, dtype = read_header(name, stream, self.source)
        if fortran and len(shape) > 1:
            raise InputError(
                f"The column {name!r} of {self.source} cannot be streamed",
                "it is stored column by column (Fortran order)",
                "save numpy.ascontiguousarray(array)",
            )
        member = _Member(name, stream, shape, dtype)
        if member.row_bytes * shape[0] > info.file_size:
            raise self._cut_off(member)
        return member

    def _rows(self, member: _Member, count: int) -> NDArray[Any]:
        array = np.empty((count, *member.shape[1:]), dtype=member.dtype)
        room = array.reshape(-1).view(np.uint8)
        filled = 0
        while filled < len(room):
            block = member.stream.read(min(len(room) - filled, 2**20))
            if not block:
                raise self._cut_off(member)
            room[filled : filled + len(block)] = np.frombuffer(block, dtype=np.uint8)
            filled += len(block)
        return as_column(member.name, array, self.source)

    def _require_end(self, member: _Member) -> None:
        """Reading to the end makes zipfile compare the checksum."""
        if member.stream.read(1):
            raise InputError(
                f"The column {member.name!r} of {self.source} cannot be read", "it goes on after its end"
            )

    def _cut_off(self, member: _Member) -> InputError:
        return InputError(
            f"The column {member.name!r} of {self.source} cannot be read",
            f"it says that it has shape {member.shape}, and ends before that",
            "write or download it again",
        )
