"""Computes one node on arrays, as the ONNX standard's reference implementation does."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import onnx
from onnx.reference import ReferenceEvaluator

Array = npt.NDArray[np.generic]

_FAILURES = (
    *(ArithmeticError, AttributeError, IndexError, KeyError, NotImplementedError),
    *(RuntimeError, TypeError, ValueError),
)
"""What the reference implementation raises for what it cannot compute; it has no class of its own for that."""

_QUANTISING = frozenset({"DequantizeLinear", "QuantizeLinear"})
_FIRST_QUANTISING = 19
"""The reference implementation begins here. Until then only types were added (ONNX operator changelog)."""


def evaluated(
    node: onnx.NodeProto, arrays: Sequence[Array | None], opsets: Sequence[onnx.OperatorSetIdProto]
) -> tuple[Array, ...] | None:
    """The node's outputs for these inputs, in the node's order; None where it cannot be computed here.

    An array of None stands for an input that is left out. Of one node that is not in a subgraph.
    """
    feeds = {name: array for name, array in zip(node.input, arrays, strict=True) if name and array is not None}
    graph = onnx.GraphProto(name="one", node=[node])
    graph.input.extend(onnx.ValueInfoProto(name=name) for name in feeds)
    graph.output.extend(onnx.ValueInfoProto(name=name) for name in node.output if name)
    # The reference implementation of an operator does not depend on the IR; 8 suits all opsets.
    model = onnx.ModelProto(ir_version=8, graph=graph, opset_import=_fitting(node, opsets))
    try:
        with np.errstate(all="ignore"):
            found = ReferenceEvaluator(model).run(None, feeds)
    except _FAILURES:
        return None
    arrays_out = tuple(map(np.asarray, found))
    return arrays_out if len(arrays_out) == sum(map(bool, node.output)) else None


def _fitting(node: onnx.NodeProto, opsets: Sequence[onnx.OperatorSetIdProto]) -> Sequence[onnx.OperatorSetIdProto]:
    """The opsets, as there are implementations of the node for."""
    if node.op_type not in _QUANTISING:
        return opsets
    return [
        onnx.OperatorSetIdProto(domain=each.domain, version=max(each.version, _FIRST_QUANTISING)) for each in opsets
    ]
