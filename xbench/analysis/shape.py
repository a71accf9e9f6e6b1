"""What the times of one case look like, where that is more than one level with noise around it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..records.measurement import Block, Run
from ..stats.checks import Floats
from ..stats.modes import MIN_VALUES, two_modes

_MS = 1e6  # nanoseconds
# Differences between sets of inputs below this are not worth a word; they cancel in a comparison anyway.
_NOTABLE = 0.05
_FEWEST = 10  # calls of each set of inputs, or nothing is said


def shape_note(runs: Sequence[Run], input_sets: int) -> str:
    """Two modes of the blocks, and times that depend on what is fed; empty where there is neither.

    What comes from the inputs makes no modes: blocks of few calls have other inputs from round to round.
    """
    levels = _levels(runs, input_sets)
    spread = float(levels.max() / levels.min()) - 1
    if spread < _NOTABLE:
        return _modes(runs, np.ones(1))
    fed = f"the time depends on what is fed: {spread:.0%} between sets of inputs"
    return "; ".join(part for part in (_modes(runs, levels), fed) if part)


def _modes(runs: Sequence[Run], levels: Floats) -> str:
    medians = [float(np.median(block.samples_ns / _in_turn(levels, block))) for run in runs for block in run.blocks]
    found = two_modes(medians) if len(medians) >= MIN_VALUES and min(medians) > 0 else None
    if found is None:
        return ""
    return (
        f"two modes: {found.low / _MS:.3g} ms and {found.high / _MS:.3g} ms, "
        f"the slower one in {found.share_high:.0%} of the blocks"
    )


def _levels(runs: Sequence[Run], input_sets: int) -> Floats:
    """How long calls take with each set of inputs, over what is usual; all 1 where that cannot be told.

    Each call is set against the median of its block, or of its process where a block does not have all inputs.
    """
    relative: list[list[Floats]] = [[] for _ in range(input_sets)]
    for run in runs:
        usual = float(np.median(np.concatenate([block.samples_ns for block in run.blocks])))
        for block in run.blocks:
            # Whole turns only: with one input more often than another, the median is another one in each round.
            turns = block.samples_ns[: len(block.samples_ns) // input_sets * input_sets]
            level = float(np.median(turns)) if len(turns) else usual
            ratios = (turns if len(turns) else block.samples_ns) / max(1.0, level)
            for index, found in enumerate(relative):
                found.append(ratios[(index - block.round) % input_sets :: input_sets])
    each = [np.concatenate(found) if found else np.zeros(0) for found in relative]
    levels = np.array([float(np.median(ratios)) if len(ratios) >= _FEWEST else 0.0 for ratios in each])
    return levels if (levels > 0).all() else np.ones(input_sets)


def _in_turn(levels: Floats, block: Block) -> Floats:
    """The level of each call of a block: its first call has the set of inputs of its round."""
    return levels[(block.round + np.arange(len(block.samples_ns))) % len(levels)]
