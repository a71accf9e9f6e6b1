"""Looks after recorded runs for a command, and tells what was found."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError, InvalidError, StoreError
from ..report.text import visible
from ..results.rows import case_rows
from ..store.folder import ResultsFolder, RunFolder
from ..store.sweeping import sweep
from ..store.verifying import Verification, verify

_MIB = 2**20


def verify_runs(names: Sequence[str], digest: str, results: Path) -> int:
    """Look at these runs, or at all; a line for each, then what is wrong. Returns the exit code."""
    if digest and len(names) != 1:
        raise InputError(
            "--digest is that of one run's manifest", f"{len(names)} runs are named", "name the run that it is of"
        )
    if digest and not re.fullmatch(r"[0-9a-f]{64}", digest):
        raise InputError(f"--digest {digest!r} is no SHA-256", "", "it has 64 digits, 0 to 9 and a to f")
    folder = ResultsFolder(results)
    if not names:
        folder.require()  # a misspelt one would else be found all right
    runs = [folder.find(name) for name in names] if names else list(folder.with_traces())
    counts: Counter[str] = Counter()
    for run in runs:
        state, lines = _told(run, digest)
        counts[state] += 1
        sys.stdout.write("".join(visible(line) + "\n" for line in lines))
    told = ", ".join(f"{counts[state]} {state}" for state in ("ok", "not sealed", "CHANGED") if counts[state])
    sys.stdout.write(f"{len(runs)} runs: {told}\n" if runs else f"No runs in {visible(str(results))}\n")
    return InvalidError.exit_code if counts["CHANGED"] else 0


def _told(run: RunFolder, digest: str) -> tuple[str, list[str]]:
    """In which state a run is, and that in lines."""
    try:
        found = verify(run, case_rows, digest)
    except StoreError as error:
        found = Verification(run.id, sealed=False, problems=(error.reason,))
    if found.problems:
        return "CHANGED", [f"{run.id}: CHANGED", *(f"  {problem}" for problem in found.problems)]
    if found.sealed:
        unread = [f"  {found.unread}"] if found.unread else []
        return "ok", [f"{run.id}: ok, {found.files} files, sha256 {found.manifest_sha256}", *unread]
    return "not sealed", [f"{run.id}: not sealed: {found.unsealed}"]


def sweep_results(results: Path, dry_run: bool) -> None:
    """Remove what no run refers to, and tell each."""
    swept = sweep(ResultsFolder(results), dry_run=dry_run)
    what = "would be removed" if dry_run else "removed"
    for one in swept.removed:
        sys.stdout.write(visible(f"{one.path}: {what}, {one.size_bytes / _MIB:.1f} MiB: {one.what}") + "\n")
    for text in swept.stays:
        sys.stdout.write(visible(f"stays: {text}") + "\n")
    freed = sum(one.size_bytes for one in swept.removed) / _MIB
    sys.stdout.write(f"{len(swept.removed)} {what}, {freed:.1f} MiB\n")
