"""Arrow's side of reading: its library, its errors, and its columns as NumPy arrays."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..sources.quiet import one_line
from .layouts import Layout

# What Arrow raises for damaged files is mostly a ValueError or an OSError; damaged text shows as UnicodeError.
_FAULTS = (OSError, ValueError, KeyError, TypeError, MemoryError, NotImplementedError, RuntimeError, OverflowError)


def require_pyarrow() -> None:
    """Raises InputError where the package pyarrow is not here."""
    try:
        import pyarrow  # noqa: F401
    except ImportError as error:
        raise InputError(
            "These data need the package pyarrow", one_line(error), "pip install 'xbench[quality]'"
        ) from error


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Turn what a library raises about damaged or hostile data into an InputError."""
    import pyarrow as pa

    try:
        yield
    except (*_FAULTS, pa.ArrowException) as error:
        raise InputError(f"The data {source} cannot be read", one_line(error)) from error


def to_numpy(array: Any, layout: Layout) -> NDArray[Any]:
    """A plain Arrow array (see `layouts.plain`) as a column of `Rows`."""
    import pyarrow as pa

    if layout.shape is None or layout.as_objects:
        found = np.empty(len(array), dtype=object)
        found[:] = array.to_pylist()
        return found
    count = len(array)
    for _ in layout.shape:
        array = array.flatten()
    # Of lists that are all empty, nothing tells what they would hold.
    values = np.zeros(0) if pa.types.is_null(array.type) else array.to_numpy(zero_copy_only=False)
    return np.array(values).reshape(count, *layout.shape)
