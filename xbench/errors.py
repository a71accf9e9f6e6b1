"""The errors of xbench, and the exit code that each one means.

XbenchError              5  a fault of the program or of the machine
|-- InputError           2  bad input or usage
|   `-- StoreError       2  the results folder cannot be written or read
|-- UnavailableError     4  the hardware, or a library of it, is not here
|-- InvalidError         4  a number would be wrong: fallback, NaN, lost sparsity
|-- WorkerError          4  a worker process died, hung or refused
`-- InterruptedRunError 130  Ctrl-C or SIGTERM
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class XbenchError(Exception):
    """Says in up to three lines what was asked, what is there and what to do.

    The three parts are kept apart so that a table can show the first and a terminal all of them.
    """

    exit_code = 5

    def __init__(self, asked: str, found: str = "", remedy: str = "") -> None:
        self.asked = asked
        self.found = found
        self.remedy = remedy
        super().__init__("\n".join(part for part in (asked, found, remedy) if part))

    @property
    def reason(self) -> str:
        """What went wrong, on one line, for the cell of a table."""
        return ": ".join(part for part in (self.asked, self.found) if part).replace("\n", " ")


class InputError(XbenchError):
    """The user's file, option or suite cannot be used as it is."""

    exit_code = 2


class StoreError(InputError):
    """A results folder cannot be written, read or trusted."""


class UnavailableError(XbenchError):
    """A deployment target was asked for that this machine is not, or has not the libraries for."""

    exit_code = 4


class InvalidError(XbenchError):
    """A number could be printed, but it would break a rule of measurement."""

    exit_code = 4


class WorkerError(XbenchError):
    """A worker process died, ran out of its time limit, or could not do what it was told."""

    exit_code = 4


class InterruptedRunError(XbenchError):
    """The user ended it: Ctrl-C, or SIGTERM. The code is what shells give for SIGINT."""

    exit_code = 130


def did_you_mean(name: str, known: Iterable[str], otherwise: str = "") -> str:
    """What to do about a name that there is not: the nearest one that there is; `otherwise` where none is near."""
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {near[0]!r}?" if near else otherwise
