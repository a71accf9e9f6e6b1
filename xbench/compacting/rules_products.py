"""Operators that sum over an axis: matrix products and convolutions.

An index of that axis may go if what it adds to the sum is always the same. A product with zero is taken for zero:
that holds for finite values, and not for infinities and NaN.
"""

from __future__ import annotations

import numpy as np

from .coupling import Axis, Heed, Read, Weighted
from .rules_elementwise import Operand, Rule, broadcast
from .seeing import Flags
from .step import Step


def note_weight(step: Step, place: int, axis: int, rows: bool) -> None:
    """Tell the coupling of an axis of a constant weight."""
    ids = step.axes(place)[axis]
    if isinstance(ids, np.ndarray) and step.is_settled(place):
        zeroed = step.seen.zeros(step.name(place), axis, ids.size)
        source, stored = _stored_zeros(step, place, axis, ids.size)
        found = Weighted(step.index, source, rows, ids, zeroed, stored & ~zeroed)
        step.coupling.weighted.append(found)


def _stored_zeros(step: Step, place: int, axis: int, size: int) -> tuple[str, Flags]:
    """The stored constant behind a weight, and where all of it is stored as zero."""
    name = step.name(place)
    maker = step.field.producers.get(name)
    if maker is not None and maker.op_type == "DequantizeLinear":
        name = maker.input[0]
    return name, step.seen.zeros(name, axis, size)


def _sum_over(step: Step, data: int, data_axis: int, other: int, other_axis: int, heed: Heed = Heed.NEEDED) -> None:
    """Both operands lose the same indices of the axis that is summed over, if that is no loss.

    `heed` is what can be done where the data is always the same number, and the other operand is a constant.
    """
    left, right = step.axes(data)[data_axis], step.axes(other)[other_axis]
    if not step.coupling.relate(left, right) or not isinstance(left, np.ndarray):
        step.keep(left)
        return
    zero = step.seen.zeros(step.name(data), data_axis, left.size)
    unread = step.seen.zeros(step.name(other), other_axis, left.size)
    heeds, values = np.full(left.size, Heed.NEEDED, np.int8), np.zeros(left.size)
    levels = step.seen.levels(step.name(data), data_axis, left.size)
    same = np.isfinite(levels)
    if heed and same.any() and step.is_settled(other) and step.seen.whole(step.name(other)):
        heeds[same], values[same] = heed, levels[same]
    weight_zero, data_zero = (Heed.ZERO, Heed.UNREAD) if step.is_settled(data) else (Heed.UNREAD, Heed.ZERO)
    heeds[unread] = weight_zero
    heeds[zero] = data_zero
    step.coupling.reads.append(Read(step.index, data, left, heeds, values))


def sum_along(step: Step, place: int, axis: int) -> None:
    """A sum over an axis of one operand, which may lose what is always zero."""
    ids = step.axes(place)[axis]
    if isinstance(ids, np.ndarray):
        zero = step.seen.zeros(step.name(place), axis, ids.size)
        heeds = np.where(zero, Heed.ZERO, Heed.NEEDED).astype(np.int8)
        step.coupling.reads.append(Read(step.index, place, ids, heeds, np.zeros(ids.size)))
    else:
        step.keep(ids)


def matmul(step: Step) -> None:
    """[..., M, K] x [..., K, N], each of which may be a vector."""
    left, right = step.rank(0), step.rank(1)
    heed = Heed.FOLD if right == 2 else Heed.NEEDED
    _sum_over(step, 0, left - 1, 1, max(right - 2, 0), heed)
    rows = step.axes(0)[-2:-1] if left > 1 else ()
    columns = step.axes(1)[-1:] if right > 1 else ()
    matrix = len(rows) + len(columns)
    outer = step.out_sizes()[: len(step.out_sizes()) - matrix]
    batches = [_batch(step, place) for place in (0, 1)]
    step.give((*broadcast(step, batches, outer), *rows, *columns))
    if right > 1:
        note_weight(step, 1, right - 1, rows=True)
    note_weight(step, 1, max(right - 2, 0), rows=False)
    if left > 1:
        note_weight(step, 0, left - 2, rows=True)
    note_weight(step, 0, left - 1, rows=False)


def _batch(step: Step, place: int) -> Operand:
    return step.axes(place)[:-2], step.sizes(place)[:-2]


def gemm(step: Step) -> None:
    """A' x B' + C."""
    over_left, over_right = (0 if step.number("transA", 0) else 1), (1 if step.number("transB", 0) else 0)
    _sum_over(step, 0, over_left, 1, over_right, Heed.FOLD)
    rows, columns = step.axes(0)[1 - over_left], step.axes(1)[1 - over_right]
    operands: list[Operand] = [((rows, columns), step.out_sizes())]
    if step.has(2):
        operands.append((step.axes(2), step.sizes(2)))
    step.give(broadcast(step, operands, step.out_sizes()))
    note_weight(step, 1, 1 - over_right, rows=True)
    note_weight(step, 1, over_right, rows=False)


def conv(step: Step) -> None:
    """[N, C, ...] by [M, C/group, ...] to [N, M, ...]."""
    group = step.number("group", 1)
    _keep_space(step)
    inputs, channels, outputs = step.axes(0)[1], step.axes(1)[1], step.axes(1)[0]
    if group == 1:
        _sum_over(step, 0, 1, 1, 1, _constant_heed(step))
        note_weight(step, 1, 1, rows=False)
    elif isinstance(inputs, np.ndarray) and isinstance(outputs, np.ndarray) and group == inputs.size == outputs.size:
        step.coupling.relate(inputs, outputs)
    else:
        for ids in (inputs, channels, outputs):
            step.keep(ids, f"the convolution {step.whose} has groups")
    if step.has(2):
        step.coupling.relate(outputs, step.axes(2)[0])
    step.give((step.axes(0)[0], outputs, *[None] * (step.rank() - 2)))
    note_weight(step, 1, 0, rows=True)


def _keep_space(step: Step) -> None:
    for ids in (*step.axes(0)[2:], *step.axes(1)[2:]):
        step.keep(ids)


def _constant_heed(step: Step) -> Heed:
    """A constant channel becomes bias where nothing is padded; else another can carry it, in weights of one use."""
    padding = step.given.get("auto_pad", b"NOTSET")
    if padding in (b"NOTSET", b"VALID") and not any(step.numbers("pads") or ()):
        return Heed.FOLD
    own = step.name(1) in step.field.stored and step.field.uses[step.name(1)] == 1
    return Heed.CARRY if own else Heed.NEEDED


def conv_transpose(step: Step) -> None:
    """[N, C, ...] by [C, M/group, ...] to [N, M, ...]. Its border differs, so constants are not folded."""
    _keep_space(step)
    inputs, weights, outputs = step.axes(0)[1], step.axes(1)[0], step.axes(1)[1]
    if step.number("group", 1) == 1:
        _sum_over(step, 0, 1, 1, 0)
        note_weight(step, 1, 0, rows=False)
    else:
        for ids in (inputs, weights, outputs):
            step.keep(ids, f"the convolution {step.whose} has groups")
        outputs = None
    if step.has(2):
        step.coupling.relate(outputs, step.axes(2)[0])
    step.give((step.axes(0)[0], outputs, *[None] * (step.rank() - 2)))
    note_weight(step, 1, 1, rows=True)


def einsum(step: Step) -> None:
    """Products and sums by letters; one that is not in the result is summed over."""
    terms = _terms(step)
    if terms is None:
        step.keep_all(f"the equation of node {step.whose} is not understood")
        return
    inputs, output = terms
    made: dict[str, Axis] = {}
    for letter in sorted(set("".join(inputs))):
        holders = [(place, term.index(letter)) for place, term in enumerate(inputs) if letter in term]
        if letter in output:
            operands = [((step.axes(place)[axis],), (step.sizes(place)[axis],)) for place, axis in holders]
            made[letter] = broadcast(step, operands, (step.out_sizes()[output.index(letter)],))[0]
        elif len(holders) == 1:
            sum_along(step, *holders[0])
        else:
            _sum_over(step, *holders[0], *holders[1])
        for place, axis in holders:
            note_weight(step, place, axis, rows=letter in output)
    step.give([made[letter] for letter in output])


def _terms(step: Step) -> tuple[list[str], str] | None:
    """The letters of the one or two operands, and of the result; None for more of them, `...`, and diagonals."""
    equation = step.given.get("equation", b"")
    text = (equation.decode() if isinstance(equation, bytes) else str(equation)).replace(" ", "")
    left, arrow, output = text.partition("->")
    inputs = left.split(",")
    plain = all(term.isalpha() and len(set(term)) == len(term) for term in (*inputs, output or "a"))
    fits = len(inputs) <= 2 and all(len(term) == step.rank(place) for place, term in enumerate(inputs))
    return (inputs, output) if arrow and plain and fits and set(output) <= set("".join(inputs)) else None


RULES: dict[str, Rule] = {
    "Einsum": einsum,
    "MatMul": matmul,
    "Gemm": gemm,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
}
