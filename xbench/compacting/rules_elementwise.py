"""Operators that work on each element by itself, with broadcasting."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .coupling import Axes, Axis, Joint, Size
from .step import Step, fits

Rule = Callable[[Step], None]
Operand = tuple[Sequence[Axis], Sequence[Size]]
"""The variables and the sizes of the axes of one value."""


def broadcast(step: Step, operands: Sequence[Operand], sizes: Sequence[Size]) -> Axes:
    """The variables of axes of these sizes, to which the operands' axes are broadcast from the right."""
    return tuple(_one_axis(step, operands, len(sizes) - axis, size) for axis, size in enumerate(sizes))


def _one_axis(step: Step, operands: Sequence[Operand], from_right: int, size: Size) -> Axis:
    found: Axis = None
    for axes, sizes in operands:
        ids = axes[-from_right] if from_right <= len(sizes) else None
        if ids is None:
            continue
        if not fits(ids, size):
            step.keep(ids)
        elif found is None:
            found = ids
        elif not step.coupling.relate(found, ids):
            return None
    if found is not None and any(_is_bare(each, from_right) for each in operands):
        step.keep(found)
    return found


def _is_bare(operand: Operand, from_right: int) -> bool:
    """Has it several indices along the axis, and no variables for them?"""
    axes, sizes = operand
    return from_right <= len(sizes) and axes[-from_right] is None and max(sizes[-from_right]) > 1


def elementwise(step: Step) -> None:
    """All inputs, broadcast, to all outputs."""
    if "axis" in step.given:  # before opset 7: the second operand lies along axes from that one on
        step.keep_all(f"node {step.whose} broadcasts in the way of opset 6")
        return
    places = [place for place in range(len(step.node.input)) if step.has(place)]
    _spread(step, places)
    if step.node.op_type in ("Add", "Sub", "Sum"):
        _note_joints(step, places)


def unary(step: Step) -> None:
    """The first input to all outputs; the others are numbers for all of it, or a type."""
    _spread(step, [0])


def _spread(step: Step, places: Sequence[int]) -> None:
    operands = [(step.axes(place), step.sizes(place)) for place in places]
    for output in range(len(step.node.output)):
        if step.node.output[output]:
            step.give(broadcast(step, operands, step.out_sizes(output)), output)


def _note_joints(step: Step, places: Sequence[int]) -> None:
    """Where one summand is always the same and another, computed for each index, is not: a reason for later."""
    for axis, ids in enumerate(step.field.values[step.node.output[0]]):
        from_right = len(step.out_sizes()) - axis
        computed = [place for place in places if not step.is_settled(place) and _has_axis(step, place, from_right)]
        if not isinstance(ids, np.ndarray) or len(computed) < 2:
            continue
        same = [_same(step, place, from_right, ids.size) for place in computed]
        for place, steady in zip(computed, same, strict=True):
            others = np.logical_or.reduce([each for each in same if each is not steady])
            if (others & ~steady).any():
                step.coupling.joints.append(
                    Joint(step.index, ids[others & ~steady], step.field.maker(step.name(place)))
                )


def _has_axis(step: Step, place: int, from_right: int) -> bool:
    return from_right <= step.rank(place) and step.axes(place)[-from_right] is not None


def _same(step: Step, place: int, from_right: int, size: int) -> np.typing.NDArray[np.bool_]:
    return ~np.isnan(step.seen.levels(step.name(place), step.rank(place) - from_right, size))


def quantized(step: Step) -> None:
    """QuantizeLinear and DequantizeLinear: one scale for all, or one for each index of an axis."""
    if step.number("block_size", 0):
        step.keep_all(f"node {step.whose} has a scale for each block of them")
        return
    step.give(step.axes(0))
    axis = step.axis(step.number("axis", 1))
    for place in (1, 2):
        if not step.has(place):
            continue
        for ids in step.axes(place):
            data = step.axes(0)[axis] if axis < step.rank() else None
            if ids is not None:
                step.coupling.relate(ids, data)


_ELEMENTWISE = (
    *("Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Sum", "Mean", "Where", "PRelu", "BitShift"),
    *("And", "Or", "Xor", "Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"),
    *("BitwiseAnd", "BitwiseOr", "BitwiseXor"),
)
_UNARY = (
    *("Abs", "Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "BitwiseNot", "Cast", "Ceil", "Celu", "Clip"),
    *("Cos", "Cosh", "Dropout", "Elu", "Erf", "Exp", "Floor", "Gelu", "HardSigmoid", "HardSwish", "Identity"),
    *("IsInf", "IsNaN", "LeakyRelu", "Log", "Mish", "Neg", "Not", "Reciprocal", "Relu", "Round", "Selu"),
    *("Shrink", "Sigmoid", "Sign", "Sin", "Sinh", "Softplus", "Softsign", "Sqrt", "Swish", "Tan", "Tanh"),
    *("CastLike", "ThresholdedRelu"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys(_ELEMENTWISE, elementwise),
    **dict.fromkeys(_UNARY, unary),
    "QuantizeLinear": quantized,
    "DequantizeLinear": quantized,
}
MICROSOFT: dict[str, Rule] = {
    **dict.fromkeys(("BiasGelu", "FastGelu"), elementwise),
    **dict.fromkeys(("Gelu", "QuickGelu"), unary),
}
