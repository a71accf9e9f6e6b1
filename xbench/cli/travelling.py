"""Travels the road for a command: with a view of the progress, and the results shown at the end."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from ..errors import InterruptedRunError
from ..progress import Journey
from ..road.context import RunOptions
from ..road.story import travel
from ..suite.loading import LoadedSuite
from .showing import STDOUT, check_target, show, show_place, show_sentences, write_json
from .view import make_view


@contextmanager
def on_the_way(json_file: str | None, quiet: bool, interrupted: InterruptedRunError) -> Iterator[Journey]:
    """A journey with a view of its progress. Ctrl-C, and SIGTERM like it, end it as `interrupted`."""
    # Workers are stopped, temporary files gone, and what was finished is kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    view = make_view(quiet)
    if json_file is not None:
        check_target(json_file)
    try:
        yield Journey(view)
    except KeyboardInterrupt as error:
        raise interrupted from error
    finally:
        view.close()


def travel_and_show(
    loaded: LoadedSuite, options: RunOptions, json_file: str | None, quiet: bool, sentences: bool = False
) -> int:
    """Run a suite and show what came of it. Returns the exit code."""
    goes_on = "" if sentences else ", and --resume with the same suite goes on"
    interrupted = InterruptedRunError(
        "Interrupted", f"what was finished is saved in {options.output}", f"`xbench report` shows it{goes_on}"
    )
    with on_the_way(json_file, quiet, interrupted) as journey:
        record, context = travel(loaded, options, journey)
    if json_file is not None:
        write_json(record, json_file)
    if json_file != STDOUT:
        show(record)
        if sentences:
            show_sentences(record)
        show_place(context.folder.path)
    sys.stdout.flush()
    return record.exit_code or 0
