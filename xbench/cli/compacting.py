"""The command that takes out of a file what is only zeroed."""

from __future__ import annotations

import sys
from pathlib import Path

from ..compacting.compacting import Compacting, compact
from ..errors import InterruptedRunError
from ..report.text import visible
from .compacted import as_text, nothing
from .showing import STDOUT, write_data
from .travelling import on_the_way


def compact_and_show(
    source: Path, target: Path, how: Compacting, details: bool, json_file: str | None, quiet: bool
) -> int:
    """Compact one file, and tell what came of it. Returns the exit code: 0, or 2 where nothing can go."""
    interrupted = InterruptedRunError("Interrupted", f"{target} was not written", "start `xbench compact` again")
    with on_the_way(json_file, quiet, interrupted) as journey:
        found = compact(source, target, how, journey)
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True), json_file)
    if json_file != STDOUT:
        sys.stdout.write(as_text(found, details))
    if found.target is None:
        sys.stderr.write(f"xbench: {visible(nothing(found))}\n")
    sys.stdout.flush()
    return found.exit_code
