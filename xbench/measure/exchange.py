"""Arrays between parent and worker, as uncompressed `.npz` files in a folder that only this user can read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

Arrays = dict[str, NDArray[Any]]


def _plain(array: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    # NumPy's file format forgets bfloat16 and the like (some of them call themselves kind "f"); text without
    # pickle is fixed-width text.
    if array.dtype.kind == "O":
        return "str", array.astype(str)
    if hasattr(ml_dtypes, array.dtype.name):
        return array.dtype.name, array.view(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
    return array.dtype.str, array


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays by name. Names may hold any character: they are kept in an array of their own."""
    plain = [_plain(array) for array in arrays.values()]
    content: dict[str, Any] = {f"a{i}": array for i, (_, array) in enumerate(plain)}
    names = np.asarray(list(arrays), dtype=str)
    dtypes = np.asarray([dtype for dtype, _ in plain], dtype=str)
    with path.open("wb") as file:
        np.savez(file, names=names, dtypes=dtypes, **content)


def read_arrays(path: Path) -> Arrays:
    """Read back what `write_arrays` wrote, with the same names and dtypes."""
    with np.load(path, allow_pickle=False) as content:
        names, dtypes = content["names"].tolist(), content["dtypes"].tolist()
        return {
            name: _restored(content[f"a{i}"], dtype)
            for i, (name, dtype) in enumerate(zip(names, dtypes, strict=True))
        }


def _restored(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "str":
        return array.astype(object)
    special = getattr(ml_dtypes, dtype, None)
    return array if special is None else array.view(special)
