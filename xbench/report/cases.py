"""Cases of many runs: as a narrow table, and as the text of a CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

from ..records.case import CaseRow
from ..records.estimate import Estimate, interval_text
from .exemplars import csv_cell
from .figures import NOTHING
from .losses import short
from .table import Table

# What is told once where it is the same in all rows.
_SHARED = ("suite", "model", "hardware", "workload", "metric")
_COLUMNS = ("model", "hardware", "workload")
_NAMES = {"hardware": "device"}


def case_table(cases: Sequence[CaseRow]) -> Table:
    """A row for each case: the run, what differs from case to case, and what was found, as in the tables of a run."""
    values = {name: {getattr(case, name) for case in cases if getattr(case, name)} for name in _SHARED}
    shared = {name: found for name, found in values.items() if len(found) <= 1}
    remark = ", ".join(f"{_NAMES.get(name, name)} {next(iter(found))}" for name, found in shared.items() if found)
    columns = [name for name in _SHARED if name not in shared and name in _COLUMNS]
    quality = bool(values["metric"])
    headers = ("run", "variant", *(_NAMES.get(name, name) for name in columns), "speedup (95 %)")
    rows = tuple(
        (
            case.run,
            case.variant,
            *(getattr(case, name) for name in columns),
            _speedup(case),
            *([_quality(case, "metric" not in shared)] if quality else []),
            _verdict(case),
        )
        for case in cases
    )
    headers = (*headers, *(["quality (change)"] if quality else []), "verdict")
    return Table("", (remark,) if remark else (), headers, rows)


def _speedup(case: CaseRow) -> str:
    if case.baseline:
        return "1 (baseline)" if case.latency_p50_ms is not None else NOTHING
    if case.speed_verdict == "untimed":
        return "emulated: not timed"
    if case.speedup is None or case.speedup_low is None or case.speedup_high is None:
        return NOTHING
    one = Estimate(point=case.speedup, low=case.speedup_low, high=case.speedup_high, confidence=0.95, method="")
    return interval_text(one) + (" simulated" if case.simulated else "")


def _quality(case: CaseRow, named: bool) -> str:
    if case.value is None:
        return NOTHING
    name = f"{case.metric} " if named else ""
    if case.drop is None:
        return f"{name}{case.value:.3f}"
    return f"{name}{case.value:.3f} ({case.drop if case.better == 'lower' else -case.drop:+.3f})"


def _verdict(case: CaseRow) -> str:
    """The outcome of the gates where there are some, and the verdict on speed; why, where there is neither."""
    speed: str | None = "baseline" if case.baseline else case.speed_verdict
    if case.latency_p50_ms is None and case.speed_verdict is None:
        speed = short(case.reason) or "not measured"
    if case.outcome is None:
        return speed or NOTHING
    waived = ", waived" if case.waived else ""
    return f"{case.outcome}{waived} ({speed})" if speed else case.outcome + waived


def as_csv(cases: Iterable[CaseRow]) -> str:
    """A header and a row for each case, as RFC 4180 has it; a figure that is not known is empty.

    Text is guarded as `csv_cell` has it.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CaseRow.model_fields)
    for case in cases:
        writer.writerow(csv_cell(getattr(case, name)) for name in CaseRow.model_fields)
    return out.getvalue()
