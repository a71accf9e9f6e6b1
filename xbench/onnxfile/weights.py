"""The weights of a model: the constant operands of its matrix products and convolutions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import onnx

from ..errors import InputError
from .constants import Array, Constant, Scope, differs_from, folded
from .walk import STANDARD_DOMAINS, label, shown


class _Operands(NamedTuple):
    """Which inputs of an operator may be weights, and where their zero points are."""

    kind: str
    places: tuple[tuple[int, int | None], ...]


_STANDARD = {
    "MatMul": _Operands("matmul", ((0, None), (1, None))),
    "Gemm": _Operands("matmul", ((0, None), (1, None))),
    "Conv": _Operands("conv", ((1, None),)),
    "ConvTranspose": _Operands("deconv", ((1, None),)),
    "MatMulInteger": _Operands("matmul", ((0, 2), (1, 3))),
    "QLinearMatMul": _Operands("matmul", ((0, 2), (3, 5))),
    "ConvInteger": _Operands("conv", ((1, 3),)),
    "QLinearConv": _Operands("conv", ((3, 5),)),
}
_MICROSOFT = {
    "FusedMatMul": _Operands("matmul", ((0, None), (1, None))),
    "FusedGemm": _Operands("matmul", ((0, None), (1, None))),
    "FusedConv": _Operands("conv", ((1, None),)),
    "MatMulIntegerToFloat": _Operands("matmul", ((1, 5),)),
    "DynamicQuantizeMatMul": _Operands("matmul", ((1, 3),)),
    "Attention": _Operands("matmul", ((1, None),)),
    "QAttention": _Operands("matmul", ((1, 7),)),
    "QGemm": _Operands("matmul", ((0, 2), (3, 5))),
}


@dataclass(frozen=True)
class Weight:
    """One constant operand of one node.

    `nonzero` is True where a weight is not zero, in the shape in which the node takes it.
    """

    node: onnx.NodeProto
    node_name: str
    operand: int
    constant: Constant
    nonzero: npt.NDArray[np.bool_]
    kind: str

    @property
    def density(self) -> float:
        """The share of weights that are not zero; 1 for an empty weight."""
        return float(np.count_nonzero(self.nonzero)) / self.nonzero.size if self.nonzero.size else 1.0


def operands_of(node: onnx.NodeProto) -> _Operands | None:
    """Where this node's weights would be; None for a node that has none."""
    if node.domain in STANDARD_DOMAINS:
        return _STANDARD.get(node.op_type)
    return _MICROSOFT.get(node.op_type) if node.domain == "com.microsoft" else None


def weights(scope: Scope) -> Iterator[Weight]:
    """The weights of the nodes of one graph. Packed ones (MatMulNBits) hide their zeros and are left out."""
    for node in scope.graph.node:
        operands = operands_of(node)
        for place, zero_point in operands.places if operands else ():
            name = node.input[place] if place < len(node.input) else ""
            found = folded(scope, name) if name else None
            if operands and found and found[1].ndim:
                nonzero = _nonzero(scope, node, found[1], zero_point, operands.kind)
                yield Weight(node, label(node), place, found[0], nonzero, operands.kind)


def _nonzero(
    scope: Scope, node: onnx.NodeProto, values: Array, zero_point: int | None, kind: str
) -> npt.NDArray[np.bool_]:
    if zero_point is None or zero_point >= len(node.input) or not node.input[zero_point]:
        return np.asarray(values != 0)
    point = folded(scope, node.input[zero_point])
    if point is None:
        # The zero point is computed: which weights are zero is not in the file.
        return np.ones(values.shape, np.bool_)
    axis = 0 if kind == "conv" else values.ndim - 1
    try:
        return np.asarray(differs_from(values, point[1], axis), np.bool_)
    except ValueError as error:
        asked = f"cannot read the zero point of node {shown(label(node))}"
        raise InputError(asked, str(error), "the file is damaged: export it again") from error


def as_rows(weight: Weight) -> npt.NDArray[np.bool_]:
    """The weight as [outputs, others, reduced]: all of one output, with the reduced axis last."""
    if weight.kind == "conv":
        return _conv_rows(weight.nonzero)
    if weight.kind == "deconv":
        return _deconv_rows(weight.nonzero, attributes(weight.node))
    return _matrix_rows(weight)


def _conv_rows(nonzero: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """[M, C/group, k...] to [M, k..., C/group]."""
    moved = np.moveaxis(nonzero, 1, -1) if nonzero.ndim > 1 else nonzero.reshape(-1, 1)
    return moved.reshape(moved.shape[0], -1, moved.shape[-1]) if moved.size else moved.reshape(0, 1, 1)


def _deconv_rows(nonzero: npt.NDArray[np.bool_], given: Mapping[str, object]) -> npt.NDArray[np.bool_]:
    """[C, M/group, k...] to [M, k..., C/group]."""
    group = given.get("group", 1)
    groups = group if isinstance(group, int) and group > 0 and len(nonzero) % group == 0 else 1
    split = nonzero.reshape(groups, len(nonzero) // groups, *nonzero.shape[1:])
    moved = np.moveaxis(split, 1, -1)
    return moved.reshape(moved.shape[0] * moved.shape[1], -1, moved.shape[-1])


def _matrix_rows(weight: Weight) -> npt.NDArray[np.bool_]:
    """[..., K, N] (or its transpose, or the left operand) to [N, 1, K], one row per matrix and neuron."""
    matrix = weight.nonzero
    if matrix.ndim == 1:
        return matrix.reshape(1, 1, -1)
    left = weight.operand == 0
    flag = attributes(weight.node).get("transA" if left else "transB", 0)
    rows_are_outputs = bool(flag) != left
    rows = matrix if rows_are_outputs else np.swapaxes(matrix, -1, -2)
    return rows.reshape(-1, 1, rows.shape[-1]) if rows.size else np.zeros((0, 1, 1), np.bool_)


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    """The node's attributes by name, as Python values."""
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute if each.type}
