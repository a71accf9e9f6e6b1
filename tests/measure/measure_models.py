"""Small ONNX files and profiles for tests of workers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xbench.profiles.finding import all_profiles
from xbench.records.profile import HardwareProfile

CPU = all_profiles()["cpu"]
LIMIT = 60.0


def scripted(scripts, **more) -> HardwareProfile:
    """A profile of the fake runner."""
    return HardwareProfile(
        schema="xbench.profile/1",
        name="sim",
        title="scripted",
        runner="fake",
        options={"scripts": scripts},
        evidence="-",
        **more,
    )


def save(path: Path, nodes, inputs, outputs, weights=()) -> Path:
    graph = helper.make_graph(nodes, "g", inputs, outputs, list(weights))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def matmul(path: Path, size: int = 8) -> Path:
    """y = x @ w, with `size` squared weights."""
    weight = numpy_helper.from_array(np.full((size, size), 0.5, np.float32), "w")
    node = helper.make_node("MatMul", ["x", "w"], ["y"], name="product")
    x, y = (value(name, TensorProto.FLOAT, ["batch", size]) for name in "xy")
    return save(path, [node], [x], [y], [weight])


def echo(path: Path, kinds: dict[str, int]) -> Path:
    """Each input NAME comes back as `NAME out`; shapes are free."""
    nodes = [helper.make_node("Identity", [name], [f"{name} out"]) for name in kinds]
    inputs = [value(name, kind, None) for name, kind in kinds.items()]
    outputs = [value(f"{name} out", kind, None) for name, kind in kinds.items()]
    return save(path, nodes, inputs, outputs)


def endless(path: Path) -> Path:
    """A loop of 2**62 steps, whose result is not known before."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["on"]), helper.make_node("Add", ["state", "x"], ["next"])],
        "body",
        [
            value("step", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("state", TensorProto.FLOAT, [1]),
        ],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [1])],
    )
    steps = numpy_helper.from_array(np.asarray(2**62, np.int64), "steps")
    always = numpy_helper.from_array(np.asarray(True), "always")
    node = helper.make_node("Loop", ["steps", "always", "x"], ["y"], body=body)
    x, y = (value(name, TensorProto.FLOAT, [1]) for name in "xy")
    return save(path, [node], [x], [y], [steps, always])
