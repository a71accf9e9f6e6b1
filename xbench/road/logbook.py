"""Writes down what a run does, in the log of its folder, while whoever looks on is told as before."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from ..errors import StoreError, XbenchError
from ..progress import Listener
from ..store.folder import RunFolder
from .context import Context


class Logbook:
    """A listener in front of another one: each note, and each case as it begins and ends, is a line of the log."""

    def __init__(self, listener: Listener, folder: RunFolder) -> None:
        self._listener, self._folder = listener, folder
        self._case = ""

    def show(self, stage: str, case: str, done: float, left_seconds: float) -> None:
        """A line where the case is another one than before."""
        if (told := f"{stage}: {case}") != self._case:
            self.end()
            self._case = told
            self._folder.log(told, "begin")
        self._listener.show(stage, case, done, left_seconds)

    def note(self, text: str) -> None:
        """A line."""
        self._folder.log(text)
        self._listener.note(text)

    def end(self) -> None:
        """A line where a case was going on."""
        if self._case:
            self._folder.log(self._case, "end")
            self._case = ""

    def close(self) -> None:
        """Nothing is open here."""
        self._listener.close()


def _why(error: BaseException) -> str:
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    return error.reason if isinstance(error, XbenchError) else f"{type(error).__name__}: {error}"


@contextlib.contextmanager
def logged(context: Context) -> Iterator[None]:
    """Keep a log of what is done in this context; a failure that ends it is the last line. Raises StoreError."""
    journey = context.journey
    before, book = journey.listener, Logbook(journey.listener, context.folder)
    journey.listener = book
    try:
        yield
        book.end()
    except StoreError:
        raise  # the log could be written no more than the rest
    except (Exception, KeyboardInterrupt) as error:
        context.folder.log(_why(error), "failure")
        raise
    finally:
        journey.listener = before
