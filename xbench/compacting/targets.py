"""Operands of a graph that hold sizes: what they come to, and how they are made to come to something else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import onnx

from .editing import Editing
from .evaluating import Array
from .shape_arithmetic import Arithmetic

Rows = Sequence[tuple[int, ...]]
"""One row of sizes for each sizing."""
_HANDED_ON = frozenset({"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that hand on a row of sizes as it is."""
_NOT_UNDERSTOOD = "the shape that it makes is computed in a way that is not understood"
_FROM_INPUT, _WHAT_IS_LEFT = 0, -1
"""Entries of a Reshape's target with a meaning of their own (ONNX, operator Reshape)."""


class Sizes:
    """What a graph computes from sizes once a plan is carried out, and the changes to it."""

    def __init__(self, editing: Editing) -> None:
        self.editing = editing
        every = range(editing.sizings)
        self._before = [Arithmetic(editing, sizing, after=False) for sizing in every]
        self._after = [Arithmetic(editing, sizing, after=True) for sizing in every]

    def after(self, name: str) -> tuple[tuple[int, ...], ...]:
        """The shape of a value at each sizing, once the plan is carried out."""
        return self.editing.after[name]

    def is_arithmetic(self, node: onnx.NodeProto) -> bool:
        """Whether a node computes with sizes alone."""
        return all(name in self._after[0].from_sizes for name in node.output if name)

    def is_changed(self, name: str) -> bool:
        """Whether a value that is computed from sizes is another afterwards, at the indices that stay."""
        if name not in self._after[0].from_sizes:
            return False
        pairs = zip(self.before(name), self.now(name), strict=True)
        return any(a is None or b is None or not np.array_equal(self._left(name, a), b) for a, b in pairs)

    def _left(self, name: str, array: Array) -> Array:
        for axis in range(array.ndim):
            kept = self.editing.kept(name, axis)
            array = array if kept is None else array.take(kept, axis)
        return array

    def before(self, name: str) -> list[Array | None]:
        """What a value was at each sizing; None where it is more than arithmetic of sizes."""
        return [each.value(name) for each in self._before]

    def now(self, name: str) -> list[Array | None]:
        """What it is afterwards, if nothing is done."""
        return [each.value(name) for each in self._after]

    def rows(self, name: str, before: bool = False) -> list[tuple[int, ...]] | None:
        """The integers of a value at each sizing."""
        found = self.before(name) if before else self.now(name)
        arrays = [each for each in found if each is not None]
        if len(arrays) != len(found):
            return None
        return [tuple(int(each) for each in array.reshape(-1).tolist()) for array in arrays]

    def pin(self, index: int, place: int) -> None:
        """Lets a node take the number that it took before."""
        arrays = [each for each in self.before(self.editing.graph.node[index].input[place]) if each is not None]
        if len(arrays) != self.editing.sizings or any(not np.array_equal(arrays[0], each) for each in arrays):
            self.editing.refuse(index, "it computes with sizes of which some get smaller and some are open")
        self.put(index, place, arrays[0])

    def put(self, index: int, place: int, array: Array) -> None:
        """Lets a node take a constant."""
        node = self.editing.graph.node[index]
        name = node.input[place] if place < len(node.input) and node.input[place] else node.output[0]
        self.editing.take(index, place, self.editing.new_constant(f"{name}_compacted", array))

    def target(self, index: int, place: int, wanted: Rows, flexible: bool) -> None:
        """Makes a shape that a node takes come to `wanted`; `flexible`: 0 and -1 mean what they do to Reshape."""
        node = self.editing.graph.node[index]
        attribute = next((each for each in node.attribute if each.name == "shape"), None)
        if place >= len(node.input) and attribute is not None:  # Reshape before opset 5
            found = [tuple(attribute.ints)] * self.editing.sizings
            kept = self._kept(node, found, wanted, flexible)
            del attribute.ints[:]
            attribute.ints.extend(self._fixed(index, kept))
            return
        rows = self.rows(node.input[place])
        if rows is None:
            self.editing.refuse(index, "the shape that it makes is computed from data")
        self._ask(index, place, rows, self._kept(node, rows, wanted, flexible))

    def require(self, index: int, place: int, wanted: Rows) -> None:
        """Makes an operand come to exactly these numbers."""
        rows = self.rows(self.editing.graph.node[index].input[place])
        self._ask(index, place, rows or [()] * len(wanted), wanted)

    def _kept(self, node: onnx.NodeProto, rows: Rows, wanted: Rows, flexible: bool) -> list[tuple[int, ...]]:
        """`wanted` with the entries of `rows` that come to the same."""
        given = self.after(node.input[0]) if node.op_type in ("Reshape", "Expand") else wanted
        zeros = flexible and not any(each.name == "allowzero" and each.i for each in node.attribute)
        found: list[tuple[int, ...]] = []
        for row, want, data in zip(rows, wanted, given, strict=True):
            cut = len(want) - len(row)  # a target of Expand may be shorter than what comes out
            entries = []
            for place, (entry, size) in enumerate(zip(row, want[cut:], strict=True)):
                own = data[place + len(data) - len(row)] if not flexible else (data[place : place + 1] or (None,))[0]
                left = flexible and entry == _WHAT_IS_LEFT
                from_input = zeros and entry == _FROM_INPUT and own == size
                stretched = not flexible and entry == 1 and own == size
                entries.append(entry if left or from_input or stretched else size)
            found.append(tuple(entries))
        return found

    def _fixed(self, index: int, rows: Rows) -> tuple[int, ...]:
        if any(row != rows[0] for row in rows):
            self.editing.refuse(index, "a size that it names is an open one")
        return rows[0]

    def _ask(self, index: int, place: int, rows: Rows, wanted: Rows) -> None:
        if list(rows) == list(wanted):
            return
        name = self._patched(index, self.editing.graph.node[index].input[place], rows, wanted)
        self.editing.take(index, place, name)

    def _patched(self, index: int, name: str, rows: Rows, wanted: Rows) -> str:
        """A value that comes to `wanted`: a constant, or the same pieces put together with some exchanged."""
        if list(rows) == list(wanted):
            return name
        if all(row == wanted[0] for row in wanted):
            like = next((each for each in self.now(name) if each is not None), np.zeros(0, np.int64))
            shape = like.shape if like.size == len(wanted[0]) else (len(wanted[0]),)
            return self.editing.new_constant(f"{name}_compacted", np.asarray(wanted[0], like.dtype).reshape(shape))
        node = self.editing.producers.get(name)
        if node is not None and node.op_type in _HANDED_ON:
            inputs = [self._patched(index, node.input[0], rows, wanted), *node.input[1:]]
        elif node is not None and node.op_type == "Concat":
            inputs = self._pieces(index, node, wanted)
        elif node is not None and node.op_type == "Mul":
            inputs = self._factors(index, node, wanted)
        else:
            return self._mended(index, name, rows, wanted)
        return self._again(index, node, name, inputs)

    def _mended(self, index: int, name: str, rows: Rows, wanted: Rows) -> str:
        """The same row of sizes, however it is made, with other numbers in some places."""
        wrong = np.any(np.asarray(rows) != np.asarray(wanted), axis=0)
        if any(np.any(np.asarray(row)[wrong] != np.asarray(wanted[0])[wrong]) for row in wanted):
            self.editing.refuse(index, _NOT_UNDERSTOOD)
        like = next((each for each in self.now(name) if each is not None), np.zeros(len(wrong), np.int64))
        numbers_there = np.where(wrong, wanted[0], 0).astype(like.dtype).reshape(like.shape)
        places = self.editing.new_constant(f"{name}_places", wrong.reshape(like.shape))
        numbers = self.editing.new_constant(f"{name}_numbers", numbers_there)
        output = self.editing.fresh(f"{name}_compacted")
        node = onnx.helper.make_node("Where", [places, numbers, name], [output], name=self.editing.fresh(output))
        self.editing.put_ahead(index, node)
        self.editing.after[output] = self.editing.after[name]
        return output

    def _again(self, index: int, node: onnx.NodeProto, name: str, inputs: list[str]) -> str:
        """The same node once more, for this reader alone, with other inputs."""
        made = onnx.NodeProto()
        made.CopyFrom(node)
        output = self.editing.fresh(f"{name}_compacted")
        made.input[:], made.output[:] = inputs, [output]
        made.name = self.editing.fresh(f"{node.name or name}_compacted")
        self.editing.put_ahead(index, made)
        self.editing.after[output] = self.editing.after[name]
        return output

    def _pieces(self, index: int, node: onnx.NodeProto, wanted: Rows) -> list[str]:
        """The inputs of a Concat, each coming to its part."""
        pieces: list[str] = []
        start = 0
        for piece in node.input:
            mine = self.rows(piece)
            if mine is None:
                self.editing.refuse(index, "a part of the shape that it makes is computed from data")
            part = slice(start, start + len(mine[0]))
            pieces.append(self._patched(index, piece, mine, [row[part] for row in wanted]))
            start = part.stop
        return pieces

    def _factors(self, index: int, node: onnx.NodeProto, wanted: Rows) -> list[str]:
        """The inputs of a product of an open size and a constant one, as of the batch and the number of heads."""
        for place, name in enumerate(node.input):
            mine, other = self.rows(name), self.rows(node.input[1 - place])
            if name not in self.editing.constants or mine is None or other is None:
                continue
            shares = [np.divmod(want, row) for want, row in zip(wanted, other, strict=True)]
            rows = [tuple(int(each) for each in share) for share, _ in shares]
            if not any(rest.any() for _, rest in shares) and all(row == rows[0] for row in rows):
                inputs = list(node.input)
                inputs[place] = self._patched(index, name, mine, rows)
                return inputs
        self.editing.refuse(index, _NOT_UNDERSTOOD)
