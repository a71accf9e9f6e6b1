"""`xbench report RUN --exemplars FILE`: every example that pruning loses, in a file of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from ..errors import InputError
from ..quantities import examples_text
from ..report.exemplars import as_csv, as_jsonl
from ..report.text import visible
from ..road.losing import Lost, lost_examples
from ..store.files import write_text
from ..store.folder import ResultsFolder
from ..suite.model import Suite
from .targets import require_free

_FORMS: dict[str, Callable[[tuple[Lost, ...]], str]] = {".csv": as_csv, ".jsonl": as_jsonl}


def export_exemplars(name: str, results: Path, target: Path, force: bool) -> None:
    """Write them, and say how many of which variants. Raises InputError before anything is read or written."""
    form = _FORMS.get(target.suffix.lower())
    if form is None:
        raise InputError(f"--exemplars {target} has no known ending", "known are .csv and .jsonl")
    require_free("--exemplars", target, force)
    folder = ResultsFolder(results).find(name)
    record = folder.load()
    lost = lost_examples(record, Suite.model_validate(record.suite), folder)
    write_text(target, form(lost))
    variants = dict.fromkeys(variant for _, variant, _ in lost)
    whose = f", lost by {', '.join(variants)}" if variants else ""
    sys.stdout.write(visible(f"{examples_text(len(lost))}{whose}: {target}") + "\n")
