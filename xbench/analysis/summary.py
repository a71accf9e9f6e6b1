"""The figures of one case, out of its raw samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..records.measurement import CaseSummary, ProcessSet, Run
from ..stats.percentiles import quantile_interval

_MS = 1e6  # nanoseconds


def runs_of(sets: Sequence[ProcessSet], label: str) -> list[Run]:
    """The runs of one variant, with at least one block each."""
    return [run for one in sets if (run := one.run_of(label)) is not None and run.blocks]


def summarise(
    sets: Sequence[ProcessSet], label: str, batch: int, time_share: Mapping[str, float]
) -> CaseSummary | None:
    """The summary of one variant; None where nothing was measured.

    Throughput is samples over the time of all timed calls; costs of starting are medians over processes;
    the memory peaks are the highest of any process. `time_share` is the proof of placement.
    """
    runs = runs_of(sets, label)
    if not runs:
        return None
    samples = np.concatenate([block.samples_ns for run in runs for block in run.blocks])
    cpu_ns = sum(block.cpu_ns for run in runs for block in run.blocks)
    median = quantile_interval(samples.astype(np.float64), 0.5)
    run_peaks = [run.memory.run_peak_mib for run in runs]
    known = [peak for peak in run_peaks if peak is not None]
    return CaseSummary(
        samples=len(samples),
        processes=len(runs),
        latency_p50_ms=median.point / _MS,
        latency_p50_low_ms=median.low / _MS,
        latency_p50_high_ms=median.high / _MS,
        throughput_samples_per_s=batch * len(samples) / (float(samples.sum()) / 1e9),
        cpu_time_per_call_ms=cpu_ns / len(samples) / _MS,
        session_creation_ms=float(np.median([run.session_ns for run in runs])) / _MS,
        first_inference_ms=float(np.median([run.first_inference_ns for run in runs])) / _MS,
        peak_memory_mib=max(run.memory.peak_mib for run in runs),
        load_peak_memory_mib=max(run.memory.load_peak_mib for run in runs),
        run_peak_memory_mib=max(known) if known else None,
        memory_note=runs[0].memory.reason,
        placement=runs[0].placement.model_copy(update={"time_share": dict(time_share)}),
    )
