"""Operators that take parts of an axis: Split, Slice, Gather; and Pad, which adds to one."""

from __future__ import annotations

import numpy as np
import onnx

from ..onnxfile.weights import attributes
from .plan import Indices
from .targets import Sizes

_TO_THE_END = np.iinfo(np.int64).max
_Bounds = dict[int, tuple[int, int, int]]


def split(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """The lengths of the parts, where they do not follow from their number."""
    axis = _axis(sizes, node, 0)
    wanted = [
        tuple(sizes.after(name)[sizing][axis] for name in node.output) for sizing in range(sizes.editing.sizings)
    ]
    attribute = next((each for each in node.attribute if each.name == "split"), None)
    if attribute is not None:
        attribute.ints[:] = _same(sizes, index, wanted)
    elif len(node.input) > 1 and node.input[1]:
        sizes.require(index, 1, wanted)
    elif any(row != _equal_parts(sum(row), len(row), sizes.editing.opset) for row in wanted):
        lengths = _same(sizes, index, wanted)
        if sizes.editing.opset < 13:
            node.attribute.append(onnx.helper.make_attribute("split", list(lengths)))
            return
        for place in reversed(range(len(node.attribute))):
            if node.attribute[place].name == "num_outputs":
                del node.attribute[place]
        sizes.put(index, 1, np.asarray(lengths, np.int64))


def _equal_parts(whole: int, count: int, opset: int) -> tuple[int, ...]:
    """What Split makes without lengths; empty where it makes nothing. From opset 18 on the last may be shorter."""
    if whole % count and opset < 18:
        return ()
    length = -(-whole // count)
    return (*(length,) * (count - 1), whole - length * (count - 1))


def _same(sizes: Sizes, index: int, rows: list[tuple[int, ...]]) -> tuple[int, ...]:
    if any(row != rows[0] for row in rows):
        sizes.editing.refuse(index, "lengths that it names are open ones")
    return rows[0]


def _axis(sizes: Sizes, node: onnx.NodeProto, otherwise: int) -> int:
    found = attributes(node).get("axis", otherwise)
    rank = len(sizes.editing.before[node.input[0]][0])
    return (found if isinstance(found, int) else otherwise) % rank


def _kept(sizes: Sizes, name: str, axis: int, sizing: int) -> Indices:
    """What stays of an axis: all of it, where the plan does not name it."""
    kept = sizes.editing.kept(name, axis)
    return np.arange(sizes.editing.before[name][sizing][axis]) if kept is None else kept


def _found_in(sizes: Sizes, index: int, kept: Indices, wanted: Indices) -> list[int]:
    """Where the wanted old places are among those that stay."""
    places = np.searchsorted(kept, wanted)
    if np.any(places >= len(kept)) or np.any(kept[np.minimum(places, len(kept) - 1)] != wanted):
        sizes.editing.refuse(index, "it takes something that does not stay")
    return [int(each) for each in places.tolist()]


def slice_(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """The bounds, where they no longer take what stays of what they took."""
    before, now = (_bounds(sizes, node, before=each) for each in (True, False))
    data, output = node.input[0], node.output[0]
    for axis in range(len(sizes.after(data)[0])):
        if not _is_cut(sizes, data, axis) and not _is_cut(sizes, output, axis) and before == now:
            continue
        if before is None or now is None:
            sizes.editing.refuse(index, "its bounds are computed from data")
        if axis in before[0]:
            _slice_along(sizes, index, axis, before, now)


def _is_cut(sizes: Sizes, name: str, axis: int) -> bool:
    return sizes.editing.kept(name, axis) is not None


def _slice_along(sizes: Sizes, index: int, axis: int, before: list[_Bounds], now: list[_Bounds]) -> None:
    node = sizes.editing.graph.node[index]
    data, output = node.input[0], node.output[0]
    rows = []
    for sizing, bounds in enumerate(before):
        size = sizes.editing.before[data][sizing][axis]
        taken = np.arange(size)[slice(*_python(bounds[axis]))]
        wanted = taken[_kept(sizes, output, axis, sizing)]
        rows.append(_found_in(sizes, index, _kept(sizes, data, axis, sizing), wanted))
    new = [sizes.after(data)[sizing][axis] for sizing in range(len(rows))]
    if all(
        list(range(size))[slice(*_python(bounds[axis]))] == row
        for size, bounds, row in zip(new, now, rows, strict=True)
    ):
        return
    if any(row != rows[0] for row in rows):
        sizes.editing.refuse(index, "it takes a part of an open axis")
    _new_bounds(sizes, index, axis, rows[0], list(now[0]))


def _python(bounds: tuple[int, int, int]) -> tuple[int, int | None, int]:
    """ONNX clamps an end before the first element, where Python would count it from the back."""
    start, end, step = bounds
    return start, (None if step < 0 and end <= -(2**31) + 1 else end), step


def _new_bounds(sizes: Sizes, index: int, axis: int, taken: list[int], axes: list[int]) -> None:
    """Writes new bounds for one axis, or, where no bounds could take that, puts a Gather in the place of the node."""
    node = sizes.editing.graph.node[index]
    steps = set(np.diff(taken).tolist())
    if steps - {1}:
        if len(axes) > 1:
            sizes.editing.refuse(index, "what stays of what it takes has gaps")
        name = sizes.editing.new_constant(f"{node.output[0]}_indices", np.asarray(taken, np.int64))
        node.op_type = "Gather"
        node.input[:] = [node.input[0], name]
        del node.attribute[:]
        node.attribute.append(onnx.helper.make_attribute("axis", axis))
        return
    place = axes.index(axis)
    starts = {each.name: each for each in node.attribute}
    for name, number, value in (("starts", 1, taken[0]), ("ends", 2, taken[-1] + 1)):
        if name in starts:
            starts[name].ints[place] = value
            continue
        rows = _numbers(sizes, index, number)
        sizes.require(index, number, [(*row[:place], value, *row[place + 1 :]) for row in rows])
    if len(node.input) > 4 and node.input[4]:
        rows = _numbers(sizes, index, 4)
        sizes.require(index, 4, [(*row[:place], 1, *row[place + 1 :]) for row in rows])


def _numbers(sizes: Sizes, index: int, place: int) -> list[tuple[int, ...]]:
    rows = sizes.rows(sizes.editing.graph.node[index].input[place])
    if rows is None:
        sizes.editing.refuse(index, "its bounds are computed in a way that is not understood")
    return rows


def _bounds(sizes: Sizes, node: onnx.NodeProto, before: bool) -> list[_Bounds] | None:
    """(start, end, step) by axis at each sizing; None where they are computed from data."""
    rank, count = len(sizes.editing.before[node.input[0]][0]), sizes.editing.sizings
    given = {each.name: [tuple(each.ints)] * count for each in node.attribute}
    named = dict(enumerate(("starts", "ends", "axes", "steps"), 1))
    rows: dict[str, list[tuple[int, ...]]] = dict(given)
    for place, name in named.items():
        if place < len(node.input) and node.input[place]:
            found = sizes.rows(node.input[place], before)
            if found is None:
                return None
            rows[name] = found
    starts = rows["starts"]
    axes = rows.get("axes", [tuple(range(len(starts[0])))] * count)
    steps = rows.get("steps", [(1,) * len(starts[0])] * count)
    tables = zip(axes, starts, rows["ends"], steps, strict=True)
    return [
        {axis % rank: (start, end, step) for axis, start, end, step in zip(*table, strict=True)} for table in tables
    ]


def gather(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """The indices, where what they count lost something, or some of them go."""
    axis = _axis(sizes, node, 0)
    data, output = node.input[0], node.output[0]
    rank = len(sizes.editing.before[node.input[1]][0])
    operand_cut = any(operand == (index, 0) and cut == axis for operand, cut in sizes.editing.plan.constants)
    counted = sizes.editing.kept(data, axis) is not None or operand_cut
    if not counted and not any(_is_cut(sizes, output, axis + each) for each in range(rank)):
        if sizes.is_changed(node.input[1]):
            sizes.pin(index, 1)
        return
    rows, before = sizes.now(node.input[1]), sizes.editing.before[data]
    if any(each is None for each in rows):
        sizes.editing.refuse(index, "its indices are computed from data")
    wanted, cut = [], sizes.editing.cuts((index, 1))
    for sizing, row in enumerate(rows):
        indices = np.asarray(row).astype(np.int64) % before[sizing][axis]
        for each in range(rank):
            if each in cut:
                continue  # the plan has it that these are gone already
            indices = indices.take(_kept(sizes, output, axis + each, sizing), each)
        kept = sizes.editing.cuts((index, 0)).get(axis, _kept(sizes, data, axis, sizing))
        places = _found_in(sizes, index, kept, indices.reshape(-1))
        wanted.append(np.asarray(places, np.int64).reshape(indices.shape))
    if any(not np.array_equal(each, wanted[0]) for each in wanted):
        sizes.editing.refuse(index, "it counts along an open axis")
    sizes.put(index, 1, wanted[0])


def pad(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """How much is put on, where some of that goes."""
    data, output = node.input[0], node.output[0]
    rank = len(sizes.editing.before[data][0])
    attribute = next((each for each in node.attribute if each.name in ("pads", "paddings")), None)
    rows = [tuple(attribute.ints)] if attribute is not None else sizes.rows(node.input[1])
    axes = sizes.rows(node.input[3]) if len(node.input) > 3 and node.input[3] else [tuple(range(rank))]
    if rows is None or axes is None:
        sizes.editing.refuse(index, "what it puts on is computed from data")
    row, places = list(rows[0]), [axis % rank for axis in axes[0]]
    for place, axis in enumerate(places):
        if not _is_cut(sizes, data, axis) and not _is_cut(sizes, output, axis):
            continue
        first, size = row[place], sizes.editing.before[data][0][axis]
        kept = _kept(sizes, output, axis, 0)
        inside = kept[(kept >= first) & (kept < first + size)] - first
        if min(first, row[place + len(places)]) < 0 or not np.array_equal(inside, _kept(sizes, data, axis, 0)):
            sizes.editing.refuse(index, "what stays of it is not what stays of what it is given")
        row[place] = int((kept < first).sum())
        row[place + len(places)] = int((kept >= first + size).sum())
    if row == list(rows[0]):
        return
    if attribute is not None:
        attribute.ints[:] = row
    else:
        sizes.put(index, 1, np.asarray(row, np.int64))
