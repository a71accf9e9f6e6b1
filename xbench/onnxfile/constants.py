"""What the constants of a graph are, seen from any of its nodes and through what is done to them at load."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import ml_dtypes
import numpy as np
import numpy.typing as npt
import onnx

from ..errors import InputError
from .dtypes import dtype_name, is_float, numpy_dtype, packed_bytes, to_array
from .walk import STANDARD_DOMAINS, label, shown, subgraphs

Array = npt.NDArray[np.generic]
Key = tuple[int, str]
"""Tells a constant: the number of its graph, and its name there."""
_MAX_STEPS = 20
_MAX_SPARSE_ELEMENTS = 2**31


@dataclass(frozen=True)
class Constant:
    """One constant as the file stores it. `stored_bytes` is its size there.

    `mask` names the constant of zeros and ones that the graph multiplies it by; empty where there is none.
    """

    key: Key
    dtype: str
    stored_bytes: int
    tensor: onnx.TensorProto | None
    dense: Array | None = None
    mask: str = ""

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self.key[1]

    def array(self) -> Array:
        """Its values. Raises InputError where they do not fit its shape."""
        if self.dense is not None:
            return self.dense
        if self.tensor is None:
            raise ValueError(f"constant {self.name!r} has neither a tensor nor values")
        return to_array(self.tensor)


class Scope:
    """The constants and nodes that a node in one graph can see: its own graph's and those around it."""

    def __init__(self, graph: onnx.GraphProto, outer: Scope | None, number: int) -> None:
        self.graph = graph
        self.own = {constant.name: constant for constant in _constants(graph, number)}
        self._outer = outer
        self._producers = {output: node for node in graph.node for output in node.output if output}

    def constant(self, name: str) -> Constant | None:
        """The constant of that name, the innermost first."""
        if name in self.own:
            return self.own[name]
        if name in self._producers or self._outer is None:
            return None
        return self._outer.constant(name)

    def producer(self, name: str) -> onnx.NodeProto | None:
        """The node that makes the value of that name, the innermost first."""
        if name in self._producers or self._outer is None:
            return self._producers.get(name)
        return self._outer.producer(name)


def scopes(model: onnx.ModelProto) -> Iterator[Scope]:
    """The scope of the main graph, then those of all graphs below it."""
    waiting: list[tuple[onnx.GraphProto, Scope | None]] = [(model.graph, None)]
    number = 0
    while waiting:
        graph, outer = waiting.pop(0)
        scope = Scope(graph, outer, number)
        number += 1
        yield scope
        waiting += [(inner, scope) for node in graph.node for inner in subgraphs(node)]


def _constants(graph: onnx.GraphProto, number: int) -> Iterator[Constant]:
    for tensor in graph.initializer:
        yield _of_tensor((number, tensor.name), tensor)
    for sparse in graph.sparse_initializer:
        yield _of_sparse((number, sparse.values.name), sparse)
    for node in graph.node:
        if node.op_type == "Constant" and node.domain in STANDARD_DOMAINS and node.output:
            yield from _of_node((number, node.output[0]), node)


def _of_node(key: Key, node: onnx.NodeProto) -> Iterator[Constant]:
    """The one constant of a Constant node; nothing where it holds text."""
    for attribute in node.attribute:
        if attribute.name == "value":
            yield _of_tensor(key, attribute.t)
        elif attribute.name == "sparse_value":
            yield _of_sparse(key, attribute.sparse_tensor)
        elif attribute.name in ("value_float", "value_floats"):
            yield _of_values(key, np.asarray(onnx.helper.get_attribute_value(attribute), np.float32))
        elif attribute.name in ("value_int", "value_ints"):
            yield _of_values(key, np.asarray(onnx.helper.get_attribute_value(attribute), np.int64))


def _of_values(key: Key, values: Array) -> Constant:
    return Constant(key, values.dtype.name, values.nbytes, None, values)


def _of_tensor(key: Key, tensor: onnx.TensorProto) -> Constant:
    dtype = dtype_name(tensor.data_type)
    return Constant(key, dtype, 0 if dtype in ("string", "undefined") else packed_bytes(tensor), tensor)


def _of_sparse(key: Key, sparse: onnx.SparseTensorProto) -> Constant:
    values, indices = to_array(sparse.values), to_array(sparse.indices).astype(np.int64)
    if not 0 <= math.prod(sparse.dims) <= _MAX_SPARSE_ELEMENTS or min(sparse.dims, default=0) < 0:
        found = f"its shape is {'x'.join(map(str, sparse.dims))}"
        raise InputError(f"cannot read sparse tensor {shown(key[1])}", found, "export it as a dense one")
    dense = np.zeros(tuple(sparse.dims), values.dtype)
    try:
        where = indices if indices.ndim == 1 else np.ravel_multi_index(tuple(indices.T), dense.shape)
        dense.reshape(-1)[where] = values
    except (ValueError, IndexError) as error:
        found = "its indices do not fit its shape"
        raise InputError(f"cannot read sparse tensor {shown(key[1])}", found, "export it again") from error
    return Constant(key, dtype_name(sparse.values.data_type), values.nbytes + indices.nbytes, None, dense)


def folded(scope: Scope, name: str, steps: int = 0) -> tuple[Constant, Array] | None:
    """The constant behind a value and the values that reach the node; None where it is no constant.

    Looks through Identity, Cast, Transpose, QuantizeLinear, DequantizeLinear and a product of two constants (the
    weight and the mask that a forgotten `prune.remove` leaves behind). What becomes zero on the way is zero;
    other values are not scaled by DequantizeLinear, since only zeros are counted. A constant that QuantizeLinear
    narrows has the narrow dtype.
    """
    if constant := scope.constant(name):
        return constant, constant.array()
    node = scope.producer(name)
    # A hostile file may make a value from itself.
    if (
        node is None
        or not node.input
        or steps > _MAX_STEPS
        or node.domain not in (*STANDARD_DOMAINS, "com.microsoft")
    ):
        return None
    step = _STEPS.get(node.op_type)
    found = folded(scope, node.input[0], steps + 1) if step or node.op_type == "Mul" else None
    if found is None:
        return None
    try:
        if step is None:
            return _product(scope, node, found, steps + 1)
        values = step(scope, node, found[1], steps + 1)
    except (ValueError, IndexError) as error:
        asked = f"cannot follow weight {shown(found[0].name)} through node {shown(label(node))}"
        raise InputError(asked, str(error), "the file is damaged: export it again") from error
    if values is None:
        return None
    constant = replace(found[0], dtype=values.dtype.name) if node.op_type == "QuantizeLinear" else found[0]
    return constant, values


def _unchanged(scope: Scope, node: onnx.NodeProto, values: Array, steps: int) -> Array:
    return values


def _transposed(scope: Scope, node: onnx.NodeProto, values: Array, steps: int) -> Array:
    permutation = next((list(each.ints) for each in node.attribute if each.name == "perm"), None)
    return np.transpose(values, permutation)


def _dequantized(scope: Scope, node: onnx.NodeProto, values: Array, steps: int) -> Array | None:
    """True where the value is not the zero point: what a dequantised weight is zero at."""
    if len(node.input) < 3 or not node.input[2]:
        return values
    point = folded(scope, node.input[2], steps)
    if point is None:
        return None
    return differs_from(values, point[1], *_layout(node))


def _quantized(scope: Scope, node: onnx.NodeProto, values: Array, steps: int) -> Array | None:
    """Weights that the file stores as floats and narrows itself: small ones become the zero point."""
    scale = folded(scope, node.input[1], steps) if len(node.input) > 1 else None
    named = len(node.input) > 2 and bool(node.input[2])
    point = folded(scope, node.input[2], steps) if named else None
    if scale is None or (named and point is None):
        return None
    points: Array = np.zeros((), np.uint8) if point is None else point[1]
    axis, block = _layout(node)
    with np.errstate(all="ignore"):
        scaled = values.astype(np.float32) / _spread(scale[1], values, axis, block).astype(np.float32)
        if not points.dtype.name.startswith(("int", "uint")):
            return scaled.astype(points.dtype)
        limits = ml_dtypes.iinfo(points.dtype)  # type: ignore[no-untyped-call]
        moved = np.rint(scaled) + _plain(_spread(points, values, axis, block))
        return np.asarray(np.clip(moved, int(limits.min), int(limits.max)).astype(points.dtype))


def _layout(node: onnx.NodeProto) -> tuple[int, int]:
    """(axis, block size) of the scales of QuantizeLinear and DequantizeLinear."""
    given = {each.name: each.i for each in node.attribute}
    return given.get("axis", 1), given.get("block_size", 0)


def differs_from(values: Array, zero_point: Array, axis: int, block: int = 0) -> Array:
    """True where a quantised value is not its zero point (one for all, one per channel, one per block)."""
    points = _spread(zero_point, values, axis, block)
    if values.dtype == points.dtype and values.dtype in (np.int8, np.uint8):
        return np.asarray(values != points)
    return np.asarray(_plain(values) != _plain(points))


def _spread(points: Array, values: Array, axis: int, block: int) -> Array:
    """One for all, one per channel or one per block, in a shape that goes with the values."""
    if block:
        return np.repeat(points, block, axis=axis).take(range(values.shape[axis]), axis=axis)
    if points.size > 1:
        return points.reshape([-1 if each == axis % values.ndim else 1 for each in range(values.ndim)])
    return points.reshape(())


def _plain(values: Array) -> Array:
    """4-bit and 8-bit types as types that NumPy can compare."""
    integral = values.dtype.name.startswith(("int", "uint"))
    return values.astype(np.int64) if integral else values.astype(np.float32)


def _cast(scope: Scope, node: onnx.NodeProto, values: Array, steps: int) -> Array:
    """To a narrower float small values become zero; to any other type zeros stay what they are."""
    target = next((dtype_name(each.i) for each in node.attribute if each.name == "to"), "")
    narrower = is_float(target) and is_float(values.dtype.name) and numpy_dtype(target).itemsize < values.itemsize
    with np.errstate(all="ignore"):
        return values.astype(numpy_dtype(target)) if narrower else values


def _product(
    scope: Scope, node: onnx.NodeProto, left: tuple[Constant, Array], steps: int
) -> tuple[Constant, Array] | None:
    """Two constants that the graph multiplies; the constant behind it is the weight, whichever side it is on."""
    right = folded(scope, node.input[1], steps) if len(node.input) > 1 else None
    if right is None:
        return None
    weight, mask = (right, left) if _is_mask(left[1]) and not _is_mask(right[1]) else (left, right)
    with np.errstate(all="ignore"):
        product = np.multiply(weight[1], mask[1])
    named = mask[0].name if _is_mask(mask[1]) else weight[0].mask
    return replace(weight[0], mask=named), np.asarray(product)


def _is_mask(values: Array) -> bool:
    """Zeros and ones, and nothing else. A single number is a scale."""
    return values.size > 1 and bool(((values == 0) | (values == 1)).all())


_STEPS = {
    "Identity": _unchanged,
    "Cast": _cast,
    "Transpose": _transposed,
    "QuantizeLinear": _quantized,
    "DequantizeLinear": _dequantized,
}


def float_statistics(constant: Constant) -> tuple[int, int]:
    """(elements, denormals) of a float constant; (0, 0) of any other.

    Denormals are counted in float32, float64 and bfloat16. Small float16 values are denormal as stored and
    normal where a CPU computes with them, in float32; to count them would be a false alarm.
    """
    if not is_float(constant.dtype):
        return 0, 0
    values = constant.array()
    if constant.dtype not in ("float32", "float64", "bfloat16"):
        return values.size, 0
    magnitudes = np.abs(values)
    smallest = ml_dtypes.finfo(values.dtype).smallest_normal  # type: ignore[no-untyped-call]
    return values.size, int(np.count_nonzero((magnitudes > 0) & (magnitudes < smallest)))
