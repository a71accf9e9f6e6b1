"""Puts finished files under the names that a user will look for: whole, together, and over no other file."""

from __future__ import annotations

import contextlib
import fcntl
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import quote

from ..errors import InputError
from .files import BY_OUTPUT, held, storing, sync

WORKPLACE = ".xbench-"
"""How the names of workplaces begin."""
_PLAIN = " :,;()[]{}+=@&!'^$#~"


def file_stem(name: str) -> str:
    """A variant's name as the beginning of a file's name: its own but for `/`, a dot at its start, and the like.

    What cannot stand in a file's name is written as in addresses (`%2F`), so that no two names become one.
    """
    stem = quote(name, safe=_PLAIN, errors="surrogatepass")
    return "%2E" + stem[1:] if stem.startswith(".") else stem


@contextlib.contextmanager
def workplace(folder: Path, how: str = BY_OUTPUT) -> Iterator[Path]:
    """A folder of its own inside `folder`, which is made if need be; gone at the end, whatever is left in it.

    Raises StoreError where neither can be made; `how` says there how to name another folder.
    """
    with storing(folder, how):
        folder.mkdir(parents=True, exist_ok=True)
        place = tempfile.TemporaryDirectory(prefix=WORKPLACE, dir=folder, ignore_cleanup_errors=True)
    with place as name, held(Path(name), fcntl.LOCK_SH):  # while it is, nobody takes it for a dead process's
        yield Path(name).resolve()


def require_free(folder: Path, names: Sequence[str], force: bool, how: str = BY_OUTPUT) -> None:
    """Raise InputError where a file of one of these names is there and may not be replaced."""
    for name in names:
        path = folder / name
        with storing(path, how):
            there = path.is_dir() or (not force and os.path.lexists(path))
        if there:
            what = "it is a folder" if path.is_dir() else "that file is there, and is left as it is"
            remedy = f"name another folder {how}" + ("" if path.is_dir() else ", or replace it by --force")
            raise InputError(f"{path} cannot be written", what, remedy)


def put(files: Sequence[Path], folder: Path, force: bool, how: str = BY_OUTPUT) -> None:
    """Move files of a `workplace` into `folder`, under their own names, the one that counts last.

    Two processes at once take turns; the second finds the names taken. Raises InputError as `require_free` does,
    before anything is moved, and StoreError.
    """
    with storing(folder, how), held(folder, fcntl.LOCK_EX):
        require_free(folder, [path.name for path in files], force, how)
        for path in files:
            sync(path)
        # Whatever happens in the middle, no old file is left beside a new one that it does not fit.
        for path in reversed(files[1:]):
            (folder / path.name).unlink(missing_ok=True)
        for path in files:
            path.replace(folder / path.name)
