"""Shows a record: tables and sentences on standard output, data where `--json` says."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from ..errors import StoreError
from ..records.run_record import RunRecord
from ..report.data import as_data
from ..report.text import visible
from ..report.words import sentence
from ..store.files import storing, write_text

STDOUT = "-"


def write_json(record: RunRecord, target: str) -> None:
    """Write a record as data."""
    write_data(as_data(record), target)


def write_data(data: dict[str, Any], target: str) -> None:
    """Write JSON to a file, or to standard output for `-`."""
    text = json.dumps(data, indent=1, allow_nan=False) + "\n"
    if target == STDOUT:
        sys.stdout.write(text)
        return
    check_target(target)
    path = Path(target)
    if path.exists() and not path.is_file():
        # A pipe or a device, such as /dev/stdout: written to, never replaced.
        with storing(path), path.open("w") as file:
            file.write(text)
        return
    write_text(path, text)


def check_target(target: str) -> None:
    """Refuse a target of `--json` that cannot be, before anything is measured. Raises StoreError."""
    path = Path(target)
    if target == STDOUT:
        return
    if not path.absolute().parent.is_dir():
        raise StoreError(f"--json {target} cannot be written", "its folder does not exist", "make the folder first")
    if path.is_dir():
        raise StoreError(f"--json {target} cannot be written", "it is a folder", "name a file in it")


def show(record: RunRecord, details: bool = False) -> None:
    """Tables: by rich in a terminal, as Markdown elsewhere; with `details` all of them."""
    if sys.stdout.isatty():
        from rich.console import Console

        from ..report.terminal import render as render_terminal

        render_terminal(record, Console(), details)
    else:
        from ..report.markdown import render as render_markdown

        sys.stdout.write(render_markdown(record, details))


def show_sentences(record: RunRecord) -> None:
    """One sentence for each comparison, and for each device that was asked for and is not here."""
    for device in record.devices:
        if device.explicit and not device.availability.available:
            reason = device.availability.reason
            sys.stdout.write(visible(f"Nothing was compared on {device.profile.name}: unavailable: {reason}") + "\n")
    for group in record.groups:
        for comparison in group.comparisons:
            sys.stdout.write(visible(sentence(comparison)) + "\n")


def show_place(path: Path) -> None:
    """Where the results lie."""
    sys.stdout.write(f"Results: {visible(str(path))}\n")
