"""Latency percentiles of one case, with their intervals, where there are samples enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..records.measurement import Run
from ..stats.percentiles import SupportedPercentile, percentile_interval, supported_percentile

_MS = 1e6  # nanoseconds
_SHARES = {"p90": 0.90, "p99": 0.99}


def percentiles(runs: Sequence[Run]) -> dict[str, Any]:
    """The fields `latency_p90_ms` and so on of a summary, and the note on those that need more samples."""
    by_process = [np.concatenate([block.samples_ns for block in run.blocks]) for run in runs]
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
