"""`xbench results history`: a row for each figure of each case, and what changed in it, in words."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..errors import StoreError
from ..records.case import CaseRow
from ..records.estimate import Estimate
from ..records.fingerprint import Fingerprint
from ..records.history import CaseHistory, QuantityHistory
from ..report.figures import figure
from ..report.text import visible
from ..results.filtering import Filters
from ..results.history import histories
from ..results.querying import Results
from ..store.folder import ResultsFolder
from .listing import note_unreadable, opened
from .plain_table import visible_table
from .showing import STDOUT, check_target, write_data

SCHEMA = "xbench.history/1"
_WORDS = {"speedup": "speedup", "latency_p99_ratio": "p99 over dense's", "peak_memory_ratio": "memory over dense's"}
_HEADERS = ("variant", "device", "workload", "figure", "runs", "first", "now", "change", "where")
_SHORT = 10  # of a date: the day; of a digest: enough to tell two apart


def show_history(results: Path, wanted: Filters, json_file: str | None) -> None:
    """Show the histories, or write them as data. Raises InputError for a date that is none, StoreError."""
    if json_file is not None:
        check_target(json_file)
    folder = opened(results)
    rows, variants = _rows(folder, wanted)
    note_unreadable(folder)
    found = histories(rows, _fingerprints(results, rows), variants)
    if json_file is not None:
        cases = [one.model_dump(mode="json") for one in found]
        write_data({"schema": SCHEMA, "cases": cases}, json_file)
    if json_file != STDOUT:
        sys.stdout.write(_as_text(found, results))


def _rows(results: Results, wanted: Filters) -> tuple[list[CaseRow], tuple[str, ...] | None]:
    """The rows that are asked for, with those of whatever they are compared with; and the variants that are meant."""
    if not wanted.get("variant"):
        return results.cases(**wanted), None
    others: Filters = {**wanted, "variant": None}
    return results.cases(**others), tuple(dict.fromkeys(row.variant for row in results.cases(**wanted)))


def _fingerprints(results: Path, rows: Iterable[CaseRow]) -> dict[str, Fingerprint]:
    """What each digest stands for, from one run of it; nothing of those whose record cannot be read."""
    found: dict[str, Fingerprint] = {}
    for row in rows:
        if row.fingerprint_sha256 not in found:
            try:
                found[row.fingerprint_sha256] = ResultsFolder(results).find(row.run).load().fingerprint
            except StoreError:
                continue
    return found


def _as_text(found: Sequence[CaseHistory], results: Path) -> str:
    """A table for each suite and fingerprint, and in lines below it what changed."""
    if not found:
        return f"No complete run in {visible(str(results))} has what was asked for.\n"
    places: dict[tuple[str, str, str], list[CaseHistory]] = {}
    for case in found:
        places.setdefault((case.suite, case.model, case.fingerprint_sha256), []).append(case)
    parts = [_section(cases) for cases in places.values()]
    count = sum(one.p_value is not None for case in found for one in case.quantities)
    if count:
        parts.append(
            f"{count} series were tested together: of those called changed, at most 5 % are not, on average.\n"
        )
    return "\n".join(parts)


def _section(cases: Sequence[CaseHistory]) -> str:
    one = cases[0]
    first, last = min(case.first for case in cases), max(case.last for case in cases)
    heading = f"{one.suite} ({one.model}) on {one.machine}, fingerprint {one.fingerprint_sha256[:_SHORT]}"
    heading += f": {max(case.runs for case in cases)} run(s), {first[:_SHORT]} to {last[:_SHORT]}"
    table = visible_table([_row(case, figures) for case in cases for figures in case.quantities], _HEADERS)
    told = [line for case in cases for line in _told(case)]
    told += dict.fromkeys(f"Later runs are not in it: {case.ended}" for case in cases if case.ended)
    return f"{visible(heading)}\n\n{table}" + "".join(f"{visible(line)}\n" for line in told)


def _row(case: CaseHistory, one: QuantityHistory) -> tuple[object, ...]:
    first, last = one.points[0], one.points[-1]
    name = one.metric or _WORDS[one.quantity]
    return (
        case.variant + (" (simulated)" if case.simulated else ""),
        case.hardware,
        case.workload,
        name,
        len(one.points),
        _figure(one, first.value),
        _figure(one, last.value),
        _difference(one, one.total) if one.total else "none found" if one.p_value is not None else "-",
        _where(one),
    )


def _figure(one: QuantityHistory, value: float) -> str:
    return figure(value) if one.quantity == "quality" else f"{value:.3f}x"


def _difference(one: QuantityHistory, by: Estimate) -> str:
    """Such as `-4.8 % (-5.5 % to -4.1 %)`, or the plain difference of a metric."""
    if one.quantity == "quality":
        return f"{by.point:+.4g}"
    point, low, high = (f"{100 * (value - 1):+.1f} %" for value in (by.point, by.low, by.high))
    return f"{point} ({low} to {high})"


def _where(one: QuantityHistory) -> str:
    if one.creep is not None:
        return f"creeps by {_difference(one, one.creep.per_week)} a week"
    return ", ".join(f"step on {step.created[:_SHORT]}" for step in one.steps) or one.note or "-"


def _told(case: CaseHistory) -> Iterator[str]:
    """Steps with what changed there, and what dense did meanwhile."""
    name = f"{case.variant} on {case.hardware}, {case.workload}"
    for one in case.quantities:
        what = one.metric or _WORDS[one.quantity]
        for step in one.steps:
            why = f"; changed: {', '.join(step.changed)}" if step.changed else "; nothing that is known changed"
            change = _difference(one, step.change)
            values = f"{_figure(one, step.before.point)} to {_figure(one, step.after.point)}"
            yield f"{name}: {what} stepped by {change}, {values}, at {step.run}{why}"
        if one.steps and one.note:
            yield f"{name}: {what}: {one.note}"
    before, after = case.dense_latency_p50_ms
    if before is not None and after is not None and case.runs > 1 and any(one.total for one in case.quantities):
        yield f"{name}: dense itself took {before:.3g} ms at first, {after:.3g} ms now (not judged: the machine's)"
