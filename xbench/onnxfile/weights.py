"""The weights of a model: the constant operands of its matrix products and convolutions."""

from __future__ import annotations

import math
from collections.abc import Iterator
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
    "QLinearConv": _Operands("conv", ((3, 5),)),
}


@dataclass(frozen=True)
class Weight:
    """One constant operand of one node.

    `nonzero` is True where a weight is not zero, in the shape in which the node takes it. `values` are those that
    reach the node, but for the scale and the zero point of a quantised one.
    """

    node: onnx.NodeProto
    node_name: str
    operand: int
    constant: Constant
    nonzero: npt.NDArray[np.bool_]
    kind: str
    values: Array

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
                yield Weight(node, label(node), place, found[0], nonzero, operands.kind, found[1])


def _nonzero(
    scope: Scope, node: onnx.NodeProto, values: Array, zero_point: int | None, kind: str
) -> npt.NDArray[np.bool_]:
    if zero_point is None or zero_point >= len(node.input) or not node.input[zero_point]:
        return np.asarray(values != 0)
    point = folded(scope, node.input[zero_point])
    if point is None:
        # The zero point is computed: which weights are zero is not in the file.
        return np.ones(values.shape, np.bool_)
    by_rows = kind == "conv" or (node.op_type == "QGemm" and attributes(node).get("transB"))
    axis = 0 if by_rows else values.ndim - 1
    try:
        return np.asarray(differs_from(values, point[1], axis), np.bool_)
    except ValueError as error:
        asked = f"cannot read the zero point of node {shown(label(node))}"
        raise InputError(asked, str(error), "the file is damaged: export it again") from error


def as_rows(weight: Weight) -> npt.NDArray[np.bool_]:
    """The weight as [outputs, others, reduced], True where it is not zero: the reduced axis last."""
    return np.asarray(_rows(weight, weight.nonzero), np.bool_)


def value_rows(weight: Weight) -> Array:
    """The values in the order of `as_rows`."""
    return _rows(weight, weight.values)


def groups_of(weight: Weight) -> int:
    """How many runs of outputs, in the order of `as_rows`, have inputs of their own."""
    shape = weight.nonzero.shape
    if weight.kind == "matmul":
        return math.prod(shape[:-2]) or 1
    group = attributes(weight.node).get("group", 1)
    outputs = shape[0] if shape else 1
    return group if isinstance(group, int) and group > 0 and outputs % group == 0 else 1


def _rows(weight: Weight, array: Array) -> Array:
    if weight.kind == "conv":
        return conv_rows(array)
    if weight.kind == "deconv":
        return deconv_rows(array, groups_of(weight))
    return _matrix_rows(weight, array)


def conv_rows(array: Array) -> Array:
    """[M, C/group, k...] to [M, k..., C/group]."""
    moved = np.moveaxis(array, 1, -1) if array.ndim > 1 else array.reshape(-1, 1)
    return moved.reshape(moved.shape[0], -1, moved.shape[-1]) if moved.size else moved.reshape(0, 1, 1)


def deconv_rows(array: Array, groups: int) -> Array:
    """[C, M/group, k...] to [M, k..., C/group]."""
    split = array.reshape(groups, len(array) // groups, *array.shape[1:])
    moved = np.moveaxis(split, 1, -1)
    return moved.reshape(moved.shape[0] * moved.shape[1], -1, moved.shape[-1])


def _matrix_rows(weight: Weight, matrix: Array) -> Array:
    """[..., K, N] (or its transpose, or the left operand) to [N, 1, K], one row per matrix and neuron."""
    if matrix.ndim == 1:
        return matrix.reshape(1, 1, -1)
    left = weight.operand == 0
    flag = attributes(weight.node).get("transA" if left else "transB", 0)
    rows_are_outputs = bool(flag) != left
    rows = matrix if rows_are_outputs else np.swapaxes(matrix, -1, -2)
    return rows.reshape(-1, 1, rows.shape[-1]) if rows.size else rows.reshape(0, 1, 1)


def attributes(node: onnx.NodeProto) -> dict[str, object]:
    """The node's attributes by name, as Python values."""
    return {each.name: onnx.helper.get_attribute_value(each) for each in node.attribute if each.type}
