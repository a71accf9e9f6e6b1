"""NumPy's arrays as columns."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from tokenize import TokenError
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..quantities import examples_text
from .room import require_not_too_many, require_room


def check_array(name: str, shape: tuple[int, ...], dtype: np.dtype[Any], source: str) -> None:
    """Raises InputError for an array that is no column: without examples, or of a kind that is not taken."""
    asked = f"The column {name!r} of {source} cannot be used"
    if dtype.hasobject:
        raise InputError(asked, "it holds pickled objects, which are code", "save numbers, or text as numpy.str_")
    if dtype.kind not in "biufUS":
        raise InputError(asked, f"it is {dtype}", "save numbers, truth values or text")
    if not shape:
        raise InputError(asked, "it is a single value", "the first axis of an array is its examples")
    if dtype.kind in "US" and len(shape) > 1:
        raise InputError(asked, f"it is text of shape {shape}", "save one text for each example")


def read_header(name: str, stream: IO[bytes], source: str) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether it is in Fortran order, and dtype of a `.npy`; the stream stands at its values then.

    Raises ValueError for what is none, and InputError for an array that is no column.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    try:  # Its parser, and numpy.dtype, raise more than ValueError.
        shape, fortran, dtype = read(stream)
    except (
        TokenError,
        SyntaxError,
        TypeError,
    ) as error:
        raise ValueError(f"its header cannot be read: {error}") from error
    check_array(name, shape, dtype, source)
    return shape, fortran, dtype


def require_equal_lengths(shapes: Mapping[str, tuple[int, ...]], source: str) -> int:
    """How many examples all of the columns have. Raises InputError where they are of several lengths."""
    first, *others = shapes
    for name in others:
        if shapes[name][0] != shapes[first][0]:
            raise InputError(
                f"The columns of {source} are of unequal length",
                f"{first!r} has {examples_text(shapes[first][0])}, {name!r} has {shapes[name][0]:,}",
                "save one value for each example in each",
            )
    return shapes[first][0]


def as_column(name: str, array: NDArray[Any], source: str) -> NDArray[Any]:
    """In the machine's byte order; text as an array of Python's."""
    if array.dtype.kind == "S":
        try:
            array = np.char.decode(array, "utf-8")
        except UnicodeDecodeError as error:
            raise InputError(f"The column {name!r} of {source} cannot be used", f"it is no UTF-8: {error}") from error
    if array.dtype.kind == "U":
        return array.astype(object)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def batches_of(arrays: Mapping[str, NDArray[Any]], size: int, source: str) -> Iterator[dict[str, NDArray[Any]]]:
    """Views on `size` examples at a time. Raises InputError for unequal lengths, and for what takes too much room."""
    count = require_equal_lengths({name: array.shape for name, array in arrays.items()}, source)
    require_not_too_many(count, source)
    row = max(math.prod(array.shape[1:]) * array.dtype.itemsize for array in arrays.values())
    require_room(row * min(size, count), size, source)
    for start in range(0, count, size):
        yield {name: array[start : start + size] for name, array in arrays.items()}
