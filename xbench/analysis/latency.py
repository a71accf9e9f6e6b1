"""Latencies of one case, with their intervals, where there are samples enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..records.estimate import Estimate
from ..records.measurement import Block, Run, Samples
from ..stats.percentiles import SupportedPercentile, percentile_interval, supported_percentile
from ..stats.ratio import MIN_ROUNDS, MIN_SETS, speedup_estimate

_MS = 1e6  # nanoseconds
_SHARES = {"p90": 0.90, "p99": 0.99}


def latencies_ns(run: Run) -> Samples:
    """The latencies of all calls of a process, or of its queries; shape (calls,)."""
    return np.concatenate([block.samples_ns for block in run.blocks])


def block_median_ms(block: Block) -> float:
    """The median latency of a block."""
    return float(np.median(block.samples_ns)) / _MS


def median_latency_ms(runs: Sequence[Run], confidence: float = 0.95) -> tuple[float, Estimate | None]:
    """The median latency and its interval, over processes and blocks like that of a speedup.

    Calls of one process are alike: an interval over pooled calls would cover far less than it promises
    (rule 2 of the design). One process has no interval.
    """
    medians = [np.log([block_median_ms(block) for block in run.blocks]) for run in runs]
    usable = [blocks for blocks in medians if len(blocks) >= MIN_ROUNDS]
    if len(usable) < MIN_SETS:
        return float(np.exp(np.median(np.concatenate(medians)))), None
    one = speedup_estimate(usable, confidence=confidence)
    return one.point, one


def percentiles(runs: Sequence[Run]) -> dict[str, Any]:
    """The fields `latency_p90_ms` and so on of a summary, and the note on those that need more samples."""
    by_process = [latencies_ns(run) for run in runs]
    pooled = np.concatenate(by_process)
    found = {name: supported_percentile(pooled, share) for name, share in _SHARES.items()}
    fields: dict[str, Any] = {}
    notes = _short(found)
    for name, share in _SHARES.items():
        value = found[name].value
        if value is None:
            continue
        fields[f"latency_{name}_ms"] = value / _MS
        interval = percentile_interval(by_process, share)
        if interval is None:
            notes.append(f"{name} has no interval: its slowest calls come from too few processes")
            continue
        fields[f"latency_{name}_low_ms"] = interval.low / _MS
        fields[f"latency_{name}_high_ms"] = interval.high / _MS
    return {**fields, "percentile_note": "; ".join(notes)}


def _short(percentiles: Mapping[str, SupportedPercentile]) -> list[str]:
    short = [f"{name} needs {one.needed} samples" for name, one in percentiles.items() if one.value is None]
    return [f"{', '.join(short)}; there are {next(iter(percentiles.values())).have}"] if short else []
