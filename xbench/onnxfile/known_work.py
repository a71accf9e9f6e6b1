"""Writes a model whose work is known exactly: a chain of equal layers. One layer more of 20 is 5 % more work."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

_ROWS, _WIDTH = 256, 192
_OPSET, _IR_VERSION = 17, 8


def write_known_work(path: Path, layers: int) -> None:
    """Write a chain of `layers` equal layers, each a MatMul and a Relu, from `x` to `y` (both 1x256x192, fp32).

    An inference of 20 layers takes 1 to 2 ms on one or two cores. All layers share one weight, so that one layer
    more makes neither the file nor the activations larger. The Relu keeps a compiler from multiplying two
    weights beforehand. Weights are drawn by the rule of He et al. (2015), "Delving Deep into Rectifiers"
    (variance 2 / width): activations neither vanish nor overflow along the chain.

    Raises ValueError without layers, OSError where the file cannot be written.
    """
    path.write_bytes(_chain(layers).SerializeToString())


def _chain(layers: int) -> onnx.ModelProto:
    if layers < 1:
        raise ValueError(f"a chain has at least one layer, not {layers}")
    nodes, last = [], "x"
    for number in range(1, layers + 1):
        product, output = f"product{number}", "y" if number == layers else f"layer{number}"
        nodes.append(helper.make_node("MatMul", [last, "weight"], [product], name=f"matmul{number}"))
        nodes.append(helper.make_node("Relu", [product], [output], name=f"relu{number}"))
        last = output
    drawn = np.random.default_rng(0).standard_normal((_WIDTH, _WIDTH)) * np.sqrt(2 / _WIDTH)
    weight = numpy_helper.from_array(drawn.astype(np.float32), "weight")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, _ROWS, _WIDTH]) for name in "xy")
    graph = helper.make_graph(nodes, "known_work", [x], [y], [weight])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
