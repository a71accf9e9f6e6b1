"""The log of a run: what was done when, line by line. A line is added in one step and never changed."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import ValidationError

from ..errors import StoreError
from ..records.base import Record
from .files import storing
from .plain import opened

LOG = "log.jsonl"
# The folders of an absolute path; not of an address, and not of what begins with `~`.
_ELSEWHERE = re.compile(r"(?<![\w./:~])/(?:[^\s/'\"]+/)+(?=[^\s/'\"])")
Event = Literal["begin", "end", "note", "failure"]


class LogLine(Record):
    """When, in UTC, as ISO 8601; what: a case that began or ended, a note to the user, or what ended the run."""

    time: str
    event: Event
    text: str


def append(folder: Path, event: Event, text: str) -> None:
    """Add a line, in which absolute paths have lost what is of this machine. Raises StoreError."""
    time = datetime.now(UTC).isoformat(timespec="milliseconds")
    line = LogLine(time=time, event=event, text=_without_places(text, folder)).model_dump_json() + "\n"
    with storing(folder):
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(folder / LOG, flags, 0o666)
        try:
            end = os.fstat(handle).st_size
            cut = end > 0 and os.pread(handle, 1, end - 1) != b"\n"  # by a process that was killed
            rest = ("\n" if cut else "").encode() + line.encode()
            while rest:  # in one step, but on a disk that is filling up: then the next one is refused
                rest = rest[os.write(handle, rest) :]
        finally:
            os.close(handle)


def _without_places(text: str, folder: Path) -> str:
    """Paths below the results, the working and the user's home folder from there on; others by their name alone."""
    places = {folder.absolute().parent: "", folder.resolve().parent: "", Path.cwd(): "", Path.home(): "~/"}
    for place, instead in sorted(places.items(), key=lambda pair: len(str(pair[0])), reverse=True):
        if place != Path(place.anchor):
            text = text.replace(f"{place}/", instead).replace(str(place), instead.rstrip("/") or ".")
    return _ELSEWHERE.sub("", text)


def read_log(folder: Path) -> tuple[LogLine, ...]:
    """All lines, the oldest first; none where there is no log. What a killed process has left of a line is skipped.

    Raises StoreError where the log is no plain file.
    """
    try:
        with opened(folder / LOG) as file:
            lines = file.read().decode("utf-8", "replace").split("\n")
    except FileNotFoundError:
        return ()
    except OSError as error:
        raise StoreError(f"{folder / LOG} cannot be read", error.strerror or str(error)) from error
    found = []
    for line in lines:
        try:
            found.append(LogLine.model_validate(json.loads(line)))
        except (ValueError, ValidationError):
            continue  # cut off
    return tuple(found)
