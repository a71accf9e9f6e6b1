"""Files that a command is told to write: refused before anything is read where they cannot be."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError


def require_free(option: str, target: Path, force: bool) -> None:
    """Raise InputError where the folder is not there, or something is in the way that is not to be replaced."""
    if not target.absolute().parent.is_dir():
        raise InputError(f"{option} {target} cannot be written", "its folder does not exist")
    if target.is_dir() or (target.exists() and not force):
        remedy = "name a file in it" if target.is_dir() else "name another file, or replace it with --force"
        raise InputError(f"{target} is there already", remedy=remedy)
