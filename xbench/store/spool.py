"""What is kept of a model's outputs, batch by batch, in one file: appended, then read back in order, as a stream.

The file is `xbench.kept/1`: that name and a line feed; for each batch a line of JSON, `[[name, dtype, shape], ...]`,
and the bytes of these arrays, one after the other, C order; a line with the number of batches in twenty digits; and
the SHA-256 of all that, in hexadecimal, and a line feed. It holds no objects: reading runs no code.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError, StoreError
from .files import storing

Arrays = dict[str, NDArray[Any]]
"""What is kept of one batch, by name."""

_MAGIC = b"xbench.kept/1\n"
_SEAL = 65  # a digest in hexadecimal, and a line feed
_COUNT = 21  # twenty digits, and a line feed
_CHUNK = 2**20
# Of a line that tells of one batch. A model has some outputs, not thousands.
_LONGEST_LINE = 2**20


class SpoolWriter:
    """Takes what is kept of one batch after the other."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path, self._file = path, file
        self._digest = hashlib.sha256()
        self.count = 0
        self._put(_MAGIC)

    def add(self, outputs: Arrays) -> None:
        """Append one batch. Raises InvalidError for objects, StoreError where there is no room."""
        arrays = {name: _plain(name, array) for name, array in outputs.items()}
        told = [[name, array.dtype.str, list(array.shape)] for name, array in arrays.items()]
        self._put(json.dumps(told).encode() + b"\n")
        for array in arrays.values():
            self._put(array.tobytes())
        self.count += 1

    def finish(self) -> None:
        """Seal the file, and force it to the disk."""
        self._put(f"{self.count:0{_COUNT - 1}d}\n".encode())
        with storing(self._path):
            self._file.write(self._digest.hexdigest().encode() + b"\n")
            self._file.flush()
            os.fsync(self._file.fileno())

    def _put(self, content: bytes) -> None:
        self._digest.update(content)
        with storing(self._path):
            self._file.write(content)


def _plain(name: str, array: NDArray[Any]) -> NDArray[Any]:
    """Numbers as NumPy itself knows them, or text."""
    if array.dtype.kind == "V":  # bfloat16 and its like, which `dtype.str` cannot name; float32 holds them all
        return array.astype(np.float32)
    if array.dtype.kind == "O" and all(isinstance(value, str) for value in array.flat):
        return array.astype(np.str_)
    if array.dtype.kind not in "biufcSU":
        raise InvalidError(f"The output {name!r} cannot be kept", f"it holds {array.dtype}, neither numbers nor text")
    return array


@contextlib.contextmanager
def spooling(path: Path) -> Iterator[SpoolWriter]:
    """A writer whose file is at `path` once the context has ended well, and nowhere otherwise."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with storing(path):
        file = temporary.open("xb")
    try:
        writer = SpoolWriter(path, file)
        yield writer
        writer.finish()
        file.close()
        with storing(path):
            temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):  # it is about to be deleted: what is left in its buffer may be lost
            file.close()
        temporary.unlink(missing_ok=True)
        raise


class Spool:
    """The file of a `spooling` that ended well. Raises StoreError for one that is damaged, cut off, or none.

    Each iteration is a new pass, which holds one batch at a time. `count` is the number of batches.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._reading() as file:
            self._end, self.count = _verified(file)

    def __iter__(self) -> Iterator[Arrays]:
        with self._reading() as file:
            file.seek(len(_MAGIC))
            while file.tell() < self._end:
                arrays = json.loads(file.readline(_LONGEST_LINE))
                if file.tell() + sum(_size(dtype, shape) for _, dtype, shape in arrays) > self._end:
                    raise ValueError("a batch is longer than the file")
                yield {name: _array(file, dtype, shape) for name, dtype, shape in arrays}

    @contextlib.contextmanager
    def _reading(self) -> Iterator[IO[bytes]]:
        try:
            with self.path.open("rb") as file:
                yield file
        except (OSError, ValueError, TypeError) as error:
            raise StoreError(f"The kept answers {self.path.name} cannot be read", str(error)) from error


def _verified(file: IO[bytes]) -> tuple[int, int]:
    """Where the batches end, and how many there are, once all of the file has its digest. Raises ValueError."""
    digest = hashlib.sha256()
    left = os.fstat(file.fileno()).st_size - _SEAL
    if left < len(_MAGIC) + _COUNT or file.read(len(_MAGIC)) != _MAGIC:
        raise ValueError("it is cut off, or another file")
    file.seek(0)
    end = left - _COUNT
    while left:
        chunk = file.read(min(_CHUNK, left))
        digest.update(chunk)
        left -= len(chunk)
    if file.read() != digest.hexdigest().encode() + b"\n":
        raise ValueError("its digest is another: it is cut off, or was changed")
    file.seek(end)
    return end, int(file.read(_COUNT))


def _size(dtype: str, shape: list[int]) -> int:
    if any(not isinstance(length, int) or length < 0 for length in shape):
        raise ValueError("a shape is no list of lengths")
    kind = np.dtype(dtype)
    if kind.hasobject:
        raise ValueError("it holds objects")
    size = kind.itemsize
    for length in shape:
        size *= length
    return size


def _array(file: IO[bytes], dtype: str, shape: list[int]) -> NDArray[Any]:
    content = file.read(_size(dtype, shape))
    return np.frombuffer(bytearray(content), np.dtype(dtype)).reshape(shape)
