"""What the graph does with an input: the only honest source for sizes and values that it leaves open."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import onnx

from .constants import Scope, scopes
from .inlining import inlined, without_weights
from .walk import label, shown
from .weights import attributes

# Operators that hand on the values of these inputs, in another shape or type at most.
_HAND_ON = {
    "Cast": (0,),
    "Clip": (0,),
    "Concat": tuple(range(64)),
    "Expand": (0,),
    "Flatten": (0,),
    "Identity": (0,),
    "Reshape": (0,),
    "Slice": (0,),
    "Squeeze": (0,),
    "Transpose": (0,),
    "Unsqueeze": (0,),
    "Where": (1, 2),
}
_ARITHMETIC = ("Add", "Sub", "Mul", "Div", "Gather", "Max", "Min", "Floor", "Ceil")
"""What a size may go through besides, on its way to become a shape."""
_ANY = tuple(range(8))
# Inputs that are a shape, a size, a count or an axis.
_SIZES = {
    "AffineGrid": (1,),
    "CenterCropPad": (1,),
    "ConstantOfShape": (0,),
    "CumSum": (1,),
    "Expand": (1,),
    "Loop": (0,),
    "NonMaxSuppression": (2,),
    "OneHot": (1,),
    "Pad": (1,),
    "Range": _ANY,
    "Reshape": (1,),
    "Resize": (2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
    "Upsample": (1,),
}


class Use(NamedTuple):
    """A node that takes the value, at which of its inputs, and what it can see."""

    node: onnx.NodeProto
    place: int
    scope: Scope


class Consumers:
    """Who takes which value, in the whole model."""

    def __init__(self, model: onnx.ModelProto) -> None:
        # Functions are put in place on a copy without weights: with them it may be too large for one message.
        whole = inlined(without_weights(model)) if model.functions else model
        self._uses: dict[str, list[Use]] = {}
        for scope in scopes(whole):
            for node in scope.graph.node:
                for place, name in enumerate(node.input):
                    self._uses.setdefault(name, []).append(Use(node, place, scope))

    def of(self, name: str, arithmetic: bool = False) -> Iterator[Use]:
        """Everybody that takes the value, or what is only a cast, a reshape and the like of it."""
        waiting, seen = [name], {name}
        while waiting:
            for use in self._uses.get(waiting.pop(), ()):
                yield use
                node = use.node
                handed = use.place in _HAND_ON.get(node.op_type, ()) or (arithmetic and node.op_type in _ARITHMETIC)
                if handed and node.output and node.output[0] not in seen:
                    seen.add(node.output[0])
                    waiting.append(node.output[0])

    def index_limit(self, name: str) -> int | None:
        """The smallest table that the value is an index into; None where there is none."""
        limits = [limit for use in self.of(name) if (limit := _table_size(use)) is not None]
        return min(limits, default=None)

    def size_use(self, name: str, rank: int) -> str | None:
        """The node that takes the value as a shape or a size, in words; None where there is none."""
        for use in self.of(name, arithmetic=rank <= 1):
            if use.place in _SIZES.get(use.node.op_type, ()):
                node = f"node {shown(label(use.node))} ({use.node.op_type})"
                return f"{node} takes it as a shape, a size or an axis"
        return None

    def demanded(self, name: str) -> dict[int, int]:
        """Axis (from the end, where negative) and the size that a weight forces on it."""
        demands: dict[int, int] = {}
        waiting = [name]
        while waiting:
            for use in self._uses.get(waiting.pop(), ()):
                if use.place == 0 and (demand := _demand(use)):
                    demands.setdefault(*demand)
                if use.place == 0 and use.node.op_type in ("Cast", "Identity") and len(waiting) < 8:
                    waiting += [output for output in use.node.output if output != name]
        return demands


def _constant_shape(scope: Scope, name: str, steps: int = 0) -> tuple[int, ...] | None:
    """The shape of a constant, seen through what `constants.folded` looks through."""
    if constant := scope.constant(name):
        return constant.array().shape if constant.tensor is None else tuple(constant.tensor.dims)
    node = scope.producer(name)
    if node is None or steps > 20 or node.op_type not in ("Identity", "Cast", "DequantizeLinear", "Transpose"):
        return None
    shape = _constant_shape(scope, node.input[0], steps + 1) if node.input else None
    if shape is None or node.op_type != "Transpose":
        return shape
    order = next((list(each.ints) for each in node.attribute if each.name == "perm"), None)
    order = list(reversed(range(len(shape)))) if order is None else order
    return tuple(shape[axis] for axis in order) if sorted(order) == list(range(len(shape))) else None


def _at(use: Use, place: int) -> tuple[int, ...]:
    """The shape of the constant at another input of the same node; () where it is no constant."""
    inputs = use.node.input
    return (_constant_shape(use.scope, inputs[place]) or ()) if place < len(inputs) and inputs[place] else ()


def _table_size(use: Use) -> int | None:
    if use.node.op_type == "Gather" and use.place == 1:
        table, axis = _at(use, 0), attributes(use.node).get("axis", 0)
        fits = isinstance(axis, int) and -len(table) <= axis < len(table)
        return table[axis] if isinstance(axis, int) and fits else None
    if use.node.op_type == "GatherBlockQuantized" and use.place == 1:
        return next(iter(_at(use, 0)), None)
    if use.node.op_type == "EmbedLayerNormalization" and use.place in (0, 1):
        return next(iter(_at(use, 2 if use.place == 0 else 4)), None)
    return None


def _demand(use: Use) -> tuple[int, int] | None:
    """The axis of the value and its size, as this node's weight wants it."""
    given, weight = attributes(use.node), _at(use, 1)
    op_type = use.node.op_type
    if op_type == "Conv" and len(weight) > 2:
        group = given.get("group", 1)
        return 1, weight[1] * (group if isinstance(group, int) else 1)
    if op_type in ("ConvTranspose", "BatchNormalization") and weight:
        return 1, weight[0]
    if op_type == "MatMul" and len(weight) > 1:
        return -1, weight[-2]
    if op_type == "Gemm" and len(weight) == 2 and not given.get("transA"):
        return -1, weight[1 if given.get("transB") else 0]
    return (-1, weight[-1]) if op_type in ("LSTM", "GRU", "RNN") and weight else None
