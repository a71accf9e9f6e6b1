"""A small file of /proc or /sys that is read again and again."""

from __future__ import annotations

import os
import weakref
from pathlib import Path

# The values read here are a line or less.
_BYTES = 512


class KernelFile:
    """Opened at the first reading, kept open, and closed when nobody holds it any more.

    Each reading is one `pread` at offset 0, for which the kernel makes the text anew (sysfs.rst of the kernel's
    documentation says so). It takes some microseconds; to open the file each time would take ten more.
    Readings raise OSError where the file is not there or cannot be read, ValueError where it is not as expected.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._handle: int | None = None

    def first_line(self) -> bytes:
        """The first 512 bytes up to the end of their first line."""
        if self._handle is None:
            self._handle = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._handle)
        return os.pread(self._handle, _BYTES, 0).partition(b"\n")[0]

    def number(self) -> int:
        """The file as one whole number that is not negative."""
        text = self.first_line().strip()
        if not text.isdigit():
            raise ValueError(f"{self.path} holds {text.decode(errors='replace')!r}, which is no number")
        return int(text)
