"""Files that are there whole or not at all, whatever happens in the middle."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from ..errors import StoreError


@contextlib.contextmanager
def storing(path: Path) -> Iterator[None]:
    """Turn the system's errors about a results path into one that says what to do."""
    try:
        yield
    except OSError as error:
        raise StoreError(
            f"Results cannot be written to {path}",
            error.strerror or str(error),
            "choose a folder that can be written, with room, by --output DIR",
        ) from error


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write beside the target, force it to the disk, and put it in place in one step."""
    with storing(path):
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole(path, lambda file: file.write(text.encode()))
