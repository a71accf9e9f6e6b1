"""Writes chains of nodes that compute next to nothing, to find out what a node costs."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

_OPSET, _IR_VERSION = 17, 8
_SIZE = 8


def write_chain(path: Path, nodes: int) -> dict[str, NDArray[Any]]:
    """Write so many products of a row by a square matrix, one after the other; returns what to feed.

    No runtime that is known here joins two products: the weights would have to be multiplied beforehand. Raises
    ValueError for less than one node, OSError where the file cannot be written.
    """
    if nodes < 1:
        raise ValueError(f"a chain has at least one node, not {nodes}")
    names = ["x", *(f"v{index}" for index in range(1, nodes)), "y"]
    products = [helper.make_node("MatMul", [one, "w"], [other]) for one, other in pairwise(names)]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, _SIZE]) for name in "xy")
    weight = numpy_helper.from_array(np.eye(_SIZE, dtype=np.float32), "w")
    graph = helper.make_graph(products, "chain", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", _OPSET)], ir_version=_IR_VERSION)
    path.write_bytes(model.SerializeToString())
    return {"x": np.ones((1, _SIZE), np.float32)}
