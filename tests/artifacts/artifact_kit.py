"""A small ONNX file, as an exporter would leave it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from xbench.artifacts.keeping import add_provenance

WEIGHTS = {"first": (64, 48), "second": (48, 16)}


def model() -> onnx.ModelProto:
    """Two matrix products. A quarter of the first weight is zero; torch's noise is all over it."""
    random = np.random.default_rng(0)
    weights = {name: random.standard_normal(shape).astype(np.float32) for name, shape in WEIGHTS.items()}
    weights["first"][:, :12] = 0
    nodes = [
        helper.make_node("MatMul", ["x", "first"], ["h"], name="one", doc_string="File /home/me/net.py, line 3"),
        helper.make_node("MatMul", ["h", "second"], ["y"], name="two"),
    ]
    nodes[1].metadata_props.add(key="pkg.torch.onnx.stack_trace", value="File /home/me/net.py, line 4")
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 16])],
        [numpy_helper.from_array(value, name) for name, value in weights.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9)
    made.producer_name, made.producer_version = "pytorch", "2.13.0+cpu"
    return made


def exported(folder: Path, inline_bytes: int = 1 << 30) -> Path:
    """The model in a folder of its own, with provenance."""
    folder.mkdir()
    path = folder / "model.onnx"
    onnx.save(model(), path)
    add_provenance(path, {"variant": "v"}, inline_bytes)
    return path


def changed(path: Path, name: str = "first") -> None:
    """What another tool would do: one weight is written again, and the metadata are copied as they are."""
    found = onnx.load(path)
    tensor = next(one for one in found.graph.initializer if one.name == name)
    values = numpy_helper.to_array(tensor).copy()
    values[:24] = 0
    tensor.CopyFrom(numpy_helper.from_array(values, name))
    onnx.save(found, path)
