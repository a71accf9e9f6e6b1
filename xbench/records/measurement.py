"""What was measured: raw samples of one process, never only averages, and what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .base import Record

Samples = NDArray[np.int64]
"""Durations of single calls in nanoseconds, shape (calls,), in the order in which they were made."""


class MemoryUse(Record):
    """Peak memory of a fresh process, less what it held before the model was loaded; MiB.

    The peak while running is None where the kernel does not let the peak be reset (`reason` says so); then
    `load_peak_mib` holds the peak of both.
    """

    before_model_mib: float
    load_peak_mib: float
    run_peak_mib: float | None
    reason: str = ""

    @property
    def peak_mib(self) -> float:
        """The higher of the two peaks: what a deployment has to have free."""
        return max(self.load_peak_mib, self.run_peak_mib or 0.0)


class Placement(Record):
    """Where the nodes of a session really are. Times come from a profiled run apart from the timed ones."""

    asked: str
    providers: tuple[str, ...]
    nodes: dict[str, int]
    time_share: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive calls of one variant. `position` is its place in the random order of its round."""

    round: int
    position: int
    samples_ns: Samples
    cpu_ns: int


@dataclass(frozen=True, slots=True)
class Run:
    """All that one process measured of one variant. Frozen."""

    label: str
    process_set: int
    session_ns: int
    first_inference_ns: int
    warmup_ns: Samples
    blocks: tuple[Block, ...]
    memory: MemoryUse
    placement: Placement


@dataclass(frozen=True, slots=True)
class ProcessSet:
    """One fresh process for each variant, measured in turn; the unit that a run is saved and resumed by.

    `failures` names the variants whose process failed, with the reason.
    """

    number: int
    runs: tuple[Run, ...]
    failures: dict[str, str]
    seconds: float
    steal_share: float | None
    load_average: float

    def run_of(self, label: str) -> Run | None:
        """The run of one variant, or None if it failed in this set."""
        return next((run for run in self.runs if run.label == label), None)


class CaseSummary(Record):
    """The figures of one case, all computed from raw samples. Times of single calls are in milliseconds.

    `latency_p50_*` are the median latency and its 95 % interval over processes and blocks; the interval is
    None where there are too few of them for one. A higher percentile is None below LoadGen's floor of samples
    (rule 9 of the design), and `percentile_note` says what it needs.
    """

    samples: int
    processes: int
    latency_p50_ms: float
    latency_p50_low_ms: float | None
    latency_p50_high_ms: float | None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    percentile_note: str = ""
    throughput_samples_per_s: float
    cpu_time_per_call_ms: float
    session_creation_ms: float
    first_inference_ms: float
    peak_memory_mib: float
    load_peak_memory_mib: float
    run_peak_memory_mib: float | None
    memory_note: str = ""
    placement: Placement
