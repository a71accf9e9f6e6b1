"""One case over many runs: its figures in order of time, and where they changed."""

from __future__ import annotations

from typing import Literal

from .base import Record
from .estimate import Estimate

Quantity = Literal["speedup", "latency_p99_ratio", "peak_memory_ratio", "quality"]
"""Ratios are over dense in the same run: of `speedup` above 1 is faster, of the others below 1 is less. Quality is in
the metric's own units."""


class HistoryPoint(Record):
    """One run of a series. `low` and `high` are the value's own 95 % interval, where it has one."""

    run: str
    created: str
    value: float
    low: float | None = None
    high: float | None = None


class HistoryStep(Record):
    """A change of level, at `run`. `change` is after / before for ratios, after - before for quality.

    `changed` tells what else is not as in the run before it: the file, dense's file, the suite, xbench, the policy.
    Intervals are 95 %; those of quality have no width, since the same model on the same data gives the same.
    """

    run: str
    created: str
    before: Estimate
    after: Estimate
    change: Estimate
    changed: tuple[str, ...] = ()


class HistoryCreep(Record):
    """A steady change: by this factor (ratios) in a week, 95 %."""

    per_week: Estimate


class QuantityHistory(Record):
    """One figure of a case over its runs.

    `p_value`: that it does not change, of this series alone; `adjusted_p` after Benjamini and Hochberg over all the
    series that were looked at together. Steps and creep are sought where that is below 5 %. Both are None where there
    is nothing to test: too few runs, or quality, of which each change is one. `total`: the end against the beginning,
    where there is a change. `note` says what could not be told.
    """

    quantity: Quantity
    metric: str = ""
    points: tuple[HistoryPoint, ...]
    p_value: float | None = None
    adjusted_p: float | None = None
    steps: tuple[HistoryStep, ...] = ()
    creep: HistoryCreep | None = None
    total: Estimate | None = None
    note: str = ""


class CaseHistory(Record):
    """One variant on one device and workload, over the runs of one suite with one fingerprint.

    `runs`: how many were complete, from `first` to `last`. `dense_latency_p50_ms`: dense's own median latency in the
    first and the last of them, in milliseconds: what the machine does; it is not judged. `ended`: why later runs of
    the same case are not in it, and in what their fingerprint differs.
    """

    suite: str
    model: str
    variant: str
    precision: str
    hardware: str
    workload: str
    batch: int | None
    scenario: str
    simulated: bool
    fingerprint_sha256: str
    machine: str
    runs: int
    first: str
    last: str
    dense_latency_p50_ms: tuple[float | None, float | None] = (None, None)
    quantities: tuple[QuantityHistory, ...] = ()
    ended: str = ""
