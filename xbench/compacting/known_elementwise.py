"""What is known after operators that work on each element, with broadcasting."""

from __future__ import annotations

import numpy as np

from .evaluating import Array, evaluated
from .partly import Asked, Flags, collapsed_but, masked, small_enough, unknown

EACH = frozenset(
    {
        *(
            "Abs",
            "Acos",
            "Acosh",
            "Add",
            "And",
            "Asin",
            "Asinh",
            "Atan",
            "Atanh",
            "Cast",
            "Ceil",
            "Celu",
            "Clip",
            "Cos",
        ),
        *("Cosh", "Div", "Elu", "Equal", "Erf", "Exp", "Floor", "Gelu", "Greater", "GreaterOrEqual", "HardSigmoid"),
        *("HardSwish", "LeakyRelu", "Less", "LessOrEqual", "Log", "Max", "Mean", "Min", "Mish", "Mod", "Mul", "Neg"),
        *("Not", "Or", "PRelu", "Pow", "Reciprocal", "Relu", "Round", "Selu", "Shrink", "Sigmoid", "Sign", "Sin"),
        *("Sinh", "Softplus", "Softsign", "Sqrt", "Sub", "Sum", "Swish", "Tan", "Tanh", "ThresholdedRelu", "Xor"),
    }
)
"""Operators of the standard that compute each element of the output from those at its place in the inputs."""


def each(asked: Asked) -> Array | None:
    """The operator itself, on what is known; zero times anything (anything finite) is zero."""
    if asked.node.op_type not in ("Mul", "Div") and all(array is None for array in asked.inputs):
        return None
    kind = next((kind for kind in asked.kinds if kind is not None), None)
    if kind is None or not small_enough(*(array.shape for array in asked.inputs if array is not None)):
        return None
    filled, gone = _filled(asked, kind)
    result = evaluated(asked.node, filled, asked.opsets)
    if result is None:
        return None
    gone = np.asarray(np.broadcast_to(gone, np.broadcast_shapes(gone.shape, result[0].shape)))
    values = np.array(np.broadcast_to(result[0], gone.shape))
    zero = np.asarray(_zeros(asked) & gone)
    values[zero] = 0
    return masked(values, gone & ~zero)


def _filled(asked: Asked, kind: np.dtype[np.generic]) -> tuple[list[Array | None], Flags]:
    """The inputs with ones where they are not known, and where that is."""
    filled: list[Array | None] = []
    gone: Flags = np.zeros((), np.bool_)
    for place, array in enumerate(asked.inputs):
        own = asked.kinds[place] or kind
        if not asked.has(place):
            filled.append(None)
        elif array is None:
            filled.append(np.ones((), own))
            gone = np.ones((), np.bool_)
        else:
            missing = unknown(array)
            plain = np.where(missing, np.ones((), array.dtype), array) if missing.any() else array
            filled.append(np.asarray(plain).astype(own, copy=False))
            gone = np.asarray(gone | missing)
    return filled, gone


def _zeros(asked: Asked) -> Flags:
    """Where the result is zero whatever the other operand is: a product with zero, or zero divided."""
    if asked.node.op_type == "Mul":
        left, right = (np.zeros((), np.bool_) if a is None else np.asarray(a == 0) for a in asked.inputs)
        return np.asarray(left | right)
    if asked.node.op_type == "Div" and asked.inputs[0] is not None:
        return np.asarray(asked.inputs[0] == 0)
    return np.zeros((), np.bool_)


def where(asked: Asked) -> Array | None:
    """One of two, or either where both are the same."""
    condition, yes, no = (asked.array(place) for place in range(3))
    if condition is None or unknown(condition).any():
        if yes is None or no is None or not small_enough(yes.shape, no.shape):
            return None
        return masked(np.asarray(np.where(unknown(no), no, yes)), np.asarray(yes != no))
    kind = asked.kinds[1] or asked.kinds[2]
    shapes = [array.shape for array in (condition, yes, no) if array is not None]
    if kind is None or not small_enough(*shapes):
        return None
    missing = [np.ones((), np.bool_) if array is None else unknown(array) for array in (yes, no)]
    values = [np.ones((), kind) if array is None else array for array in (yes, no)]
    chosen = np.asarray(np.where(condition.astype(np.bool_), *values))
    return masked(chosen, np.asarray(np.where(condition.astype(np.bool_), *missing)))


def is_nan(asked: Asked) -> Array | None:
    """False, unless something infinite went in: torch asks this of attention, for rows that are masked as a whole."""
    sizes = asked.size(0)
    return np.zeros((1,) * len(sizes[0]), np.bool_) if sizes is not None and asked.finite[0] else None


def same(asked: Asked) -> Array | None:
    """The first input itself."""
    return asked.array(0)


def dropout(asked: Asked) -> Array | None:
    """Nothing is dropped in inference."""
    training = asked.array(2)
    if asked.has(2) and (training is None or bool(training.any())):
        return None
    return asked.array(0)


def quantized(asked: Asked) -> Array | None:
    """QuantizeLinear and DequantizeLinear of an activation, with one scale for all or one per channel."""
    data = asked.array(0)
    if data is None or any(asked.has(place) and asked.array(place) is None for place in (1, 2)):
        return None
    scale = asked.array(1)
    if scale is None or (scale.size > 1 and asked.integer("block_size", 0)):
        return None
    if scale.size > 1:
        axis = asked.integer("axis", 1) % data.ndim
        if data.shape[axis] == 1:
            data = np.repeat(data, scale.size, axis)
    missing = unknown(data)
    plain = np.where(missing, np.ones((), data.dtype), data).astype(asked.kinds[0] or data.dtype)
    result = evaluated(asked.node, [plain, *asked.inputs[1:]], asked.opsets)
    return None if result is None else masked(result[0], np.asarray(missing))


def microsofts_zero(asked: Asked) -> Array | None:
    """An activation of com.microsoft: only that it is zero where its argument, bias and all, is."""
    arrays = [array for array in asked.inputs if array is not None]
    if len(arrays) != len(asked.inputs) or not small_enough(*(array.shape for array in arrays)):
        return None
    total = np.asarray(sum(array.astype(np.float64) for array in arrays))
    kind = arrays[0].dtype
    return masked(np.zeros(total.shape, kind), np.asarray(total != 0))


def shape_of(asked: Asked) -> Array | None:
    """The sizes of the axes that are fixed."""
    sizes = asked.size(0)
    if sizes is None:
        return None
    start, end = asked.integer("start", 0), asked.integer("end", len(sizes[0]))
    table = np.array([shape[slice(start, end)] for shape in sizes], np.int64)
    return masked(table[0], np.asarray((table != table[0]).any(axis=0)))


def filled_with(asked: Asked) -> Array | None:
    """ConstantOfShape: one number everywhere."""
    sizes = asked.out_sizes[0]
    if sizes is None:
        return None
    node = asked.node
    one = evaluated(node, [np.ones(1, np.int64)], asked.opsets)
    return None if one is None else one[0].reshape((1,) * len(sizes[0]))


def normalized(asked: Asked) -> Array | None:
    """Normalisations: where the scale is zero, the bias is what comes out."""
    scale, bias = asked.array(1), asked.array(2)
    if scale is None or (bias is None and asked.has(2)):
        return None
    plain = np.zeros((), scale.dtype) if bias is None else bias
    return masked(np.asarray(np.broadcast_to(plain, scale.shape)), np.asarray(scale != 0) | unknown(plain))


def batch_norm(asked: Asked) -> Array | None:
    """In inference: (x - mean) / sqrt(variance + epsilon) * scale + bias, by channel."""
    arrays = asked.inputs[1:5]
    sizes = asked.size(0)
    if any(array is None for array in arrays) or sizes is None or asked.integer("training_mode", 0):
        return None
    scale, bias, mean, variance = (np.asarray(array).astype(np.float64) for array in arrays)
    data = asked.array(0)
    data = None if data is None else collapsed_but(data, 1)
    x = np.full((1,), np.nan) if data is None else data.reshape(-1).astype(np.float64)
    epsilon = asked.given.get("epsilon", 1e-5)
    deviation = np.sqrt(variance + (epsilon if isinstance(epsilon, float) else 1e-5))
    result = np.where(scale == 0, bias, (x - mean) / deviation * scale + bias)
    kind = asked.kinds[0] or np.asarray(arrays[0]).dtype
    return np.asarray(result).astype(kind).reshape((1, -1) + (1,) * (len(sizes[0]) - 2))


def instance_norm(asked: Asked) -> Array | None:
    """A channel that is zero, or that is scaled by zero, gives the bias."""
    scale, bias, sizes = asked.array(1), asked.array(2), asked.size(0)
    if scale is None or bias is None or sizes is None:
        return None
    data = asked.array(0)
    data = None if data is None else collapsed_but(data, 1)
    x = np.full((1,), np.nan) if data is None else data.reshape(-1)
    gone = np.asarray((scale != 0) & (x != 0)) | unknown(bias)
    found = masked(bias, gone)
    return None if found is None else found.reshape((1, -1) + (1,) * (len(sizes[0]) - 2))
