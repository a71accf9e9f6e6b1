"""Operators that work along some axes, which stay whole, and on each index of the others by itself."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from .coupling import Axis, Product
from .rules_elementwise import Rule, broadcast
from .rules_products import sum_along
from .step import Step, is_fixed


def _along(step: Step, axes: Collection[int], reason: str) -> list[Axis]:
    """The variables of the first input; those of `axes` are held in place."""
    kept: list[Axis] = []
    for axis, ids in enumerate(step.axes(0)):
        if axis in axes:
            step.keep(ids, reason)
        kept.append(ids)
    return kept


def _give_all(step: Step, axes: Sequence[Axis]) -> None:
    for place in range(len(step.node.output)):
        step.give(axes, place)


def softmax(step: Step) -> None:
    """Along one axis; before opset 13 along all from that one on."""
    old = step.field.opset < 13
    axis = step.axis(step.number("axis", 1 if old else -1))
    whole = range(axis, step.rank()) if old else (axis,)
    _give_all(step, _along(step, whole, f"node {step.whose} normalises over them"))


def normalised_tail(step: Step) -> None:
    """LayerNormalization and RMSNormalization: over the last axes."""
    axis = step.axis(step.number("axis", -1))
    kept = _along(step, range(axis, step.rank()), f"node {step.whose} normalises over them")
    for place in range(1, len(step.node.input)):
        if step.has(place):
            broadcast(step, [(kept, step.sizes(0)), (step.axes(place), step.sizes(place))], step.sizes(0))
    _give_all(step, kept)


def batch_norm(step: Step) -> None:
    """Each channel by its own four numbers."""
    trains = step.number("training_mode", 0) or len([name for name in step.node.output if name]) > 1
    if trains or any(step.rank(place) != 1 for place in range(1, 5)):
        step.keep_all(f"node {step.whose} is not in the mode of inference by channels")
        return
    _by_channel(step, range(1, 5))
    step.give(step.axes(0))


def instance_norm(step: Step) -> None:
    """Each channel by itself, over space."""
    kept = _along(step, range(2, step.rank()), f"node {step.whose} normalises over them")
    _by_channel(step, (1, 2))
    step.give(kept)


def _by_channel(step: Step, places: Collection[int]) -> None:
    channels = step.axes(0)[1]
    for place in places:
        if step.has(place):
            step.coupling.relate(channels, step.axes(place)[0])


def group_norm(step: Step) -> None:
    """Channels are normalised with others of their group, so they stay."""
    kept = _along(step, range(1, step.rank()), f"node {step.whose} normalises over groups of them")
    for place in (1, 2):
        step.keep(step.axes(place)[0])
    step.give(kept)


def pool(step: Step) -> None:
    """Over space. The second output of MaxPool counts through all channels."""
    if len(step.node.output) > 1 and step.node.output[1]:
        step.keep_all(f"node {step.whose} also gives places, counted through all of them")
        return
    kept = _along(step, range(2, step.rank()), f"node {step.whose} slides over them")
    step.give([*kept[:2], *[None] * (step.rank() - 2)])


def reduce(step: Step) -> None:
    """Sums may lose what is always zero; any other result over an axis needs all of it."""
    axes = _reduced_axes(step)
    if axes is None:
        step.keep_all(f"node {step.whose} takes its axes from what is fed")
        return
    kept: list[Axis] = []
    for axis, ids in enumerate(step.axes(0)):
        if axis not in axes:
            kept.append(ids)
            continue
        if step.number("keepdims", 1):
            kept.append(None)
        if step.node.op_type in _SUMS:
            sum_along(step, 0, axis)
        else:
            step.keep(ids, f"node {step.whose} works over all of them")
    step.give(kept)


def _reduced_axes(step: Step) -> set[int] | None:
    """None where they are not in the file."""
    given = step.integers(1) if step.has(1) else step.numbers("axes")
    if step.has(1) and given is None:
        return None
    if not given and step.number("noop_with_empty_axes", 0):
        return set()
    return {step.axis(axis) for axis in given} if given else set(range(step.rank()))


def argument(step: Step) -> None:
    """ArgMax and ArgMin."""
    axis = step.axis(step.number("axis", 0))
    kept = _along(step, (axis,), f"node {step.whose} gives places in it")
    kept[axis : axis + 1] = [None] if step.number("keepdims", 1) else []
    step.give(kept)


def one_axis(default: int) -> Callable[[Step], None]:
    """Along one axis, given by the attribute `axis`: TopK, Hardmax, CumSum by its input."""

    def rule(step: Step) -> None:
        axis = step.axis(step.number("axis", default))
        _give_all(step, _along(step, (axis,), f"node {step.whose} works along them"))

    return rule


def cumulated(step: Step) -> None:
    """CumSum, whose axis is an input."""
    axis = step.integers(1)
    whole = range(step.rank()) if axis is None else (step.axis(axis[0]),)
    _give_all(step, _along(step, whole, f"node {step.whose} works along them"))


def last_two(step: Step) -> None:
    """Trilu."""
    step.give(_along(step, range(step.rank() - 2, step.rank()), f"node {step.whose} works along them"))


def channel_window(step: Step) -> None:
    """LRN: each channel with those beside it."""
    step.give(_along(step, (1,), f"node {step.whose} takes neighbours of them"))


def resized(step: Step) -> None:
    """Resize, Upsample and Tile: an axis that keeps its size is not touched."""
    if step.given.get("coordinate_transformation_mode") == b"tf_crop_and_resize":
        step.keep_all(f"node {step.whose} crops")
        return
    changed = [
        axis for axis, pair in enumerate(zip(step.sizes(0), step.out_sizes(), strict=True)) if len(set(pair)) > 1
    ]
    _give_all(step, _along(step, changed, f"node {step.whose} changes their number"))


def padded(step: Step) -> None:
    """Pad: the axes that get something before or after stay whole."""
    pads = step.integers(1) if step.has(1) else step.numbers("pads")
    axes = [step.axis(axis) for axis in step.integers(3) or ()] if step.has(3) else list(range(step.rank()))
    if pads is None or len(pads) != 2 * len(axes) or (step.has(3) and step.integers(3) is None):
        step.keep_all(f"node {step.whose} takes its padding from what is fed")
        return
    touched = {axis for at, axis in enumerate(axes) if pads[at] or pads[at + len(axes)]}
    _give_all(step, _along(step, touched, f"node {step.whose} pads them"))


def expanded(step: Step) -> None:
    """Expand: what is broadcast to several gets variables of its own."""
    axes: list[Axis] = []
    offset = len(step.out_sizes()) - step.rank()
    for axis, size in enumerate(step.out_sizes()):
        ids = step.axes(0)[axis - offset] if axis >= offset else None
        if isinstance(ids, Product):
            step.keep(ids)
        single = axis < offset or step.sizes(0)[axis - offset] == (1,) * len(size)
        if ids is None and single and is_fixed(size) and size[0] > 1:
            ids = step.coupling.fresh(size[0])
        axes.append(ids)
    step.give(axes)


_SUMS = ("ReduceSum", "ReduceL1", "ReduceL2", "ReduceSumSquare")
RULES: dict[str, Rule] = {
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), softmax),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization", "SimplifiedLayerNormalization"), normalised_tail),
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    **dict.fromkeys(("MaxPool", "AveragePool", "LpPool"), pool),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool"), pool),
    **dict.fromkeys((f"Reduce{kind}" for kind in ("Sum", "Mean", "Max", "Min", "Prod", "L1", "L2")), reduce),
    **dict.fromkeys(("ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"), reduce),
    **dict.fromkeys(("ArgMax", "ArgMin"), argument),
    "TopK": one_axis(-1),
    "LpNormalization": one_axis(-1),
    "CumSum": cumulated,
    "Trilu": last_two,
    "LRN": channel_window,
    **dict.fromkeys(("Resize", "Upsample", "Tile"), resized),
    "Pad": padded,
    "Expand": expanded,
}
