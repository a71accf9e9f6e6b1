"""Plain files of a folder, and their digests. Links, pipes and devices are told, and never followed or opened."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from io import BufferedReader
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from ..errors import StoreError


class Listed(BaseModel):
    """A file as a manifest lists it: its size in bytes, and its SHA-256 in hexadecimal."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes: int = Field(ge=0)
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


def opened(path: Path) -> BufferedReader:
    """A plain file, to be read. Raises StoreError for anything else, OSError where there is nothing."""
    try:
        # A pipe would else wait for a writer, and a link lead elsewhere between a look at it and its opening.
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if path.is_symlink():
            raise StoreError(f"{path.name} is a link", "links are not followed") from error
        raise
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise StoreError(f"{path.name} is no plain file")
    return os.fdopen(handle, "rb")


def describe(path: Path) -> Listed:
    """Size and digest of a plain file, read piece by piece. Raises as `opened` does."""
    with opened(path) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Listed(bytes=file.tell(), sha256=digest)


def described(content: bytes) -> Listed:
    """The same of a file's content."""
    return Listed(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())


def entries(folder: Path) -> Iterator[Path]:
    """Everything below a folder that is no folder itself, by name; hidden ones, such as a lock, are nobody's results.

    Links are among them, also those to folders. Raises OSError.
    """
    for path in sorted(folder.iterdir()):
        if path.name.startswith("."):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from entries(path)
        else:
            yield path
