"""Travels the road for a command: with a view of the progress, and the results shown at the end."""

from __future__ import annotations

import signal
import sys

from ..errors import InterruptedRunError
from ..progress import Journey
from ..road.context import RunOptions
from ..road.story import travel
from ..suite.loading import LoadedSuite
from .showing import STDOUT, check_target, show, show_place, show_sentences, write_json
from .view import make_view


def travel_and_show(
    loaded: LoadedSuite, options: RunOptions, json_file: str | None, quiet: bool, sentences: bool = False
) -> int:
    """Run a suite and show what came of it. Returns the exit code."""
    # SIGTERM ends a run as Ctrl-C does: workers stopped, what was finished kept.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    view = make_view(quiet)
    if json_file is not None:
        check_target(json_file)
    try:
        record, context = travel(loaded, options, Journey(view))
    except KeyboardInterrupt as error:
        goes_on = "" if sentences else ", and --resume with the same suite goes on"
        raise InterruptedRunError(
            "Interrupted",
            f"what was finished is saved in {options.output}",
            f"`xbench report` shows it{goes_on}",
        ) from error
    finally:
        view.close()
    if json_file is not None:
        write_json(record, json_file)
    if json_file != STDOUT:
        show(record)
        if sentences:
            show_sentences(record)
        show_place(context.folder.path)
    sys.stdout.flush()
    return record.exit_code or 0
