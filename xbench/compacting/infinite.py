"""Where infinity can come from: the constants of a graph, and logarithms."""

from __future__ import annotations

import numpy as np
import onnx

from ..onnxfile.walk import subgraphs
from .constants import Constants


def may_be_infinite(model: onnx.ModelProto, constants: Constants) -> frozenset[str]:
    """The values that something infinite goes into, as a mask of minus infinity does into attention.

    Softmax makes NaN of a row that is masked as a whole. It is assumed that nothing overflows and that no input is
    infinite. Empty for a graph that nowhere asks whether a number is NaN: then nobody wants to know.
    """
    if all(node.op_type != "IsNaN" for node in model.graph.node):
        return frozenset()
    found = {name for name in constants if not _is_finite(constants, name)}
    for node in model.graph.node:
        inner = next(subgraphs(node), None) is not None
        if inner or node.op_type == "Log" or any(name in found for name in node.input):
            found.update(name for name in node.output if name and name not in constants)
    return frozenset(found)


def _is_finite(constants: Constants, name: str) -> bool:
    array = constants.array(name)
    floating = array.dtype.kind in "fc" or array.dtype.name == "bfloat16"
    return not floating or bool(np.isfinite(array).all())
