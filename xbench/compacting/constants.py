"""The constants of the main graph, computed ones too, read when somebody asks and not kept."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterator

import onnx

from ..onnxfile.constants import Constant, scopes
from ..onnxfile.walk import STANDARD_DOMAINS, subgraphs
from .evaluating import Array, evaluated

SMALL = 2**22
"""Elements. What is larger and no weight of the file is not worked out: 16 MiB of 32-bit floats."""
_KEPT = (4, 2**28)
"""So many arrays, or bytes, stay at hand: the analysis asks for one constant several times in a row."""
_DRAWN = frozenset({"Bernoulli", "Multinomial", "RandomNormalLike", "RandomUniformLike", "Dropout"})
_READ_BY_IR = 4
"""From this version of the IR on, an initializer that is an input too is a default, and can be fed."""


class Constants:
    """Values that are the same whatever is fed: initializers, Constant nodes, and what only depends on these.

    A weight behind DequantizeLinear, Transpose, Cast or a product with a mask is a constant too, as it reaches the
    node. Nothing is in memory twice for longer than it is looked at.
    """

    def __init__(self, model: onnx.ModelProto) -> None:
        self._opsets = tuple(model.opset_import)
        self._stored: dict[str, Constant] = dict(next(scopes(model)).own)
        if model.ir_version >= _READ_BY_IR:
            for value in model.graph.input:
                self._stored.pop(value.name, None)
        self._made: dict[str, onnx.NodeProto] = {}
        self._sizes: dict[str, int] = {name: _size(constant) for name, constant in self._stored.items()}
        self._recent: OrderedDict[str, Array] = OrderedDict()
        for node in model.graph.node:
            self._take(node)

    def __contains__(self, name: object) -> bool:
        return name in self._stored or name in self._made

    def __iter__(self) -> Iterator[str]:
        yield from self._stored
        yield from self._made

    def is_stored(self, name: str) -> bool:
        """Whether it is an initializer or the output of a Constant node."""
        return name in self._stored

    def array(self, name: str) -> Array:
        """The values of a constant. Raises InputError where they do not fit its shape."""
        if name in self._recent:
            self._recent.move_to_end(name)
            return self._recent[name]
        array = self._stored[name].array() if name in self._stored else self._computed(name)
        self._recent[name] = array
        count, most = _KEPT
        while len(self._recent) > count or sum(each.nbytes for each in self._recent.values()) > most:
            self._recent.popitem(last=False)
        return array

    def _computed(self, name: str) -> Array:
        node = self._made[name]
        found = self._outputs(node)
        if found is None:
            raise ValueError(f"constant {name!r} could be computed once and cannot any more")
        return found[[output for output in node.output if output].index(name)]

    def _outputs(self, node: onnx.NodeProto) -> tuple[Array, ...] | None:
        return evaluated(node, [self.array(name) if name else None for name in node.input], self._opsets)

    def _take(self, node: onnx.NodeProto) -> None:
        """Counts the node's outputs among the constants where all its inputs are, and they can be computed."""
        if not self._is_fixed(node):
            return
        most = max(SMALL, sum(self._sizes[name] for name in node.input if name))
        if node.op_type in ("Expand", "Tile", "ConstantOfShape", "Range") and not self._is_modest(node):
            return
        found = self._outputs(node)
        if found is None or sum(array.size for array in found) > most:
            return
        for name, array in zip((output for output in node.output if output), found, strict=True):
            self._made[name], self._sizes[name] = node, array.size

    def _is_fixed(self, node: onnx.NodeProto) -> bool:
        standard = node.domain in STANDARD_DOMAINS and node.op_type not in _DRAWN
        known = bool(node.input) and all(name in self for name in node.input if name)
        return standard and known and next(subgraphs(node), None) is None

    def _is_modest(self, node: onnx.NodeProto) -> bool:
        """Whether what the node makes from a few numbers is small: found out before it is made."""
        numbers = [self.array(name) for name in node.input if name]
        if node.op_type == "Range":
            start, limit, step = (float(each.reshape(-1)[0].item()) for each in numbers)
            return abs(limit - start) <= SMALL * abs(step)
        grows = math.prod(max(int(each), 1) for each in numbers[-1].reshape(-1).tolist())
        data = numbers[0].size if node.op_type in ("Expand", "Tile") else 1
        return grows * data <= SMALL


def _size(constant: Constant) -> int:
    return math.prod(constant.tensor.dims) if constant.tensor is not None else constant.array().size
