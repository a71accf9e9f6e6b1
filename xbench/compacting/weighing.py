"""The weights of a plan: cut to what stays, with the weights and biases that others hand over."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import onnx

from ..onnxfile.weights import attributes
from .editing import Editing
from .evaluating import Array
from .plan import Carry, Fold, Indices, Operand

Wide = npt.NDArray[np.float64]


def weighed(editing: Editing) -> None:
    """Cuts the constants, folds and carries. Raises InvalidError where a node cannot take a fold or a carry."""
    added = _folded(editing)
    carried: dict[Operand, list[Carry]] = {}
    for carry in editing.plan.carries:
        node = editing.graph.node[carry.node]
        carried.setdefault((carry.node, weight_place(node, carry.place)), []).append(carry)
    operands = sorted({operand for operand, _ in editing.plan.constants} | set(added) | set(carried))
    by_name: dict[str, list[Operand]] = {}
    for operand in operands:
        name = editing.stored(operand)
        if not name:
            editing.refuse(operand[0], f"its input {operand[1]} is no constant of the file")
        by_name.setdefault(name, []).append(operand)
    for name, mine in by_name.items():
        _settle(editing, name, {each: (added.get(each, []), carried.get(each, [])) for each in mine})


_Changes = tuple[list[Wide], list[Carry]]


def _settle(editing: Editing, name: str, changes: dict[Operand, _Changes]) -> None:
    """Gives each node the constant as it now wants it: one for all that want the same."""
    whole = editing.constants.array(name)
    others = any(reader not in changes for reader in editing.readers[name]) or _is_read_elsewhere(editing, name)
    made: dict[tuple[object, ...], str] = {}
    for operand, (added, carries) in changes.items():
        cuts = editing.cuts(operand)
        key = _key(cuts, added, carries, operand)
        if key not in made:
            array = _changed(editing, operand, whole, cuts, added, carries)
            alone = not made and not others and editing.is_initializer(name)
            made[key] = name if alone else editing.fresh(f"{name}_compacted")
            editing.set_constant(made[key], array)
            editing.before[made[key]] = editing.before[name]
        editing.take(*operand, made[key])


def _is_read_elsewhere(editing: Editing, name: str) -> bool:
    return name in editing.read_below or name in {value.name for value in editing.graph.output}


def _key(cuts: dict[int, Indices], added: list[Wide], carries: list[Carry], operand: Operand) -> tuple[object, ...]:
    """Equal for nodes that want the same."""
    rows = tuple((axis, kept.tobytes()) for axis, kept in sorted(cuts.items()))
    sums = tuple((each.shape, each.tobytes()) for each in added)
    return (rows, sums, operand if carries else None)


def _changed(
    editing: Editing,
    operand: Operand,
    whole: Array,
    cuts: dict[int, Indices],
    added: list[Wide],
    carries: list[Carry],
) -> Array:
    array = whole
    for carry in carries:
        array = _carried(editing, carry, array)
    for axis, kept in sorted(cuts.items()):
        array = array.take(kept, axis)
    if added:
        array = np.asarray(sum(added, array.astype(np.float64))).astype(whole.dtype)
    return array


def weight_place(node: onnx.NodeProto, place: int) -> int:
    """The input that holds the weights, for data at another."""
    return 1 - place if node.op_type in ("MatMul", "Gemm") else 1


def _summed_axis(node: onnx.NodeProto, place: int, rank: int) -> int:
    """The axis of the weights that is summed over, for data at `place`: not for a convolution in groups."""
    if node.op_type == "Gemm":
        flag = attributes(node).get("transB" if place == 0 else "transA", 0)
        return int(bool(flag) == (place == 0))
    if node.op_type == "MatMul":
        return max(rank - 2, 0) if place == 0 else rank - 1
    return 1 if node.op_type == "Conv" else 0


def _carried(editing: Editing, carry: Carry, weight: Array) -> Array:
    """The weights after the carrier took over those of others, each times its factor."""
    node = editing.graph.node[carry.node]
    total = weight.astype(np.float64)
    factors = np.broadcast_to(np.asarray(carry.factors, np.float64), carry.gone.shape)
    for index, factor in zip(carry.gone, factors, strict=True):
        target, source = _column(editing, carry, int(carry.carrier)), _column(editing, carry, int(index))
        if node.op_type == "Conv" and target[0] != source[0]:
            editing.refuse(carry.node, "one group of channels cannot carry the constants of another")
        total[target] += factor * total[source]
    return np.asarray(total.astype(weight.dtype))


def _column(editing: Editing, carry: Carry, index: int) -> tuple[slice | int, ...]:
    """Where the weights of one input are."""
    node = editing.graph.node[carry.node]
    weight = editing.before[node.input[weight_place(node, carry.place)]][0]
    if node.op_type == "Conv":
        group, local = divmod(index, weight[1])
        rows = weight[0] // _groups(node)
        return (slice(group * rows, (group + 1) * rows), local)
    return (*(slice(None),) * _summed_axis(node, carry.place, len(weight)), index)


def _groups(node: onnx.NodeProto) -> int:
    found = attributes(node).get("group", 1)
    return found if isinstance(found, int) else 1


def _folded(editing: Editing) -> dict[Operand, list[Wide]]:
    """What is to be added to which constant. Where there is none to add to, one is put in here."""
    added: dict[Operand, list[Wide]] = {}
    for index, total in _totals(editing):
        operand = _bias(editing, index)
        if operand is None:
            _new_bias(editing, index, total)
        else:
            scale = _beta(editing.graph.node[index])
            added.setdefault(operand, []).append(total / scale)
    return added


def _totals(editing: Editing) -> Iterator[tuple[int, Wide]]:
    """(node, what its lost inputs gave, of what stays of its outputs). Zeros give nothing."""
    totals: dict[int, Wide] = {}
    for fold in editing.plan.folds:
        if np.any(fold.values):
            total = _cut(editing, fold, _given(editing, fold))
            totals[fold.node] = totals[fold.node] + total if fold.node in totals else total
    yield from totals.items()


def _given(editing: Editing, fold: Fold) -> Wide:
    """The weights of what goes times its values, summed: for each output."""
    node = editing.graph.node[fold.node]
    place = weight_place(node, fold.place)
    name = node.input[place] if place < len(node.input) else ""
    if node.op_type not in ("Conv", "ConvTranspose", "MatMul", "Gemm") or name not in editing.constants:
        editing.refuse(fold.node, "it has no constant weights that could be folded into a bias")
    weight = editing.constants.array(name)
    values: Wide = np.broadcast_to(np.asarray(fold.values, np.float64), fold.gone.shape)
    if node.op_type in ("Conv", "ConvTranspose"):
        return _given_by_conv(editing, fold, weight, values)
    axis = _summed_axis(node, fold.place, weight.ndim)
    rows = np.moveaxis(weight.take(fold.gone, axis), axis, -1).astype(np.float64)
    total = rows @ values  # the summed axis is gone now
    if node.op_type == "Gemm":
        total = total * _number(node, "alpha")
    if weight.ndim == 1:
        return np.asarray(total, np.float64)
    column, batched = fold.place == 1, weight.ndim > 2
    return np.asarray(total[..., None] if column else total[..., None, :] if batched else total, np.float64)


def _given_by_conv(editing: Editing, fold: Fold, weight: Array, values: Wide) -> Wide:
    node = editing.graph.node[fold.node]
    if node.op_type == "ConvTranspose":
        editing.refuse(fold.node, "a transposed convolution gives a constant another sum at its borders")
    groups = _groups(node)
    rows, total = weight.shape[0] // groups, np.zeros(weight.shape[0])
    for index, value in zip(fold.gone.tolist(), values.tolist(), strict=True):
        group, local = divmod(index, weight.shape[1])
        mine = slice(group * rows, (group + 1) * rows)
        taps = weight[mine, local].astype(np.float64).reshape(rows, -1)
        total[mine] += value * taps.sum(axis=1)
    return total


def _cut(editing: Editing, fold: Fold, total: Wide) -> Wide:
    """What stays of the outputs: the axes of the sum are the last ones of the output, or the channels."""
    node = editing.graph.node[fold.node]
    name = node.output[0]
    rank = len(editing.before[name][0])
    first = 1 if node.op_type == "Conv" else rank - total.ndim
    for axis in range(total.ndim):
        kept = editing.kept(name, first + axis)
        if kept is not None and total.shape[axis] != 1:
            total = total.take(kept, axis)
    return total


def _bias(editing: Editing, index: int) -> Operand | None:
    """The constant that a node adds to its sums, or that the only reader of its output adds."""
    node = editing.graph.node[index]
    if node.op_type in ("Conv", "Gemm"):
        return (index, 2) if editing.stored((index, 2)) and _beta(node) else None
    readers = editing.readers.get(node.output[0], [])
    if len(readers) != 1 or _is_read_elsewhere(editing, node.output[0]):
        return None
    reader, place = readers[0]
    added = (reader, 1 - place)
    return added if editing.graph.node[reader].op_type == "Add" and editing.stored(added) else None


def _beta(node: onnx.NodeProto) -> float:
    return _number(node, "beta") if node.op_type == "Gemm" else 1.0


def _number(node: onnx.NodeProto, name: str) -> float:
    found = attributes(node).get(name, 1.0)
    return found if isinstance(found, float) else 1.0


def _new_bias(editing: Editing, index: int, total: Wide) -> None:
    """A bias for a node that has none that could be changed: its own where it can have one, or an Add behind it."""
    node = editing.graph.node[index]
    kind = editing.constants.array(node.input[_any_weight(editing, node)]).dtype
    given = node.input[2] if len(node.input) > 2 else ""
    if node.op_type in ("Conv", "Gemm") and _beta(node) and (not given or given in editing.constants):
        whole = total / _beta(node) + (_left(editing, given) if given else 0)
        editing.take(index, 2, editing.new_constant(f"{node.output[0]}_bias", whole.astype(kind)))
        return
    rank = len(editing.before[node.output[0]][0])
    shaped = total.reshape((-1,) + (1,) * (rank - 2)) if node.op_type == "Conv" else total
    name = editing.new_constant(f"{node.output[0]}_bias", shaped.astype(kind))
    output, inner = node.output[0], editing.fresh(f"{node.output[0]}_unbiased")
    editing.after[inner] = editing.after[output]
    node.output[0] = inner
    added = onnx.helper.make_node(
        "Add", [inner, name], [output], name=editing.fresh(f"{node.name or output}_bias_add")
    )
    editing.put_behind(index, added)


def _left(editing: Editing, name: str) -> Wide:
    """What stays of a computed constant, such as a bias that is stored in integers."""
    array = editing.constants.array(name).astype(np.float64)
    for axis in range(array.ndim):
        kept = editing.kept(name, axis)
        array = array if kept is None else array.take(kept, axis)
    return array


def _any_weight(editing: Editing, node: onnx.NodeProto) -> int:
    return next(place for place in (1, 0) if node.input[place] in editing.constants)
