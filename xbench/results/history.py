"""Histories of cases: their figures run by run, and the steps and creeps in them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from ..records.case import CaseRow
from ..records.estimate import Estimate
from ..records.fingerprint import Fingerprint
from ..records.history import CaseHistory, HistoryCreep, HistoryPoint, HistoryStep, Quantity, QuantityHistory
from ..stats.alarms import benjamini_hochberg
from ..stats.changepoint import CREEP_RUNS, ERROR, LATEST, Alarm, Step, alarm, changes, too_few

_CASE = (
    "suite",
    "model",
    "variant",
    "precision",
    "hardware",
    "workload",
    "batch",
    "scenario",
    "simulated",
    "baseline",
)
_WHAT_CHANGED = {
    "artifact_sha256": "its file",
    "suite_sha256": "the suite",
    "policy_sha256": "the policy",
    "inputs_sha256": "what is fed",
}
_DAY_S = 86_400
_NORMAL_95 = 1.959964
_SHOWN_DIFFERENCES = 3

Denses = Mapping[tuple[str, str, str, str], CaseRow]
Name = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class _Series:
    """One figure over the rows that have it, beside the case that it is of. Values of ratios are logarithms."""

    quantity: Quantity
    rows: tuple[CaseRow, ...]
    values: tuple[float, ...]
    errors: tuple[float, ...]
    points: tuple[HistoryPoint, ...]
    dense_files: tuple[str, ...]

    @property
    def exact(self) -> bool:
        return self.quantity == "quality"


def histories(
    rows: Iterable[CaseRow],
    fingerprints: Mapping[str, Fingerprint] | None = None,
    variants: Sequence[str] | None = None,
) -> tuple[CaseHistory, ...]:
    """The history of each case, in the order in which the cases first came. `rows` are of any runs, in any order.

    Only complete runs count. A series holds runs of one suite, by name, and of one fingerprint: what another machine,
    library or setting measured begins another series. `fingerprints`, by digest, tell in what they differ; without
    them only that they do. Scripted times stand apart from real ones. With `variants`, the cases of these alone; the
    rows of others are there for what they are compared with.

    Speedup, p99 and peak memory are looked at as logarithms of the ratio to dense of the same run, and tested for
    steps and creep (`stats/changepoint.py`). The p-values of all series given here are adjusted together (Benjamini
    and Hochberg): of the series called changed, at most 5 % are not, on average. Quality is not tested: on the same
    data each change is one.
    """
    complete = sorted((row for row in rows if row.status == "complete"), key=lambda row: (row.created, row.run))
    denses = {(row.run, row.hardware, row.workload, row.variant): row for row in complete}
    by_name = _grouped(complete, _name)
    wanted = (row for row in complete if variants is None or row.variant in variants)
    cases = list(_grouped(wanted, lambda row: (*_name(row), row.fingerprint_sha256)).values())
    series = [tuple(_series(case, denses)) for case in cases]
    judged = iter(_judged([one for several in series for one in several]))
    return tuple(
        _case(
            case,
            tuple(next(judged) for _ in several),
            _ended(case, by_name[_name(case[0])], fingerprints or {}),
            denses,
        )
        for case, several in zip(cases, series, strict=True)
        if several
    )


def _grouped(rows: Iterable[CaseRow], key: Callable[[CaseRow], Name]) -> dict[Name, list[CaseRow]]:
    found: dict[Name, list[CaseRow]] = {}
    for row in rows:
        found.setdefault(key(row), []).append(row)
    return found


def _name(row: CaseRow) -> Name:
    return tuple(getattr(row, field) for field in _CASE)


def _case(case: Sequence[CaseRow], found: tuple[QuantityHistory, ...], ended: str, denses: Denses) -> CaseHistory:
    first, last = case[0], case[-1]
    shared = {field: getattr(last, field) for field in _CASE if field != "baseline"}
    ends = [_dense(row, denses) for row in (first, last)]
    return CaseHistory(
        **shared,
        fingerprint_sha256=last.fingerprint_sha256,
        machine=last.machine,
        runs=len(case),
        first=first.created,
        last=last.created,
        dense_latency_p50_ms=tuple(row.latency_p50_ms if row else None for row in ends),
        quantities=found,
        ended=ended,
    )


def _dense(row: CaseRow, denses: Denses) -> CaseRow | None:
    """What the row's speedup is over, in the same run."""
    return denses.get((row.run, row.hardware, row.workload, row.variant if row.baseline else row.against))


def _ended(case: Sequence[CaseRow], rows: Sequence[CaseRow], fingerprints: Mapping[str, Fingerprint]) -> str:
    """Why the latest of all the runs of this case, `rows`, is not in this series; empty where it is."""
    last = case[-1]
    later = [row for row in rows if (row.created, row.run) > (last.created, last.run)]
    if not later:
        return ""
    mine, theirs = (fingerprints.get(sha) for sha in (last.fingerprint_sha256, later[0].fingerprint_sha256))
    told = mine.differences(theirs) if mine is not None and theirs is not None else []
    more = f", and {len(told) - _SHOWN_DIFFERENCES} more" if len(told) > _SHOWN_DIFFERENCES else ""
    why = f": {'; '.join(told[:_SHOWN_DIFFERENCES])}{more}" if told else ""
    return f"{later[0].run} has another fingerprint{why}"


def _series(case: Sequence[CaseRow], denses: Denses) -> Iterator[_Series]:
    """The figures that at least one run has."""
    if not case[0].baseline:
        against = case[-1].against
        same = [row for row in case if row.against == against]
        yield from _one("speedup", same, denses, lambda row: (row.speedup, row.speedup_low, row.speedup_high))
        yield from _one("latency_p99_ratio", same, denses, lambda row: _ratio(row, denses, "latency_p99_ms"))
        yield from _one("peak_memory_ratio", same, denses, lambda row: _ratio(row, denses, "peak_memory_mib"))
    for data in dict.fromkeys((row.metric, row.dataset_sha256) for row in case if row.metric):
        scored = [row for row in case if (row.metric, row.dataset_sha256) == data]
        yield from _one("quality", scored, denses, lambda row: (row.value, row.value_low, row.value_high))


Figures = tuple[float | None, float | None, float | None]


def _ratio(row: CaseRow, denses: Denses, field: str) -> Figures:
    dense = _dense(row, denses)
    mine, theirs = getattr(row, field), getattr(dense, field, None)
    return (mine / theirs if mine and theirs else None), None, None


def _one(
    quantity: Quantity, rows: Sequence[CaseRow], denses: Denses, figures: Callable[[CaseRow], Figures]
) -> Iterator[_Series]:
    """The series of one figure; nothing where no run has it."""
    found = [(row, *figures(row)) for row in rows]
    kept = [
        (row, value, low, high)
        for row, value, low, high in found
        if value is not None and (quantity == "quality" or value > 0)
    ]
    if not kept:
        return
    yield _Series(
        quantity=quantity,
        rows=tuple(row for row, *_ in kept),
        values=tuple(value if quantity == "quality" else math.log(value) for _, value, _, _ in kept),
        errors=tuple(_error(low, high) for _, _, low, high in kept),
        points=tuple(
            HistoryPoint(run=row.run, created=row.created, value=value, low=low, high=high)
            for row, value, low, high in kept
        ),
        dense_files=tuple(dense.artifact_sha256 if (dense := _dense(row, denses)) else "" for row, *_ in kept),
    )


def _error(low: float | None, high: float | None) -> float:
    """The standard error of a logarithm, from the 95 % interval; 0 where there is none."""
    usable = low is not None and high is not None and 0 < low <= high
    return math.log(high / low) / (2 * _NORMAL_95) if usable and low and high else 0.0


def _judged(series: Sequence[_Series]) -> list[QuantityHistory]:
    """Each series with what was found in it; the p-values are adjusted over all of them."""
    tested = [None if one.exact or len(one.values) < CREEP_RUNS else _alarm(one) for one in series]
    p_values = [found.p_value for found in tested if found is not None]
    adjusted = iter(benjamini_hochberg(p_values) if p_values else ())
    return [
        _exact(one) if one.exact else _short(one) if found is None else _tested(one, found, float(next(adjusted)))
        for one, found in zip(series, tested, strict=True)
    ]


def _short(one: _Series) -> QuantityHistory:
    return QuantityHistory(quantity=one.quantity, points=one.points, note=too_few(len(one.values)))


def _alarm(one: _Series) -> Alarm:
    return alarm(one.values[-LATEST:], _days(one.rows[-LATEST:]))


def _days(rows: Sequence[CaseRow]) -> list[float]:
    return [datetime.fromisoformat(row.created).timestamp() / _DAY_S for row in rows]


def _tested(one: _Series, found: Alarm, adjusted: float) -> QuantityHistory:
    """A ratio: steps and creep where the alarm holds among all series."""
    rows, values, errors = one.rows[-LATEST:], one.values[-LATEST:], one.errors[-LATEST:]
    notes = [too_few(len(values))]
    if len(one.values) > LATEST:
        notes.append(f"the latest {LATEST} of {len(one.values)} runs were looked at")
    told: dict[str, Any] = {}
    if adjusted < ERROR:
        what = changes(values, errors, _days(rows), found)
        told["steps"] = tuple(_step(step, one, len(one.rows) - len(rows)) for step in what.steps)
        told["creep"] = HistoryCreep(per_week=_factor(what.creep.per_week)) if what.creep else None
        told["total"] = _factor(what.total) if what.total else None
    return QuantityHistory(
        quantity=one.quantity,
        points=one.points,
        p_value=found.p_value,
        adjusted_p=adjusted,
        note="; ".join(filter(None, notes)),
        **told,
    )


def _factor(one: Estimate) -> Estimate:
    """From the log scale."""
    ends = {name: math.exp(getattr(one, name)) for name in ("point", "low", "high")}
    return one.model_copy(update={**ends, "method": f"{one.method}, log scale"})


def _step(step: Step, one: _Series, skipped: int) -> HistoryStep:
    """In the series, of which the first ones were `skipped`."""
    at = skipped + step.at
    row = one.rows[at]
    return HistoryStep(
        run=row.run,
        created=row.created,
        before=_factor(step.before),
        after=_factor(step.after),
        change=_factor(step.change),
        changed=_changed(one, at),
    )


def _changed(one: _Series, at: int) -> tuple[str, ...]:
    """What else is not as in the run before."""
    before, after = one.rows[at - 1], one.rows[at]
    told = [words for field, words in _WHAT_CHANGED.items() if getattr(before, field) != getattr(after, field)]
    if one.dense_files[at - 1] != one.dense_files[at] and not after.baseline:
        told.append("dense's file")
    if before.xbench_version != after.xbench_version:
        told.append(f"xbench ({before.xbench_version} to {after.xbench_version})")
    return tuple(told)


def _exact(one: _Series) -> QuantityHistory:
    """Quality on the same data, where each change is a step."""
    values = np.asarray(one.values)
    at = [i for i in range(1, values.size) if not math.isclose(values[i], values[i - 1], rel_tol=1e-9, abs_tol=1e-12)]
    steps = tuple(
        HistoryStep(
            run=one.rows[i].run,
            created=one.rows[i].created,
            before=_sure(values[i - 1]),
            after=_sure(values[i]),
            change=_sure(values[i] - values[i - 1]),
            changed=_changed(one, i),
        )
        for i in at
    )
    total = _sure(values[-1] - values[0]) if steps else None
    note = "" if values.size > 1 else "one run: nothing to compare it with"
    return QuantityHistory(
        quantity="quality", metric=one.rows[0].metric, points=one.points, steps=steps, total=total, note=note
    )


def _sure(value: float) -> Estimate:
    one = float(value)
    return Estimate(point=one, low=one, high=one, confidence=0.95, method="the same model on the same data")
