"""What parent and worker say to each other: one JSON object a line, on pipes of their own.

Standard output stays free of it, since a library in the worker may print there.
"""

from __future__ import annotations

import json
from typing import IO, Any

from ..errors import InputError, InvalidError, UnavailableError, WorkerError, XbenchError

Message = dict[str, Any]
_KINDS: dict[str, type[XbenchError]] = {
    kind.__name__: kind for kind in (InputError, InvalidError, UnavailableError, WorkerError)
}


def send(pipe: IO[str], message: Message) -> None:
    """Write one message and flush it."""
    pipe.write(json.dumps(message) + "\n")
    pipe.flush()


def error_message(error: XbenchError) -> Message:
    """An error as a message."""
    return {
        "error": type(error).__name__,
        "asked": error.asked,
        "found": error.found,
        "remedy": error.remedy,
    }


def raise_error(message: Message) -> None:
    """Raise again, in the parent, what the worker raised; nothing if the message is no error."""
    if "error" in message:
        kind = _KINDS.get(message["error"], WorkerError)
        raise kind(message["asked"], message["found"], message["remedy"])
