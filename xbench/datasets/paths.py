"""Where data lie: files, and folders that may come from a stranger."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import Any

from ..errors import InputError
from .limits import MAX_JSON_BYTES


def require_file(path: Path) -> int:
    """The size in bytes of a regular file that is not empty. Raises InputError: a FIFO would be waited for."""
    status = _status(path)
    if stat.S_ISDIR(status.st_mode):
        raise InputError(f"The data file {path} cannot be read", "it is a folder", "name it as `folder`")
    if not stat.S_ISREG(status.st_mode):
        raise InputError(
            f"The data file {path} cannot be read", "it is a pipe or a device", "save the data as a regular file"
        )
    if status.st_size == 0:
        raise InputError(f"The data file {path} is empty", "it has 0 bytes", "write or download it again")
    try:
        path.open("rb").close()
    except PermissionError as error:
        raise InputError(
            f"The data file {path} cannot be read", error.strerror or str(error), "check its permissions"
        ) from error
    return status.st_size


def require_folder(path: Path) -> None:
    """Raises InputError where there is no folder of this name."""
    if not stat.S_ISDIR(_status(path).st_mode):
        raise InputError(f"The data folder {path} cannot be read", "it is not a folder", "name it as `file`")


def inside(folder: Path, name: str) -> Path:
    """A regular file of a data folder. Raises InputError for a name, or a symbolic link, that leads out of it."""
    try:
        path = (folder / name).resolve()
        leads_out = not path.is_relative_to(folder.resolve())
    except (ValueError, RuntimeError, OSError) as error:
        raise InputError(f"The data folder {folder} cannot be read", f"{name!r}: {error}") from error
    if leads_out:
        raise InputError(
            f"The data folder {folder} cannot be read",
            f"{name!r} leads out of the folder",
            "copy the folder with `cp -rL`, so that it has files in place of links",
        )
    require_file(path)
    return path


def listed(folder: Path, ending: str) -> list[str]:
    """Names in a folder with this ending, sorted; none where there is no such folder."""
    try:
        if not folder.is_dir():
            return []
        return sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(ending))
    except OSError as error:
        raise InputError(f"The data folder {folder} cannot be read", error.strerror or str(error)) from error


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A small JSON file of a data folder, which holds an object. Raises InputError for any other."""
    path = inside(folder, name)
    asked = f"The data folder {folder} cannot be read"
    if path.stat().st_size > MAX_JSON_BYTES:
        raise InputError(asked, f"{name} has more than {MAX_JSON_BYTES:,} bytes")
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise InputError(asked, f"{name} is no JSON: {error}"[:300]) from error
    if not isinstance(found, dict):
        raise InputError(asked, f"{name} holds no object")
    return found


def _status(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except FileNotFoundError as error:
        raise InputError(
            f"The data {path} cannot be read", "there is no such file or folder", "check the path"
        ) from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise InputError(f"The data {path} cannot be read", reason, "check the path and its permissions") from error
