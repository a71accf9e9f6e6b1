"""The figures of one case, out of its raw samples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..records.measurement import Block, CaseSummary, ProcessSet, Run, Samples
from ..records.run_record import GroupState
from ..stats.drift import drift_within_processes
from .cost import cost_per_million
from .disturbance import summarise_disturbance
from .latency import block_median_ms, median_latency_ms, percentiles
from .serving import highest_rate, shown_runs
from .shape import shape_note

_MS = 1e6  # nanoseconds


def runs_of(sets: Sequence[ProcessSet], label: str) -> list[Run]:
    """The runs of one variant, with at least one block each."""
    return [run for one in sets if (run := one.run_of(label)) is not None and run.blocks]


def summarise(group: GroupState, sets: Sequence[ProcessSet], label: str, seed: int) -> CaseSummary | None:
    """The summary of one variant; None where nothing was measured.

    The latency is the mean over processes of the median over blocks; higher percentiles are of all calls, or
    queries; in the scenario Server, of those at the highest rate that held. Throughput is samples over the time
    of all timed calls, or the highest rate; costs of starting are medians over processes; the memory peaks are
    the highest of any process. What was proven before comes from `group`.
    """
    runs = runs_of(sets, label)
    if not runs:
        return None
    shown = shown_runs(group.load, runs)
    blocks = [block for run in shown for block in run.blocks]
    samples = np.concatenate([block.samples_ns for block in blocks])
    calls = len(samples) * group.load.calls_per_query
    p50, interval = median_latency_ms(shown)
    rates = _rates(group, runs, calls, samples, seed)
    return CaseSummary(
        samples=len(samples),
        processes=len(runs),
        latency_p50_ms=p50,
        latency_p50_low_ms=None if interval is None else interval.low,
        latency_p50_high_ms=None if interval is None else interval.high,
        **percentiles(shown),
        **rates,
        cpu_time_per_call_ms=sum(block.cpu_ns for block in blocks) / calls / _MS,
        session_creation_ms=float(np.median([run.session_ns for run in runs])) / _MS,
        first_inference_ms=float(np.median([run.first_inference_ns for run in runs])) / _MS,
        **_memory(runs),
        **_energy(runs, blocks, calls),
        cost_per_million_inferences=cost_per_million(rates["throughput_samples_per_s"], group.cost_per_hour),
        **_machine(group, shown, blocks),
        cold_start=group.cold_starts.get(label),
        placement=runs[0].placement.model_copy(update={"time_share": dict(group.placements.get(label, {}))}),
    )


def _rates(group: GroupState, runs: Sequence[Run], calls: int, samples: Samples, seed: int) -> dict[str, Any]:
    """Samples per second, and in the scenario Server the highest rate of queries."""
    if group.load.scenario != "Server":
        return {"throughput_samples_per_s": group.batch * calls / (float(samples.sum()) / 1e9)}
    rate, note = highest_rate(group.load, runs, seed)
    if rate is None:
        return {"throughput_samples_per_s": None, "max_rate_note": note}
    return {"throughput_samples_per_s": group.batch * rate.point, "max_rate_per_s": rate}


def _machine(group: GroupState, runs: Sequence[Run], blocks: Sequence[Block]) -> dict[str, Any]:
    """What may have come between: others, a start that never ends, two modes. Probes of rates have no drift."""
    steady = group.load.scenario != "Server"
    medians = [[block_median_ms(block) for block in run.blocks] for run in runs]
    return {
        "disturbance": summarise_disturbance(blocks, group.cpus),
        "unsettled_processes": sum(run.settled is False for run in runs),
        "drift": drift_within_processes(medians) if steady else None,
        "shape_note": shape_note(runs, group.input_sets) if steady else "",
    }


def _memory(runs: Sequence[Run]) -> dict[str, Any]:
    peaks = [run.memory.run_peak_mib for run in runs]
    known = [peak for peak in peaks if peak is not None]
    on_device = [run.memory.device_mib for run in runs if run.memory.device_mib is not None]
    return {
        "peak_memory_mib": max(run.memory.peak_mib for run in runs),
        "load_peak_memory_mib": max(run.memory.load_peak_mib for run in runs),
        "run_peak_memory_mib": max(known) if known else None,
        "memory_note": runs[0].memory.reason,
        "device_memory_mib": max(on_device) if on_device else None,
        "device_memory_note": "" if on_device else runs[0].memory.device_reason,
    }


def _energy(runs: Sequence[Run], blocks: Sequence[Block], calls: int) -> dict[str, Any]:
    """Joules for each inference, the idle share of the package included; None if any block's are not known."""
    used = [None if block.conditions is None else block.conditions.energy_uj for block in blocks]
    known = [value for value in used if value is not None]
    if len(known) < len(used):
        return {"energy_note": runs[0].energy_reason or "the energy of some blocks is not known"}
    return {"energy_per_inference_j": sum(known) / 1e6 / calls}
