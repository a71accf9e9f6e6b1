"""Arrays between parent and worker, as files of raw bytes in a folder that only this user can read.

A file is the length of a header (8 bytes, little-endian), the header (JSON: name, dtype as it is meant, dtype as it
is stored, and shape of each array), and the arrays in C order, each from a multiple of 64 bytes on. What comes after
them is left from an earlier use of the file: file systems take long to make a file short and to fill it again.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import ml_dtypes
import numpy as np
from numpy.typing import NDArray

from ..protocols import Feeds

Arrays = dict[str, NDArray[Any]]

_ALIGNMENT = 64


def _plain(array: NDArray[Any]) -> tuple[str, NDArray[Any]]:
    # bfloat16 and the like are no types of NumPy's own; text of any length is stored as fixed-width text.
    if array.dtype.kind == "O":
        return "str", array.astype(str)
    if hasattr(ml_dtypes, array.dtype.name):
        return array.dtype.name, array.view(np.uint8 if array.dtype.itemsize == 1 else np.uint16)
    return array.dtype.str, array


def _aligned(position: int) -> int:
    return -(-position // _ALIGNMENT) * _ALIGNMENT


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays by name. Names may hold any character."""
    plain = {name: _plain(array) for name, array in arrays.items()}
    told = [(name, dtype, array.dtype.str, array.shape) for name, (dtype, array) in plain.items()]
    header = json.dumps(told).encode()
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(len(header).to_bytes(8, "little") + header)
        position = 8 + len(header)
        for _, array in plain.values():
            file.write(bytes(_aligned(position) - position))
            if array.size:
                file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
            position = _aligned(position) + array.nbytes


def read_arrays(path: Path) -> Arrays:
    """Read back what `write_arrays` wrote, with the same names and dtypes. Raises ValueError for anything else."""
    with path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        position = file.tell()
        arrays = {}
        for name, dtype, stored, shape in header:
            position = _aligned(position)
            file.seek(position)
            array = _read(file, np.dtype(stored), shape)
            arrays[name] = _restored(array, dtype)
            position += array.nbytes
    return arrays


def _read(file: IO[bytes], dtype: np.dtype[Any], shape: list[int]) -> NDArray[Any]:
    if dtype.hasobject:
        raise ValueError(f"an array is stored as {dtype}")
    array = np.empty(shape, dtype)
    if array.size and file.readinto(array.reshape(-1).view(np.uint8).data) != array.nbytes:  # type: ignore[attr-defined]
        raise ValueError(f"{file.name} is cut off")
    return array


def _restored(array: NDArray[Any], dtype: str) -> NDArray[Any]:
    if dtype == "str":
        return array.astype(object)
    special = getattr(ml_dtypes, dtype, None)
    return array if special is None else array.view(special)


def write_inputs(path: Path, sets: Sequence[Feeds]) -> None:
    """Write sets of inputs as a worker reads them."""
    write_arrays(path, {f"{i}/{name}": array for i, feed in enumerate(sets) for name, array in feed.items()})


def read_sets(path: Path) -> list[Arrays]:
    """Arrays named `INDEX/NAME` as one set for each index: inputs, or the outputs of each set of inputs."""
    sets: dict[int, Arrays] = {}
    for key, array in read_arrays(path).items():
        index, _, name = key.partition("/")
        sets.setdefault(int(index), {})[name] = array
    return [sets[index] for index in sorted(sets)]
