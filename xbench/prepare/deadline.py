"""A time limit for work in this very process, where a library may never come back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from ..errors import InputError


@contextmanager
def deadline(seconds: float, what: str) -> Iterator[None]:
    """Raise InputError if the body takes longer. Seen: Torch-Pruning's graph of rotary decoders never ends.

    It rests on SIGALRM, which only the main thread can have; in another thread there is no limit.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def expired(_number: int, _frame: FrameType | None) -> None:
        raise InputError(
            f"{what} did not end within {seconds:g} s",
            "it was stopped: it may never end",
            "give it longer with --time-limit, such as --time-limit 600s",
        )

    before = signal.signal(signal.SIGALRM, expired)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
