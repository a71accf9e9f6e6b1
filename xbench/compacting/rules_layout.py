"""Operators that move elements and compute nothing."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from .coupling import Axis, Product, Size
from .plan import Indices
from .rules_elementwise import Rule
from .rules_products import note_weight
from .seeing import Flags, Levels
from .step import Step, is_fixed

Part = tuple[Size, Indices | None]
Segment = tuple[list[int], list[int]]
"""Axes of the input and of the output of a Reshape that hold the same elements."""


def transpose(step: Step) -> None:
    """The axes in another order."""
    order = step.numbers("perm") or list(reversed(range(step.rank())))
    step.give([step.axes(0)[axis] for axis in order])


def reshape(step: Step) -> None:
    """Reshape, Flatten, Squeeze, Unsqueeze: decided by sizes alone, at all sizings at once."""
    parts, after = _parts(step), step.out_sizes()
    segments = segments_of([size for size, _ in parts], after)
    if segments is None:
        step.keep_all(f"node {step.whose} takes axes apart in a way that is not understood")
        return
    axes: list[Axis] = [None] * len(after)
    for inputs, outputs in segments:
        _one_segment(step, [parts[at] for at in inputs], outputs, axes)
    step.give(axes)


def _parts(step: Step) -> list[Part]:
    """The axes of the input; one that was made of several comes as these."""
    found: list[Part] = []
    for axis, size in zip(step.axes(0), step.sizes(0), strict=True):
        found += axis.parts if isinstance(axis, Product) else [(size, axis)]
    return found


def segments_of(before: Sequence[Size], after: Sequence[Size]) -> list[Segment] | None:
    """The shortest runs of axes, from left to right, that hold the same number of elements at each sizing.

    Elements keep their order in a Reshape, so each such run maps to its partner by itself. Axes of one element are
    left out. None where the two do not fit, or an axis is empty.
    """
    left = [axis for axis, size in enumerate(before) if max(size) > 1]
    right = [axis for axis, size in enumerate(after) if max(size) > 1]
    if any(min(size) < 1 for size in (*before, *after)):
        return None
    found: list[Segment] = []
    while left and right:
        inputs, outputs = [left.pop(0)], [right.pop(0)]
        while (one := _count(before, inputs)) != (other := _count(after, outputs)):
            side = (inputs, left) if sum(one) < sum(other) else (outputs, right)
            if not side[1]:
                return None
            side[0].append(side[1].pop(0))
        found.append((inputs, outputs))
    return None if left or right else found


def _count(sizes: Sequence[Size], axes: Sequence[int]) -> Size:
    return tuple(math.prod(each) for each in zip(*(sizes[axis] for axis in axes), strict=True))


def _one_segment(step: Step, inputs: list[Part], outputs: list[int], axes: list[Axis]) -> None:
    """Fill in the variables of the output axes of one run."""
    after = step.out_sizes()
    if len(inputs) == len(outputs) == 1:
        axes[outputs[0]] = inputs[0][1]
    elif all(is_fixed(size) for size in (*(size for size, _ in inputs), *(after[axis] for axis in outputs))):
        _fixed_segment(step, [ids for _, ids in inputs], outputs, axes)
    elif len(outputs) == 1 and _is_inferred(step, outputs[0]):
        axes[outputs[0]] = Product(tuple(inputs))
    else:
        _hold(step, [ids for _, ids in inputs])


def _is_inferred(step: Step, axis: int) -> bool:
    """Is the size of that axis of the output worked out by the operator itself, from what is left of the input?"""
    if step.node.op_type != "Reshape":
        return True
    named = step.numbers("shape")  # before opset 5
    return (named[axis] if named is not None else step.seen.number(step.name(1), axis)) == -1


def _hold(step: Step, axes: Sequence[Axis]) -> None:
    for axis in axes:
        step.keep(axis, f"node {step.whose} mixes them with another axis")


def _fixed_segment(step: Step, inputs: list[Axis], outputs: list[int], axes: list[Axis]) -> None:
    """One fixed axis taken apart, or several made into one."""
    if len(inputs) > 1 < len(outputs):
        _hold(step, inputs)
        return
    made = [step.coupling.fresh(step.out_sizes()[axis][0]) for axis in outputs]
    for axis, ids in zip(outputs, made, strict=True):
        axes[axis] = ids
    known = [ids for ids in inputs if isinstance(ids, np.ndarray)]
    if len(known) < len(inputs):
        raise ValueError("axes of a fixed size have variables")
    if len(known) == 1:
        _split(step, known[0], made, _levels_in(step, known[0]))
    else:
        _split(step, made[0], known, step.seen.levels(step.node.output[0], outputs[0], made[0].size))


def _levels_in(step: Step, ids: Indices) -> Levels:
    """What the input always is along the axis with these variables; NaN where they are only a part of an axis."""
    for axis, each in enumerate(step.axes(0)):
        if each is ids:
            return step.seen.levels(step.name(0), axis, ids.size)
    return np.full(ids.size, np.nan)


def _split(step: Step, whole: Indices, parts: Sequence[Indices], levels: Levels) -> None:
    """One axis is the product of several: those of one of them may go, with all that belong to each; others stay."""
    sizes = [part.size for part in parts]
    free = [at for at, part in enumerate(parts) if not step.coupling.is_held(part)]
    chosen = _dividing_axis(~np.isnan(levels), sizes, free or [0])
    for at, part in enumerate(parts):
        if at == chosen:
            shape = [-1 if other == at else 1 for other in range(len(sizes))]
            step.coupling.relate(np.broadcast_to(part.reshape(shape), sizes).reshape(-1), whole)
            step.coupling.split.append(part)
        else:
            step.keep(part, f"node {step.whose} splits them regularly, so part of each cannot go")


def _dividing_axis(same: Flags, sizes: Sequence[int], free: Sequence[int]) -> int:
    """The part along which most of the whole is always the same number, of those that are not held in place already.

    Where none is: the outermost along which a block is (the values of some heads, of queries, keys and values in one
    axis), or the outermost of all.
    """
    table, parts = same.reshape(tuple(sizes)), range(len(sizes))
    shares = [float(table.all(axis=tuple(axis for axis in parts if axis != at)).mean()) for at in free]
    if any(shares):
        return free[int(np.argmax(shares))]
    blocks = (at for at in free if at < parts[-1] and table.all(axis=tuple(parts[at + 1 :])).any())
    return next(blocks, free[0])


def concat(step: Step) -> None:
    """One after another along one axis; on the others index by index."""
    axis = step.axis(step.number("axis", 0))
    places = range(len(step.node.input))
    along = [ids for place in places if (ids := _piece(step, place, axis)) is not None]
    axes: list[Axis] = []
    for at, size in enumerate(step.out_sizes()):
        if at != axis:
            axes.append(_related(step, [step.axes(place)[at] for place in places]))
        elif is_fixed(size):
            axes.append(np.concatenate(along) if along else None)
        else:
            axes.append(None)
            _hold(step, along)
    step.give(axes)


def _piece(step: Step, place: int, axis: int) -> Indices | None:
    """The variables of one input along the axis of a Concat; a single one has none of its own, and stays."""
    ids, size = step.axes(place)[axis], step.sizes(place)[axis]
    if ids is None and size[0] == 1 and is_fixed(size):
        ids = step.coupling.fresh(1)
        step.keep(ids, f"node {step.whose} would have an input without any")
    if isinstance(ids, Product):
        _hold(step, [ids])
        return None
    return ids


def _related(step: Step, pieces: Sequence[Axis]) -> Axis:
    first, *others = pieces
    return first if all([step.coupling.relate(first, other) for other in others]) else None


def split(step: Step) -> None:
    """The outputs, one after another, are the input."""
    axis = step.axis(step.number("axis", 0))
    start = 0
    for place, name in enumerate(step.node.output):
        axes = list(step.axes(0))
        size = (step.out_sizes(place) if name else ((0,),) * step.rank())[axis]
        ids = axes[axis]
        if isinstance(ids, Product) or (ids is not None and (not name or not is_fixed(size))):
            step.keep_all(f"node {step.whose} has pieces whose sizes are not known")
            return
        axes[axis] = None if ids is None else _part(step, ids[start : start + size[0]])
        start += size[0]
        step.give(axes, place)


def _part(step: Step, ids: Indices) -> Axis:
    """A part of an axis; a single index has no variable of its own, so it stays."""
    if ids.size > 1:
        return ids
    step.keep(ids, f"node {step.whose} would have an output without any")
    return None


def sliced(step: Step) -> None:
    """A run of indices of some axes. With a step, or bounds that are fed, these axes stay whole."""
    bounds = _bounds(step)
    axes = list(step.axes(0))
    for axis, ids in enumerate(axes):
        if ids is None or (bounds is not None and axis not in bounds):
            continue
        if isinstance(ids, Product):
            _hold(step, [ids])
            continue
        start, end, stride = bounds[axis] if bounds else (None, None, None)
        size = step.out_sizes()[axis]
        if start is None or end is None or stride != 1 or not is_fixed(size):
            if size != (ids.size,) * len(size) or stride != 1:
                step.keep(ids, f"node {step.whose} takes a part of them")
                axes[axis] = None
        else:
            axes[axis] = _part(step, ids[slice(start, end)])
    step.give(axes)


def _bounds(step: Step) -> dict[int, tuple[int | None, int | None, int | None]] | None:
    """(start, end, stride) of each axis that is cut; None where the axes are not in the file."""
    if not step.has(1):
        starts, ends = step.numbers("starts") or [], step.numbers("ends") or []
        named, strides = step.numbers("axes"), None
    else:
        known = [step.integers(place) for place in (1, 2, 3, 4)]
        starts, ends, named, strides = (known[0] or [], known[1] or [], known[2], known[3])
    if step.has(3) and named is None:
        return None
    count = max(len(starts), len(ends), _length(step, 1))
    places = [step.axis(axis) for axis in (named if named is not None else range(count))]
    return {
        axis: (_at(starts, at), _at(ends, at), _at(strides, at) if strides is not None else _stride(step))
        for at, axis in enumerate(places)
    }


def _length(step: Step, place: int) -> int:
    return step.sizes(place)[0][0] if step.has(place) and step.sizes(place) else 0


def _stride(step: Step) -> int | None:
    return None if step.has(4) else 1


def _at(numbers: Sequence[int], at: int) -> int | None:
    return numbers[at] if at < len(numbers) else None


def gather(step: Step) -> None:
    """Constant indices choose from an axis; indices that are fed may ask for any of it.

    Constant indices have no variables themselves: they are counted anew where something goes.
    """
    axis = step.axis(step.number("axis", 0))
    data = step.axes(0)
    ids, fed = data[axis], not step.is_settled(1)
    chosen = step.axes(1) if fed else step.field.fresh(step.name(1))
    numbers = None if fed or step.rank(1) > 1 else step.integers(1)
    if numbers is None or isinstance(ids, Product):
        step.keep(ids, f"node {step.whose} looks up any of them")
    elif ids is not None:
        picked = _part(step, ids[np.asarray(numbers, np.int64)])
        chosen = (picked,) if chosen else ()
    if fed:
        for at in (at for at in range(len(data)) if at != axis):
            note_weight(step, 0, at, rows=True)
    step.give((*data[:axis], *chosen, *data[axis + 1 :]))


def measured(step: Step) -> None:
    """Shape and Size: what is computed from them stays what it was (see `Plan`), so fixed axes may get narrower."""
    for axis in step.axes(0):
        if isinstance(axis, Product):
            step.keep(axis, f"node {step.whose} reads how many they are")
    step.give([None] * len(step.out_sizes()))


RULES: dict[str, Rule] = {
    "Transpose": transpose,
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), reshape),
    "Concat": concat,
    "Split": split,
    "Slice": sliced,
    "Gather": gather,
    **dict.fromkeys(("Shape", "Size"), measured),
}
