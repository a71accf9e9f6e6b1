"""What a graph computes from sizes, as they were and as they will be."""

from __future__ import annotations

import math

import numpy as np
import onnx

from ..onnxfile.walk import STANDARD_DOMAINS
from ..onnxfile.weights import attributes
from .editing import Editing
from .evaluating import Array, evaluated
from .plan import Shapes

_FOLLOWED = frozenset(
    {
        *(
            "Abs",
            "Add",
            "And",
            "Cast",
            "Ceil",
            "Concat",
            "ConstantOfShape",
            "Div",
            "Equal",
            "Expand",
            "Floor",
            "Gather",
        ),
        *("Greater", "GreaterOrEqual", "Identity", "Less", "LessOrEqual", "Max", "Min", "Mod", "Mul", "Neg", "Not"),
        *(
            "Or",
            "Pow",
            "Range",
            "Reciprocal",
            "ReduceProd",
            "Reshape",
            "Slice",
            "Sqrt",
            "Squeeze",
            "Sub",
            "Transpose",
        ),
        *("Unsqueeze", "Where"),
    }
)
_LARGEST = 4096
"""Elements: what is larger is data, and no size."""


class Arithmetic:
    """The values that depend on nothing but sizes and constants, at one sizing, before or after."""

    def __init__(self, editing: Editing, sizing: int, after: bool) -> None:
        self._editing, self._sizing = editing, sizing
        self._shapes: Shapes = editing.after if after else editing.before
        self._found: dict[str, Array | None] = {}
        self.from_sizes: set[str] = set()
        """The values that a Shape or a Size went into."""
        for node in editing.graph.node:
            self._follow(node)

    def value(self, name: str) -> Array | None:
        """The value; None where it is more than arithmetic of sizes."""
        if name in self._found:
            return self._found[name]
        if name in self._editing.numbers:
            return self._editing.numbers[name]
        constants = self._editing.constants
        if name not in constants or math.prod(self._editing.before.get(name, ((_LARGEST + 1,),))[0]) > _LARGEST:
            return None
        self._found[name] = constants.array(name)
        return self._found[name]

    def _follow(self, node: onnx.NodeProto) -> None:
        if node.domain not in STANDARD_DOMAINS or not node.input:
            return
        if node.op_type in ("Shape", "Size"):
            self._measure(node)
        elif node.op_type in _FOLLOWED and any(name in self.from_sizes for name in node.input):
            sizes = self._editing.before.get(node.output[0])
            inputs = [self.value(name) if name else None for name in node.input]
            complete = all(array is not None for name, array in zip(node.input, inputs, strict=True) if name)
            if sizes is None or math.prod(sizes[self._sizing]) > _LARGEST or not complete:
                return
            found = evaluated(node, inputs, tuple(self._editing.model.opset_import))
            # Where a shape is not the planned one yet, it is told otherwise, and what is made of it is data.
            if found is not None and found[0].shape == self._shapes[node.output[0]][self._sizing]:
                self.from_sizes.add(node.output[0])
                self._found[node.output[0]] = found[0]

    def _measure(self, node: onnx.NodeProto) -> None:
        sizes = self._shapes.get(node.input[0])
        if sizes is None:
            return
        shape = sizes[self._sizing]
        given = attributes(node)
        start, end = given.get("start", 0), given.get("end", len(shape))
        if node.op_type == "Size":
            found = np.asarray(math.prod(shape), np.int64)
        elif isinstance(start, int) and isinstance(end, int):
            found = np.asarray(shape[slice(start, end)], np.int64)
        else:
            return
        self.from_sizes.add(node.output[0])
        self._found[node.output[0]] = found
