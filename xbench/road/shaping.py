"""Tells a runner that builds for shapes which shapes the suite's workloads will feed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..plugins import runner_class
from ..records.artifact import Signature
from ..records.profile import HardwareProfile

Shapes = Mapping[str, tuple[int, ...]]
_OPTION = "input_shapes"


def shaped(profile: HardwareProfile, signature: Signature, own: Shapes, every: Sequence[Shapes]) -> HardwareProfile:
    """The profile for the workers, with the option `input_shapes` where its runner `wants_shapes`; else as it is.

    An engine that is built for `every` workload of the suite, and tuned for the `own` shapes of the one that is
    measured: each axis from the least to the largest size. Inputs that the file leaves nothing open of are left
    out. A profile that names shapes itself keeps them.
    """
    if not getattr(runner_class(profile.runner), "wants_shapes", False) or _OPTION in profile.options:
        return profile
    ranges = {
        one.name: _range(own[one.name], [shapes[one.name] for shapes in every])
        for one in signature.inputs
        if one.shape is None or not all(isinstance(size, int) for size in one.shape)
    }
    return profile.model_copy(update={"options": {**profile.options, _OPTION: ranges}}) if ranges else profile


def _range(own: tuple[int, ...], every: Sequence[tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    alike = [shape for shape in every if len(shape) == len(own)]  # other ranks need engines of their own
    least, largest = (tuple(pick(sizes) for sizes in zip(own, *alike, strict=True)) for pick in (min, max))
    return {"min": least, "opt": own, "max": largest}
