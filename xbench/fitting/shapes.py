"""The shapes of a file's values, as a run shows them where they cannot be worked out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import XbenchError
from ..measure.inspection import loaded
from ..onnxfile.inference import infer_shapes
from ..onnxfile.inputs import make_inputs, plan_inputs
from ..onnxfile.macs import Shape
from ..onnxfile.opening import open_model
from ..onnxfile.seen_shapes import seen_shapes
from ..onnxfile.signature import signature
from ..profiles.finding import reference_profile

_SEED = 0
_TIME_LIMIT = 120.0


def shapes_of_a_run(path: Path, shapes: Mapping[str, Shape]) -> dict[str, Shape] | str:
    """The shapes of all values, from one run on the CPU with inputs that are made up; or why there can be none.

    `shapes` are those of the inputs, and of other values that are known. Raises InputError where they do not fit.
    """
    model = open_model(path, load_external=False)
    names = {value.name for value in model.graph.input}
    found = {**infer_shapes(model, shapes), **shapes}
    open_ones = [value.name for value in signature(model).inputs if value.name not in found]
    if open_ones:
        return f"no shape is given of the input {open_ones[0]}"
    try:
        plan = plan_inputs(model, {name: shape for name, shape in shapes.items() if name in names}, None, {})
        with loaded(path, path.name, reference_profile(), _TIME_LIMIT) as running:
            seen = running.profile(make_inputs(plan, _SEED), optimised=False).output_shapes
    except XbenchError as error:
        return error.reason
    return found | seen_shapes(model.graph, seen)
