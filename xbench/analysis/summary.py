"""The figures of one case, out of its raw samples."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ..records.measurement import CaseSummary, ProcessSet, Run
from ..stats.percentiles import SupportedPercentile, supported_percentile
from ..stats.ratio import MIN_ROUNDS, MIN_SETS, speedup_estimate

_MS = 1e6  # nanoseconds


def runs_of(sets: Sequence[ProcessSet], label: str) -> list[Run]:
    """The runs of one variant, with at least one block each."""
    return [run for one in sets if (run := one.run_of(label)) is not None and run.blocks]


def summarise(
    sets: Sequence[ProcessSet], label: str, batch: int, time_share: Mapping[str, float]
) -> CaseSummary | None:
    """The summary of one variant; None where nothing was measured.

    The latency is the mean over processes of the median over blocks; higher percentiles are of all calls.
    Throughput is samples over the time of all timed calls; costs of starting are medians over processes; the
    memory peaks are the highest of any process. `time_share` is the proof of placement.
    """
    runs = runs_of(sets, label)
    if not runs:
        return None
    samples = np.concatenate([block.samples_ns for run in runs for block in run.blocks])
    cpu_ns = sum(block.cpu_ns for run in runs for block in run.blocks)
    p50, low, high = _p50_ms(runs)
    p90, p99 = (supported_percentile(samples, share) for share in (0.90, 0.99))
    run_peaks = [run.memory.run_peak_mib for run in runs]
    known = [peak for peak in run_peaks if peak is not None]
    return CaseSummary(
        samples=len(samples),
        processes=len(runs),
        latency_p50_ms=p50,
        latency_p50_low_ms=low,
        latency_p50_high_ms=high,
        latency_p90_ms=None if p90.value is None else p90.value / _MS,
        latency_p99_ms=None if p99.value is None else p99.value / _MS,
        percentile_note=_note({"p90": p90, "p99": p99}),
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


def _note(percentiles: Mapping[str, SupportedPercentile]) -> str:
    short = [f"{name} needs {one.needed} samples" for name, one in percentiles.items() if one.value is None]
    return f"{', '.join(short)}; there are {next(iter(percentiles.values())).have}" if short else ""


def _p50_ms(runs: Sequence[Run]) -> tuple[float, float | None, float | None]:
    """The median latency and its 95 % interval, over processes and blocks like that of a speedup.

    Calls of one process are alike: an interval over pooled calls would cover far less than it promises
    (rule 2 of the design). One process has no interval.
    """
    medians = [np.log([float(np.median(block.samples_ns)) / _MS for block in run.blocks]) for run in runs]
    usable = [blocks for blocks in medians if len(blocks) >= MIN_ROUNDS]
    if len(usable) < MIN_SETS:
        return float(np.exp(np.median(np.concatenate(medians)))), None, None
    one = speedup_estimate(usable)
    return one.point, one.low, one.high
