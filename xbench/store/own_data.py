"""What xbench keeps for itself between runs: measured rates and tables of this machine, in the user's data folder."""

from __future__ import annotations

import os
from pathlib import Path

from ..errors import StoreError
from .files import write_text


class OwnData:
    """One kind of data, in words (`what`, as a sentence begins with it), and its folder's name."""

    def __init__(self, what: str, kind: str) -> None:
        self._what, self._kind = what, kind

    @property
    def folder(self) -> Path:
        """Below XDG_DATA_HOME, or ~/.local/share without it.

        As the XDG Base Directory Specification 0.8 says, a relative path in the variable counts as none.
        """
        data = Path(os.environ.get("XDG_DATA_HOME", ""))
        base = data if data.is_absolute() else Path.home() / ".local" / "share"
        return base / "xbench" / self._kind

    def make_room(self, folder: Path) -> None:
        """Make a folder of such data, before anything is measured. Raises StoreError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            writable = os.access(folder, os.W_OK)
        except OSError as error:
            raise self.refused(folder, error.strerror or str(error)) from error
        if not writable:
            raise self.refused(folder, "it cannot be written")

    def write(self, path: Path, text: str) -> None:
        """Put a file in place whole. Raises StoreError."""
        try:
            write_text(path, text)
        except StoreError as error:
            raise self.refused(path.parent, error.found) from error

    def refused(self, folder: Path, why: str) -> StoreError:
        """That such data cannot be kept there."""
        remedy = "set XDG_DATA_HOME to a folder that can be written"
        return StoreError(f"{self._what} cannot be kept in {folder}", why, remedy)
