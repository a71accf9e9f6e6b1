"""What is known after operators that sum over an axis: products of matrices, convolutions, reductions, pooling."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from .constants import SMALL
from .evaluating import Array
from .partly import Asked, Flags, collapsed, collapsed_but, fixed, masked, nothing, ranked, unknown


def matmul(asked: Asked) -> Array | None:
    """MatMul; also of two activations, and of weights of attention with values that are the same at each place."""
    operands = [_operand(asked, place) for place in range(2)]
    left, right = operands
    sizes = asked.size(0)
    if left is None or right is None or sizes is None or not _is_floating(left, right):
        return None
    row, column = left.ndim == 1, right.ndim == 1
    a, b = left.reshape(1, -1) if row else left, right.reshape(-1, 1) if column else right
    rank = max(a.ndim, b.ndim)
    found = product(ranked(a, rank), ranked(b, rank), fixed(sizes, len(sizes[0]) - 1))
    if asked.sums_to_one[0] and not row and b.shape[-2] == 1 and not unknown(b).all():
        found = ranked(b, rank)  # A mean, whatever its weights, of one number is that number.
    if found is None:
        return None
    axes = [axis for axis, dropped in ((-2, row), (-1, column)) if dropped]
    return found.reshape([size for axis, size in enumerate(found.shape) if axis - found.ndim not in axes])


def _operand(asked: Asked, place: int) -> Array | None:
    array, sizes = asked.array(place), asked.size(place)
    if array is not None:
        return array
    return None if sizes is None else nothing(len(sizes[0]), asked.kinds[place] or asked.kinds[1 - place])


def _is_floating(*arrays: Array) -> bool:
    return all(array.dtype.kind == "f" for array in arrays)


def gemm(asked: Asked) -> Array | None:
    """alpha * A' * B' + beta * C."""
    operands = [_operand(asked, place) for place in range(2)]
    left, right = operands
    sizes = asked.size(0)
    if left is None or right is None or sizes is None or not _is_floating(left, right):
        return None
    a = left.T if asked.integer("transA", 0) else left
    b = right.T if asked.integer("transB", 0) else right
    found = product(a, b, fixed(sizes, 0 if asked.integer("transA", 0) else 1))
    added = asked.array(2)
    if found is None or (asked.has(2) and added is None):
        return None
    alpha, beta = (_number(asked, name) for name in ("alpha", "beta"))
    whole = found.astype(np.float64) * alpha
    if added is not None:
        whole = whole + added.astype(np.float64) * beta
    return np.asarray(whole.astype(found.dtype))


def _number(asked: Asked, name: str) -> float:
    found = asked.given.get(name, 1.0)
    return found if isinstance(found, float) else 1.0


def product(a: Array, b: Array, contracted: int | None) -> Array | None:
    """The matrix product of what is known; `contracted` is the size of the axis that it sums over, None if open.

    An element is known where each of its terms is: both factors known, or one of them zero.
    """
    size = max(a.shape[-1], b.shape[-2])
    if size == 1 and contracted is not None and contracted <= SMALL:
        size = contracted
    if a.shape[-1] != size and a.size * size <= SMALL:
        a = np.broadcast_to(a, (*a.shape[:-1], size))
    if _is_row(a):
        found = _row_times(a.reshape(-1), b)
    elif _is_row(np.swapaxes(b, -1, -2)):
        # (a b)' = b' a'
        wide = np.broadcast_to(b, (*b.shape[:-2], size, b.shape[-1])) if b.shape[-2] != size else b
        found = _row_times(wide.reshape(-1), np.swapaxes(a, -1, -2))
        found = None if found is None else np.swapaxes(found, -1, -2)
    else:
        found = _general(a, b, size)
    if found is None or (contracted is not None and size == contracted):
        return found
    return masked(found, np.asarray(found != 0))


def _is_row(array: Array) -> bool:
    return math.prod(array.shape[:-1]) == 1


def _row_times(row: Array, matrix: Array) -> Array | None:
    """A row times [..., K, N]: [..., 1, N]. The matrix, a weight mostly, is not copied."""
    if matrix.shape[-2] != len(row):
        if matrix.size * len(row) > SMALL:
            return None
        matrix = np.broadcast_to(matrix, (*matrix.shape[:-2], len(row), matrix.shape[-1]))
    open_rows = unknown(row)
    gone = _any_row(matrix, open_rows)
    used = ~open_rows & (row != 0)
    values: npt.NDArray[np.float64] = np.zeros(gone.shape)
    if used.any():
        taken = matrix[..., used, :].astype(np.float64)
        values = (taken * row[used].astype(np.float64)[:, None]).sum(axis=-2, keepdims=True)
    gone = np.asarray(gone | np.isnan(values))
    return masked(values.astype(np.result_type(row.dtype, matrix.dtype)), gone)


def _any_row(matrix: Array, rows: Flags) -> Flags:
    """Whether any of these rows of [..., K, N] has anything but zero in a column: [..., 1, N]."""
    taken = matrix if rows.all() else matrix[..., rows, :]
    return np.asarray((taken != 0).any(axis=-2, keepdims=True))


def _general(a: Array, b: Array, size: int) -> Array | None:
    shape = (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), a.shape[-2], b.shape[-1])
    if max(math.prod(shape), a.size, b.size * (size if b.shape[-2] != size else 1)) > SMALL:
        return None
    b = np.broadcast_to(b, (*b.shape[:-2], size, b.shape[-1]))
    open_a, open_b = unknown(a), unknown(b)
    values = np.where(open_a, 0, a).astype(np.float64) @ np.where(open_b, 0, b).astype(np.float64)
    some_a, some_b = (np.asarray(each != 0, np.float32) for each in (a, b))  # NaN is not zero
    open_terms = open_a.astype(np.float32) @ some_b + some_a @ open_b.astype(np.float32)
    return masked(values.astype(np.result_type(a.dtype, b.dtype)), np.asarray(open_terms > 0))


def conv(asked: Asked) -> Array | None:
    """Conv. A constant input that is not zero ends at the border where there is padding."""
    weight, sizes = asked.array(1), asked.size(0)
    if weight is None or sizes is None or weight.dtype.kind != "f" or unknown(weight).any():
        return None
    groups = asked.integer("group", 1)
    taps = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    inputs = _channels(asked, sizes, borders=is_padded(asked.given, weight.shape[2:]))
    return _convolved(asked, taps, inputs.reshape(groups, 1, -1), len(sizes[0]))


def deconv(asked: Asked) -> Array | None:
    """ConvTranspose. Each place sums other taps: only zeros are followed."""
    weight, sizes = asked.array(1), asked.size(0)
    if weight is None or sizes is None or weight.dtype.kind != "f" or unknown(weight).any():
        return None
    groups = asked.integer("group", 1)
    taps = weight.reshape(groups, weight.shape[0] // groups, weight.shape[1], -1)
    inputs = _channels(asked, sizes, borders=True)
    return _convolved(asked, np.swapaxes(taps, 1, 2), inputs.reshape(groups, 1, -1), len(sizes[0]))


def _convolved(asked: Asked, taps: Array, inputs: Array, rank: int) -> Array | None:
    """`taps` are [groups, outputs, inputs, taps], `inputs` [groups, 1, inputs]."""
    open_inputs = unknown(inputs)
    gone = np.asarray(((taps != 0).any(axis=-1) & open_inputs).any(axis=-1))
    values: npt.NDArray[np.float64] = np.zeros(gone.shape)
    used = np.where(open_inputs, 0, inputs).astype(np.float64)
    if used.any():
        values = np.asarray((taps.sum(axis=-1, dtype=np.float64) * used).sum(axis=-1))
    bias = asked.array(2)
    if asked.has(2):
        values = values + (np.nan if bias is None else bias.astype(np.float64).reshape(gone.shape))
    gone = np.asarray(gone | np.isnan(values))
    found = masked(values.astype(taps.dtype), gone)
    return None if found is None else found.reshape((1, -1) + (1,) * (rank - 2))


def _channels(asked: Asked, sizes: Sequence[tuple[int, ...]], borders: bool) -> Array:
    """What is known of each channel of the input, everywhere on it; where it ends at a border, only zeros are."""
    count = sizes[0][1]
    data = asked.array(0)
    data = None if data is None else collapsed_but(data, 1)
    if data is None:
        return np.full(count, np.nan)
    known = np.array(np.broadcast_to(data.reshape(-1), (count,))).astype(np.float64)
    if borders:
        known[known != 0] = np.nan
    return known


def is_padded(given: Mapping[str, object], kernel: Sequence[int]) -> bool:
    """Whether a convolution or a pooling sees zeros beyond the border."""
    mode = given.get("auto_pad", b"NOTSET")
    if mode in (b"NOTSET", b""):
        pads = given.get("pads")
        return isinstance(pads, Sequence) and any(pads)
    return mode != b"VALID" and any(size != 1 for size in kernel)


def max_pool(asked: Asked) -> Array | None:
    """The largest of equal numbers; what is put on at the border is smaller than all."""
    data = asked.array(0)
    return None if data is None else collapsed_but(data, 0, 1)


def average_pool(asked: Asked) -> Array | None:
    """The mean of equal numbers; zeros that are put on at the border count where the node says so."""
    found = max_pool(asked)
    kernel = asked.integers("kernel_shape") or []
    if found is None or not (asked.integer("count_include_pad", 0) and is_padded(asked.given, kernel)):
        return found
    return masked(found, np.asarray(found != 0))


def global_pool(asked: Asked) -> Array | None:
    """The mean, or the largest, over all axes but the first two."""
    data = asked.array(0)
    found = data
    for axis in range(2, 0 if data is None else data.ndim):
        found = None if found is None else collapsed(found, axis)
    return found


def reduced(asked: Asked) -> Array | None:
    """Reductions. A mean or an extreme of what is uniform is the same; a sum counts it."""
    data, sizes = asked.array(0), asked.size(0)
    axes = _axes(asked)
    if data is None or sizes is None or axes is None or data.dtype.kind not in "fiu":
        return None
    found: Array | None = data
    for axis in axes:
        found = None if found is None else _reduced_along(asked.node.op_type, found, fixed(sizes, axis), axis)
    if found is None or asked.integer("keepdims", 1):
        return found
    return found.reshape([size for axis, size in enumerate(found.shape) if axis not in axes])


def _axes(asked: Asked) -> list[int] | None:
    sizes = asked.size(0)
    given = asked.integers("axes") or asked.whole(1)
    if sizes is None or (given is None and asked.has(1)):
        return None
    rank = len(sizes[0])
    if not given:
        return [] if asked.integer("noop_with_empty_axes", 0) else list(range(rank))
    return sorted(axis % rank for axis in given)


_TAKEN: dict[str, Callable[..., Any]] = {"ReduceMean": np.mean, "ReduceMax": np.max, "ReduceMin": np.min}


def _reduced_along(kind: str, array: Array, size: int | None, axis: int) -> Array | None:
    if kind in _TAKEN:
        if array.shape[axis] == 1:
            return array
        taken = _TAKEN[kind](array, axis=axis, keepdims=True)  # NaN wins in all of them
        return np.asarray(taken).astype(array.dtype)
    if kind == "ReduceSum" and (array.shape[axis] != 1 or size is not None):
        times = size if array.shape[axis] == 1 and size is not None else 1
        return np.asarray(array.sum(axis=axis, keepdims=True) * times).astype(array.dtype)
    common = collapsed(array, axis)  # sums of squares and the like: zero where all are
    return None if common is None else masked(common, np.asarray(common != 0))
