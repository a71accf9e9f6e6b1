"""Commands on recorded runs."""

from __future__ import annotations

import sys
from pathlib import Path

from ..errors import InputError
from ..store.folder import ResultsFolder
from .showing import STDOUT, show, write_json

FORMS = ("", "terminal", "markdown", "json")


def report_run(name: str, results: Path, form: str, details: bool) -> None:
    """Show a run as it was recorded; with `details`, what an engineer asks next. The data always hold it."""
    if form not in FORMS:
        raise InputError(f"There is no format {form!r}", f"known are {', '.join(FORMS[1:])}")
    record = ResultsFolder(results).find(name).load()
    if form == "json":
        write_json(record, STDOUT)
    elif form == "markdown":
        from ..report.markdown import render

        sys.stdout.write(render(record, details))
    elif form == "terminal":
        from rich.console import Console

        from ..report.terminal import render as render_terminal

        render_terminal(record, Console(force_terminal=True), details)
    else:
        show(record, details)
