"""What the times of one case look like, where that is more than one level with noise around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..records.measurement import Run
from ..stats.checks import Floats
from ..stats.modes import two_modes

_MS = 1e6  # nanoseconds
# Differences between sets of inputs below this are not worth a word; they cancel in a comparison anyway.
_NOTABLE = 0.05
_FEWEST = 10  # calls of each set of inputs, or nothing is said


def shape_note(runs: Sequence[Run], input_sets: int) -> str:
    """Two modes of the blocks, and times that depend on what is fed; empty where there is neither."""
    return "; ".join(part for part in (_modes(runs), _inputs(runs, input_sets)) if part)


def _modes(runs: Sequence[Run]) -> str:
    medians = [float(np.median(block.samples_ns)) for run in runs for block in run.blocks]
    found = two_modes(medians) if len(medians) >= 20 and min(medians) > 0 else None
    if found is None:
        return ""
    return (
        f"two modes: {found.low / _MS:.3g} ms and {found.high / _MS:.3g} ms, "
        f"the slower one in {found.share_high:.0%} of the blocks"
    )


def _inputs(runs: Sequence[Run], input_sets: int) -> str:
    """Calls take turns with the sets of inputs; each call is set against the median of its block."""
    if input_sets < 2:
        return ""
    relative: list[list[Floats]] = [[] for _ in range(input_sets)]
    for block in (block for run in runs for block in run.blocks if len(block.samples_ns) >= input_sets):
        ratios = block.samples_ns / max(1.0, float(np.median(block.samples_ns)))
        for index, found in enumerate(relative):
            found.append(ratios[(index - block.round) % input_sets :: input_sets])
    each = [np.concatenate(found) if found else np.zeros(0) for found in relative]
    if any(len(ratios) < _FEWEST for ratios in each):
        return ""
    levels = [float(np.median(ratios)) for ratios in each]
    spread = max(levels) / min(levels) - 1 if min(levels) > 0 else 0.0
    return f"the time depends on what is fed: {spread:.0%} between sets of inputs" if spread >= _NOTABLE else ""
