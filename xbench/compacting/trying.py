"""What a file and its compacted form are both fed: random inputs at every sizing, strange ones, and the user's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from ..onnxfile.inputs import load_inputs, make_inputs
from ..onnxfile.plan import InputPlan
from ..onnxfile.signature import shape_text
from ..protocols import Feeds
from ..records.artifact import Signature
from .verifying import Trial

SEEDS = 3
"""Sets of random inputs at each sizing."""

_LARGE = 16.0
"""So many times a standard normal: past where saturating functions are flat, and where rectifiers seem dead."""


def users_trials(files: Sequence[Path], wanted: Signature) -> list[Trial]:
    """One for each file, whatever its shapes. Raises InputError where one does not fit the model."""
    return [Trial(f"the inputs in {file.name}", load_inputs(file, wanted)) for file in files]


def random_trials(plans: Sequence[InputPlan]) -> list[Trial]:
    """Several seeds at each sizing; at the first one also large values, zeros, and masks that end early."""
    found = [
        Trial(f"random inputs of seed {seed}, {_sizes(plan)}", make_inputs(plan, seed))
        for plan in plans
        for seed in range(SEEDS)
    ]
    return [*found, *(trial for plan in plans[:1] for trial in _strange(plan))]


def _strange(plan: InputPlan) -> Iterator[Trial]:
    usual = make_inputs(plan, SEEDS)
    normal = [one.name for one in plan.inputs if one.fill == "normal" and one.dtype in ("float32", "float64")]
    if normal:
        large = {name: np.multiply(usual[name], _LARGE, dtype=usual[name].dtype) for name in normal}
        yield Trial(f"random inputs {_LARGE:.0f} times as large, {_sizes(plan)}", {**usual, **large}, strange=True)
        nothing = {name: np.zeros_like(usual[name]) for name in normal}
        yield Trial(f"zeros, {_sizes(plan)}", {**usual, **nothing}, strange=True)
    masks = [one.name for one in plan.inputs if one.fill == "ones" and len(one.shape) > 1 and one.shape[-1] > 1]
    if masks:
        yield Trial(f"masks that end early, {_sizes(plan)}", _ending_early(usual, masks), strange=True)


def _ending_early(usual: Feeds, masks: Sequence[str]) -> Feeds:
    """The last quarter of each mask is off, as where a sentence is padded."""
    ended = {name: usual[name].copy() for name in masks}
    for mask in ended.values():
        mask[..., -max(1, mask.shape[-1] // 4) :] = 0
    return {**usual, **ended}


def _sizes(plan: InputPlan) -> str:
    return ", ".join(f"{one.name} {shape_text(one.shape)}" for one in plan.inputs)
