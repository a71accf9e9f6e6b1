"""Arrays that are known in part: NaN where they are not, size 1 along an axis on which they are uniform."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import onnx

from ..onnxfile.macs import Shape
from .constants import SMALL
from .evaluating import Array

Sizes = tuple[Shape, ...]
"""The shape of one value at each sizing."""
Flags = npt.NDArray[np.bool_]
_EXACT = 2**53
"""Integers beyond this are not exact as 64-bit floats."""


@dataclass(frozen=True)
class Asked:
    """A node, and what is known of its inputs: None for what is not known, and for an input that is left out.

    `kinds` are the dtypes of the inputs as far as known; those of integers that are known in part only are held as
    64-bit floats, to have room for NaN. `sums_to_one` tells of each input whether its last axis is proven to, and
    `finite` whether nothing infinite goes into it.
    """

    node: onnx.NodeProto
    given: Mapping[str, object]
    inputs: tuple[Array | None, ...]
    kinds: tuple[np.dtype[np.generic] | None, ...]
    sizes: tuple[Sizes | None, ...]
    out_sizes: tuple[Sizes | None, ...]
    sums_to_one: tuple[bool, ...]
    finite: tuple[bool, ...]
    opsets: tuple[onnx.OperatorSetIdProto, ...]

    def array(self, place: int) -> Array | None:
        """What is known of the input at this place."""
        return self.inputs[place] if place < len(self.inputs) else None

    def has(self, place: int) -> bool:
        """Whether the node takes an input at this place."""
        return place < len(self.node.input) and bool(self.node.input[place])

    def size(self, place: int) -> Sizes | None:
        """The shapes of the input at this place."""
        return self.sizes[place] if place < len(self.sizes) else None

    def whole(self, place: int) -> list[int] | None:
        """The integers at this place, in one row; None where they are not all known, or there are none."""
        array = self.array(place)
        if array is None or is_partial(array):
            return None
        return [int(each) for each in array.reshape(-1).tolist()]

    def integer(self, name: str, otherwise: int) -> int:
        """An attribute that is a number."""
        found = self.given.get(name, otherwise)
        return found if isinstance(found, int) else otherwise

    def integers(self, name: str) -> list[int] | None:
        """An attribute that is a row of numbers; None where it is not given."""
        found = self.given.get(name)
        return [int(each) for each in found] if isinstance(found, Sequence) and not isinstance(found, bytes) else None


def unknown(array: Array) -> Flags:
    """True where nothing is known."""
    if array.dtype.kind in "iubUSO":
        return np.zeros(array.shape, np.bool_)
    return np.asarray(array != array, np.bool_)  # NaN alone differs from itself


def is_partial(array: Array) -> bool:
    """Whether some of it is not known."""
    return bool(unknown(array).any())


def nothing(rank: int, kind: np.dtype[np.generic] | None = None) -> Array:
    """A value of this rank of which nothing is known."""
    floating = kind is not None and kind.kind == "f"
    return np.full((1,) * rank, np.nan, kind if floating else np.float64)


def ranked(array: Array, rank: int) -> Array:
    """The same values with axes of size 1 before them, as broadcasting reads them."""
    return array.reshape((1,) * (rank - array.ndim) + array.shape)


def collapsed(array: Array, axis: int) -> Array | None:
    """What is known of all along an axis, the axis kept with size 1; None where that is nothing."""
    if array.shape[axis] == 1:
        return array
    if array.shape[axis] == 0:
        return None
    first = array.take([0], axis)
    same = np.asarray((array == first).all(axis=axis, keepdims=True))
    if not same.any():
        return None
    return first if same.all() else masked(first, ~same)


def collapsed_but(array: Array, *axes: int) -> Array | None:
    """The same for all axes but these."""
    found: Array | None = array
    for axis in range(array.ndim):
        if found is not None and axis not in axes:
            found = collapsed(found, axis)
    return found


def masked(array: Array, gone: Flags) -> Array | None:
    """The values without those at `gone`; integers then become 64-bit floats. None where nothing is left."""
    if not gone.any():
        return array
    if gone.all():
        return None
    if array.dtype.kind in "iu" and array.size and np.abs(array[~gone].astype(np.float64)).max() > _EXACT:
        return None
    kind = array.dtype if can_be_nan(array.dtype) else np.dtype(np.float64)
    return np.asarray(np.where(gone, np.asarray(np.nan, kind), array.astype(kind)))


def can_be_nan(kind: np.dtype[np.generic]) -> bool:
    """Whether a dtype has room for NaN."""
    return kind.kind == "f" or kind.name == "bfloat16"


def fixed(sizes: Sizes, axis: int) -> int | None:
    """The size of an axis that has the same at all sizings."""
    found = {shape[axis] for shape in sizes}
    return found.pop() if len(found) == 1 else None


def fitted(array: Array | None, sizes: Sizes | None) -> Array | None:
    """What may be told of a value with these shapes: of its rank, uniform along open axes, and not too large.

    None where nothing may.
    """
    if array is None or sizes is None or array.ndim > len(sizes[0]):
        return None
    found: Array | None = ranked(array, len(sizes[0]))
    for axis in range(len(sizes[0])):
        if found is not None and found.shape[axis] != 1 and fixed(sizes, axis) != found.shape[axis]:
            found = collapsed(found, axis)
    if found is not None and found.size > SMALL:
        found = collapsed_but(found)
    return None if found is None or (found.size and unknown(found).all()) else found


def small_enough(*shapes: Shape) -> bool:
    """Whether arrays of these shapes may be put together."""
    return math.prod(np.broadcast_shapes(*shapes)) <= SMALL


def blocks(left: Sizes, right: Sizes) -> Iterator[tuple[list[int], list[int]]] | None:
    """The axes of two shapes of equal size, matched: each run of `left` holds as many elements as that of `right`.

    None where they do not match in all sizings.
    """
    found: list[tuple[list[int], list[int]]] = []
    i = j = 0
    while i < len(left[0]) and j < len(right[0]):
        mine, theirs = [i], [j]
        i, j = i + 1, j + 1
        while (a := _products(left, mine)) != (b := _products(right, theirs)):
            if a[0] < b[0] and i < len(left[0]):
                mine.append(i)
                i += 1
            elif a[0] >= b[0] and j < len(right[0]):
                theirs.append(j)
                j += 1
            else:
                return None
        found.append((mine, theirs))
    rest = (list(range(i, len(left[0]))), list(range(j, len(right[0]))))
    if any(each != 1 for each in (*_products(left, rest[0]), *_products(right, rest[1]))):
        return None
    return iter([*found, rest] if rest[0] or rest[1] else found)


def _products(sizes: Sizes, axes: list[int]) -> list[int]:
    return [math.prod(shape[axis] for axis in axes) for shape in sizes]


def regrouped(array: Array, left: Sizes, right: Sizes) -> Array | None:
    """A value's known part after a reshape from one shape to another."""
    matched = blocks(left, right)
    if matched is None:
        whole = collapsed_but(array)
        return None if whole is None else whole.reshape((1,) * len(right[0]))
    shape: list[int] = []
    found: Array | None = array
    for mine, theirs in matched:
        if found is None:
            return None
        plain = all(found.shape[axis] == 1 for axis in mine)
        firm = all(fixed(left, axis) for axis in mine) and all(fixed(right, axis) for axis in theirs)
        if plain or not firm:
            for axis in mine:
                found = None if found is None else collapsed(found, axis)
            shape += [1] * len(theirs)
            continue
        full = list(found.shape)
        for axis in mine:
            full[axis] = left[0][axis]
        if math.prod(full) > max(SMALL, found.size):
            return None
        found = np.broadcast_to(found, full)
        shape += [right[0][axis] for axis in theirs]
    return None if found is None else found.reshape(shape)
