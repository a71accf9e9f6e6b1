"""Paths that a suite names."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError


def path_from(base: Path, relative: str) -> Path:
    """A path that a suite in `base` names, made absolute. Raises InputError for one that no file can have."""
    try:
        return (base / Path(relative).expanduser()).resolve()
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"The path {relative!r} cannot be used", str(error)) from error
