"""What is known after operators that only move elements, or take some of them."""

from __future__ import annotations

import math

import numpy as np

from .constants import SMALL
from .evaluating import Array
from .partly import Asked, collapsed, collapsed_but, fixed, masked, nothing, ranked, regrouped, small_enough


def reshaped(asked: Asked) -> Array | None:
    """Reshape, Flatten, Squeeze and Unsqueeze: the order of elements stays."""
    array, before, after = asked.array(0), asked.size(0), asked.out_sizes[0]
    return None if array is None or before is None or after is None else regrouped(array, before, after)


def transposed(asked: Asked) -> Array | None:
    array = asked.array(0)
    return None if array is None else np.transpose(array, asked.integers("perm"))


def expanded(asked: Asked) -> Array | None:
    """What broadcasts to the input broadcasts to the output."""
    array, after = asked.array(0), asked.out_sizes[0]
    return None if array is None or after is None else ranked(array, len(after[0]))


def joined(asked: Asked) -> Array | None:
    """Concat. Where a part's length is open, what all parts have in common all along the axis."""
    after = asked.out_sizes[0]
    kind = next((kind for kind in asked.kinds if kind is not None), None)
    if after is None or kind is None:
        return None
    rank = len(after[0])
    axis = asked.integer("axis", 1) % rank
    parts = [nothing(rank, kind) if array is None else array for array in asked.inputs]
    lengths = [None if sizes is None else fixed(sizes, axis) for sizes in asked.sizes]
    if None not in lengths:
        return _in_a_row(parts, [length or 0 for length in lengths], axis)
    uniform = [collapsed(part, axis) for part in parts]
    row = _in_a_row([nothing(rank, kind) if part is None else part for part in uniform], [1] * len(parts), axis)
    return None if row is None else collapsed(row, axis)


def _in_a_row(parts: list[Array], lengths: list[int], axis: int) -> Array | None:
    across = np.broadcast_shapes(*((*part.shape[:axis], 1, *part.shape[axis + 1 :]) for part in parts))
    full = [(*across[:axis], length, *across[axis + 1 :]) for length in lengths]
    if sum(math.prod(shape) for shape in full) > SMALL:
        return None
    return np.concatenate([np.broadcast_to(part, shape) for part, shape in zip(parts, full, strict=True)], axis)


def split(asked: Asked) -> tuple[Array | None, ...]:
    """Each part of a Split."""
    array, count = asked.array(0), len(asked.node.output)
    if array is None:
        return (None,) * count
    axis = asked.integer("axis", 0) % array.ndim
    if array.shape[axis] == 1:
        return (array,) * count
    lengths = [None if sizes is None else fixed(sizes, axis) for sizes in asked.out_sizes]
    parts: list[Array | None] = []
    start = 0
    for length in lengths:
        if length is None:
            return (*parts, *(collapsed(array, axis),) * (count - len(parts)))
        parts.append(array[(slice(None),) * axis + (slice(start, start + length),)])
        start += length
    return tuple(parts)


def sliced(asked: Asked) -> Array | None:
    """Slice. Along an axis whose bounds are not known, what is known of all of it."""
    array, before = asked.array(0), asked.size(0)
    if array is None or before is None:
        return None
    bounds = slice_bounds(asked)
    if bounds is None:
        return _along_unknown(array, asked)
    found: Array | None = array
    for axis, (start, end, step) in bounds.items():
        if found is None or found.shape[axis] == 1:
            continue
        found = found[(slice(None),) * axis + (slice(start, end, step),)]
    return found


def _along_unknown(array: Array, asked: Asked) -> Array | None:
    named = asked.whole(3)
    axes = range(array.ndim) if named is None else [axis % array.ndim for axis in named]
    found: Array | None = array
    for axis in axes:
        found = None if found is None else collapsed(found, axis)
    return found


def slice_bounds(asked: Asked) -> dict[int, tuple[int, int, int]] | None:
    """(start, end, step) by axis, as Python slices; None where they are not known."""
    sizes = asked.size(0)
    if sizes is None:
        return None
    rank = len(sizes[0])
    attributes = (asked.integers("starts"), asked.integers("ends"), asked.integers("axes"), None)
    inputs = tuple(asked.whole(place) for place in range(1, 5))
    starts, ends, axes, steps = attributes if attributes[0] is not None else inputs
    if starts is None or ends is None or any(asked.has(p) and asked.whole(p) is None for p in (3, 4)):
        return None
    axes = list(range(len(starts))) if axes is None else axes
    steps = [1] * len(starts) if steps is None else steps
    rows = zip(axes, starts, ends, steps, strict=True)
    return {axis % rank: (start, end, step) for axis, start, end, step in rows}


def gathered(asked: Asked) -> Array | None:
    """Gather. Where the indices are not known, what all that can be taken have in common."""
    array, sizes = asked.array(0), asked.size(0)
    index_sizes = asked.size(1)
    if array is None or sizes is None or index_sizes is None:
        return None
    rank, axis = len(index_sizes[0]), asked.integer("axis", 0) % len(sizes[0])
    indices = asked.whole(1)
    across = array.size // array.shape[axis] if array.shape[axis] else 0
    if indices is not None and array.shape[axis] > 1 and len(indices) * across <= SMALL:
        given = np.asarray(asked.array(1)).astype(np.int64)
        return np.take(array, given, axis=axis)
    common = collapsed(array, axis)
    return None if common is None else common.reshape(*common.shape[:axis], *(1,) * rank, *common.shape[axis + 1 :])


def padded(asked: Asked) -> Array | None:
    """Pad. Constant pads change an axis that is not uniform, or not of the number that is put on."""
    array = asked.array(0)
    if array is None or any(asked.has(place) and asked.array(place) is None for place in (2, 3)):
        return None
    pads = pads_of(asked, array.ndim)
    if pads is None:
        return collapsed_but(array) if _fill(asked) is None else None
    found: Array | None = array
    for axis, amounts in pads.items():
        if found is not None and any(amounts):
            found = _padded_along(found, axis, amounts, _fill(asked))
    return found


def _padded_along(array: Array, axis: int, amounts: tuple[int, int], fill: float | None) -> Array | None:
    if fill is None or min(amounts) < 0:  # a copy of what is there, or a cut
        return collapsed(array, axis)
    if array.shape[axis] == 1:
        return masked(array, np.asarray(array != fill))
    widths = [amounts if each == axis else (0, 0) for each in range(array.ndim)]
    return np.pad(array, widths, constant_values=fill)


def _fill(asked: Asked) -> float | None:
    """The number that is put on; None where the edges are repeated instead."""
    if asked.given.get("mode", b"constant") not in (b"constant", "constant"):
        return None
    value = asked.array(2)
    given = asked.given.get("value", 0.0)
    return (
        float(value.reshape(-1)[0].item()) if value is not None else float(given if isinstance(given, float) else 0)
    )


def pads_of(asked: Asked, rank: int) -> dict[int, tuple[int, int]] | None:
    """(before, after) by axis; None where they are not known."""
    pads = asked.integers("pads") or asked.whole(1)
    if pads is None:
        return None
    axes = [axis % rank for axis in asked.whole(3) or range(rank)]
    return {axis: (pads[i], pads[i + len(axes)]) for i, axis in enumerate(axes)}


def resized(asked: Asked) -> Array | None:
    """Resize and Upsample: weights sum to one, so what is uniform along an axis stays so."""
    array, before, after = asked.array(0), asked.size(0), asked.out_sizes[0]
    outside = asked.given.get("coordinate_transformation_mode") in (b"tf_crop_and_resize", "tf_crop_and_resize")
    if array is None or before is None or after is None or outside:
        return None
    found: Array | None = array
    for axis in range(array.ndim):
        if any(a[axis] != b[axis] for a, b in zip(before, after, strict=True)):
            found = None if found is None else collapsed(found, axis)
    return found


def tiled(asked: Asked) -> Array | None:
    """Tile: an axis repeated as a whole."""
    array, before, after = asked.array(0), asked.size(0), asked.out_sizes[0]
    if array is None or before is None or after is None:
        return None
    found: Array | None = array
    for axis in range(array.ndim):
        if found is None or found.shape[axis] == 1:
            continue
        old, new = fixed(before, axis), fixed(after, axis)
        if not old or new is None or not small_enough((found.size // old * new,)):
            found = collapsed(found, axis)
        elif new != old:
            found = np.tile(found, [new // old if each == axis else 1 for each in range(found.ndim)])
    return found


def depth_to_space(asked: Asked) -> Array | None:
    """Known where all channels that are spread over one place are the same."""
    array = asked.array(0)
    array = None if array is None else collapsed_but(array, 1)
    if array is None or array.shape[1] == 1:
        return array
    squares = asked.integer("blocksize", 1) ** 2
    by_column = asked.given.get("mode", b"DCR") in (b"CRD", "CRD")
    grid = array.reshape((-1, squares) if by_column else (squares, -1))
    common = collapsed(grid, 1 if by_column else 0)
    return None if common is None else common.reshape(1, -1, 1, 1)


def space_to_depth(asked: Asked) -> Array | None:
    """Each place of a block gives all channels, one after the other."""
    array = asked.array(0)
    array = None if array is None else collapsed_but(array, 1)
    if array is None or array.shape[1] == 1:
        return array
    return np.tile(array, (1, asked.integer("blocksize", 1) ** 2, 1, 1))
