"""A model of two nodes whose answer is known: the least that proves that a provider computes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_ROWS, _INNER, _COLUMNS = 4, 16, 16
# Whole numbers up to 2: sums of 16 products stay below 64, which even bfloat16 holds exactly, so that every
# precision must give the same answer.
_LARGEST = 2
_SEED = 5
# Any provider of the last years reads these.
_OPSET, _IR = 13, 8


class TwoNodes(NamedTuple):
    """Inputs and the outputs that NumPy gives for them, by name, and the constant `w`; all are float32."""

    feeds: dict[str, NDArray[np.float32]]
    expected: dict[str, NDArray[np.float32]]
    weight: NDArray[np.float32]


def two_nodes() -> tuple[onnx.ModelProto, TwoNodes]:
    """`y = Relu(x @ w)`, x of 4 x 16 and w a constant of 16 x 16, with whole numbers of both signs."""
    random = np.random.default_rng(_SEED)
    x, w = (
        random.integers(-_LARGEST, _LARGEST, shape, endpoint=True).astype(np.float32)
        for shape in ((_ROWS, _INNER), (_INNER, _COLUMNS))
    )
    nodes = [helper.make_node("MatMul", ["x", "w"], ["z"], "product"), helper.make_node("Relu", ["z"], ["y"], "cut")]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, [_ROWS, _INNER])]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, [_ROWS, _COLUMNS])]
    graph = helper.make_graph(nodes, "two_nodes", inputs, outputs, [numpy_helper.from_array(w, "w")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR)
    return model, TwoNodes({"x": x}, {"y": np.maximum(x @ w, 0)}, w)


def write_two_nodes(path: Path) -> TwoNodes:
    """Write the model, and give what it must answer to what."""
    model, known = two_nodes()
    onnx.save(model, path)
    return known
