"""One xbench times at a time on a machine: two at once would each be the other's noise."""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def alone_on_the_machine() -> Iterator[None]:
    """Wait until no other xbench of this user is timing, and keep the others waiting meanwhile.

    The kernel gives the turn back when the process ends, however it ends.
    """
    path = Path(tempfile.gettempdir()) / f"xbench-{os.getuid()}.turn"
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
