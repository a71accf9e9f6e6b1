"""`xbench results diff`: two runs side by side, in words. Whatever comes from records is made visible."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..records.estimate import Estimate, interval_text
from ..records.run_diff import Change, FileChange, QualityChange, RunDiff, SpeedChange, VerdictChange
from ..report.figures import estimate_text, figure, flips_text
from ..report.text import visible
from ..results.diffing import diff_runs
from ..store.folder import ResultsFolder
from .plain_table import visible_table
from .showing import STDOUT, check_target, write_data

SCHEMA = "xbench.run-diff/1"
_HISTORICAL = (
    "The ratio is historical: of two runs, each over its own dense, half-widths in quadrature (95 % each: of 20\n"
    "cases that did not change, one may differ by chance). They differ where it is clear of 1 by both noise floors.\n"
)
_NONE = "-"
_SHORT = 12


def show_diff(first: str, second: str, results: Path, json_file: str | None) -> None:
    """Show in what two runs differ, or write it as data. Raises StoreError where one is not there or not readable."""
    if json_file is not None:
        check_target(json_file)
    folders = ResultsFolder(results).find(first), ResultsFolder(results).find(second)
    found = diff_runs(folders[0].load(), folders[1].load(), folders)
    if json_file is not None:
        write_data({"schema": SCHEMA, **found.model_dump(mode="json")}, json_file)
    if json_file != STDOUT:
        sys.stdout.write(_as_text(found))


def _as_text(found: RunDiff) -> str:
    parts = [
        visible(_title(found)) + "\n",
        _changes("suite", found.suite),
        _changes("policy", found.policy),
        _changes("machine and software", found.fingerprint),
        _changes("what else", found.others),
        _files(found.files),
        _speeds(found),
        _qualities(found.qualities),
        _verdicts(found.verdicts),
        "".join(f"{visible(line)}\n" for line in _alone(found)),
    ]
    return "\n".join(part for part in parts if part)


def _title(found: RunDiff) -> str:
    if found.first == found.second:
        return f"{found.first} against itself"
    return f"From {found.first} (first) to {found.second} (second)"


def _changes(title: str, changes: Sequence[Change]) -> str:
    if not changes:
        return f"{title}: the same\n"
    rows = [(one.what, one.first, one.second) for one in changes]
    return visible_table(rows, (title, "first", "second"))


def _files(files: Sequence[FileChange]) -> str:
    if all(one.files == "same" for one in files):
        return f"files of the variants: the same, all {len(files)}\n"
    rows = [(o.variant, o.files, o.first_sha256[:_SHORT] or _NONE, o.second_sha256[:_SHORT] or _NONE) for o in files]
    return visible_table(rows, ("variant", "its file", "first sha256", "second sha256"))


def _speeds(found: RunDiff) -> str:
    """Each run's own speedups, over its own dense; and their ratio, where they may be compared."""
    if not found.speeds:
        return "No case is in both runs.\n"
    rows = [
        (
            one.variant,
            one.hardware,
            one.workload,
            _ratio(one.first),
            _ratio(one.second),
            *_told(one, found.not_comparable),
        )
        for one in found.speeds
    ]
    headers = ("variant", "device", "workload", "speedup, first", "speedup, second", "second / first", "note")
    table = visible_table(rows, headers)
    if found.not_comparable:
        return table + visible(f"The speedups are not comparable: {found.not_comparable}.") + "\n"
    return table + _HISTORICAL


def _ratio(one: Estimate | None) -> str:
    return interval_text(one) if one is not None else _NONE


def _told(one: SpeedChange, why: str) -> tuple[str, str]:
    if one.change is None:
        return _NONE, f"not comparable: {one.note}" if one.note and one.note != why else "-"
    verdict = "" if one.differ is None else "they differ" if one.differ else "no difference found"
    return interval_text(one.change, least=3), "; ".join(filter(None, (verdict, one.note)))


def _qualities(changes: Sequence[QualityChange]) -> str:
    rows = [
        (
            one.variant,
            one.hardware,
            one.metric or _NONE,
            _NONE if one.first is None else figure(one.first),
            _NONE if one.second is None else figure(one.second),
            estimate_text(one.drop),
            flips_text(one.flips),
            one.note or _NONE,
        )
        for one in changes
    ]
    headers = ("variant", "device", "metric", "first", "second", "drop, paired (90 %)", "flips", "note")
    return visible_table(rows, headers) if rows else ""


def _verdicts(changes: Sequence[VerdictChange]) -> str:
    """Those that changed; how many did not."""
    if not changes:
        return ""
    rows = [
        (one.variant, one.hardware, one.workload or _NONE, one.gate, one.slice or _NONE, one.first, one.second)
        for one in changes
        if one.first != one.second
    ]
    if not rows:
        return f"gates: the same, all {len(changes)}\n"
    table = visible_table(rows, ("variant", "device", "workload", "gate", "slice", "first", "second"))
    return table + f"Gates with the same outcome: {len(changes) - len(rows)}.\n"


def _alone(found: RunDiff) -> Iterator[str]:
    for which, cases in (("first", found.only_first), ("second", found.only_second)):
        if cases:
            yield f"Only in the {which}: {'; '.join(cases)}"
