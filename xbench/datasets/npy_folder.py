"""A folder with a `.npy` file for each column, read through the memory map: only what is asked for is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..protocols import Rows
from ..sources.quiet import one_line
from .arrays import as_column, batches_of, read_header
from .asking import require_columns
from .paths import inside, listed

_FAULTS = (OSError, ValueError, TypeError, EOFError, OverflowError, MemoryError)


class NpyFolder:
    """The arrays of a folder as columns. Raises InputError for damaged ones, and for pickles."""

    def __init__(self, folder: Path, source: str) -> None:
        self.source = source
        self.classes: dict[str, tuple[str, ...]] = {}
        self._folder = folder
        self.columns = tuple(name.removesuffix(".npy") for name in listed(folder, ".npy"))

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """See `Dataset`."""
        arrays = {name: self._mapped(name) for name in require_columns(columns, self.columns, self.source)}
        for rows in batches_of(arrays, size, self.source):
            yield {name: as_column(name, np.array(array), self.source) for name, array in rows.items()}

    def _mapped(self, name: str) -> NDArray[Any]:
        path = inside(self._folder, f"{name}.npy")
        try:
            with path.open("rb") as file:
                read_header(name, file, self.source)
            return np.lib.format.open_memmap(path, mode="r")
        except _FAULTS as error:
            raise InputError(
                f"The column {name!r} of {self.source} cannot be read",
                one_line(error),
                "write it with numpy.save(file, array)",
            ) from error
