"""Files that are there whole or not at all, whatever happens in the middle."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import re
import secrets
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from ..errors import StoreError, XbenchError

# What `numpy.load` and `zipfile` raise for files with flipped bits, cut off, or made by somebody else.
_DAMAGE = (OSError, ValueError, KeyError, TypeError, EOFError, RuntimeError, zipfile.BadZipFile, zlib.error)


DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
"""What the system calls a disk, or a quota, without room."""
BY_OUTPUT = "by --output DIR"
"""How most commands are told of another folder."""


@contextlib.contextmanager
def storing(path: Path, how: str = BY_OUTPUT) -> Iterator[None]:
    """Turn the system's errors about a results path into one that says what to do, and how to name another folder.

    A full disk is told as such where a library has made another error of it.
    """
    try:
        yield
    except OSError as error:
        raise _not_written(path, error, how) from error
    except StoreError:
        raise
    except XbenchError as error:
        full = _full_disk(error)
        if full is None:
            raise
        raise _not_written(path, full, how) from error


def _not_written(path: Path, error: OSError, how: str) -> StoreError:
    return StoreError(
        f"Results cannot be written to {path}",
        error.strerror or str(error),
        f"choose a folder that can be written, with room, {how}",
    )


def _full_disk(error: BaseException | None) -> OSError | None:
    """The system's error of a full disk or quota that an error was made of; None where there is none."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in DISK_FULL:
            return error
        error = error.__cause__ or error.__context__
    return None


@contextlib.contextmanager
def reading_npz(path: Path, what: str) -> Iterator[Any]:
    """Open a `.npz` file. Whatever is raised by a damaged one, or by other contents, becomes a StoreError."""
    try:
        # Opened here: `numpy.load` does not close what it has opened when it is no archive.
        with path.open("rb") as file, np.load(file, allow_pickle=False) as content:
            yield content
    except _DAMAGE as error:
        raise StoreError(f"The {what} {path.name} cannot be read", str(error)) from error


_TEMPORARY = re.compile(r"^\..+\.[0-9a-f]{8}$")


def is_unfinished(name: str) -> bool:
    """Whether a file of that name is one that `write_whole` had not put in place yet when its process ended."""
    return bool(_TEMPORARY.match(name))


def write_whole(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write beside the target, force it to the disk, and put it in place in one step."""
    with storing(path):
        # Not mkstemp: its files can be read by nobody else, whatever the umask says.
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        try:
            with temporary.open("xb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    write_whole(path, lambda file: file.write(text.encode()))


@contextlib.contextmanager
def held(folder: Path, how: int) -> Iterator[None]:
    """A folder to itself (`fcntl.LOCK_EX`) or shared (LOCK_SH), until the context ends or the process does.

    With LOCK_NB nobody is waited for: raises BlockingIOError. Raises StoreError where there is no such folder.
    """
    with storing(folder):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, how)
        yield
    finally:
        os.close(handle)


def sync(path: Path) -> None:
    """Force a file, or the names in a folder, to the disk. Raises OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
