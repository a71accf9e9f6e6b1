"""What is the same whatever is fed: constants, and what follows from zeroed weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import onnx

from ..errors import InputError
from ..onnxfile.dtypes import numpy_dtype
from ..onnxfile.inference import infer_dtypes
from ..onnxfile.operators import standard_opset
from ..onnxfile.walk import STANDARD_DOMAINS
from ..onnxfile.weights import attributes
from . import known_elementwise as elementwise
from . import known_layout as layout
from . import known_sums as sums
from .constants import Constants
from .evaluating import Array
from .infinite import may_be_infinite
from .partly import Asked, fitted
from .plan import Known, Shapes

Rule = Callable[[Asked], Array | None]
_MICROSOFTS = frozenset({"BiasGelu", "FastGelu", "Gelu", "QuickGelu"})
_RULES: dict[str, Rule] = {
    **dict.fromkeys(elementwise.EACH, elementwise.each),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), layout.reshaped),
    **dict.fromkeys(("QuantizeLinear", "DequantizeLinear"), elementwise.quantized),
    **dict.fromkeys(("LayerNormalization", "RMSNormalization"), elementwise.normalized),
    **dict.fromkeys(("Resize", "Upsample"), layout.resized),
    **dict.fromkeys(("GlobalAveragePool", "GlobalMaxPool"), sums.global_pool),
    **dict.fromkeys(("ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum"), sums.reduced),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceSumSquare"), sums.reduced),
    "AveragePool": sums.average_pool,
    "BatchNormalization": elementwise.batch_norm,
    "Concat": layout.joined,
    "ConstantOfShape": elementwise.filled_with,
    "Conv": sums.conv,
    "ConvTranspose": sums.deconv,
    "DepthToSpace": layout.depth_to_space,
    "Dropout": elementwise.dropout,
    "Expand": layout.expanded,
    "Gather": layout.gathered,
    "Gemm": sums.gemm,
    "Identity": elementwise.same,
    "InstanceNormalization": elementwise.instance_norm,
    "IsNaN": elementwise.is_nan,
    "MatMul": sums.matmul,
    "MaxPool": sums.max_pool,
    "Pad": layout.padded,
    "Shape": elementwise.shape_of,
    "Slice": layout.sliced,
    "SpaceToDepth": layout.space_to_depth,
    "Tile": layout.tiled,
    "Transpose": layout.transposed,
    "Where": elementwise.where,
}
"""By operator of the standard; Split gives several outputs and is done apart. Of any other nothing is known."""


class _Values(Mapping[str, Array]):
    """Constants, read when they are asked for, and what was found of the other values."""

    def __init__(self, constants: Constants) -> None:
        self.constants = constants
        self.found: dict[str, Array] = {}

    def __getitem__(self, name: str) -> Array:
        return self.constants.array(name) if name in self.constants else self.found[name]

    def __contains__(self, name: object) -> bool:
        return name in self.constants or name in self.found

    def __iter__(self) -> Iterator[str]:
        yield from self.constants
        yield from self.found

    def __len__(self) -> int:
        return sum(1 for _ in self)


def known_values(model: onnx.ModelProto, shapes: Shapes) -> Known:
    """What is known of the values of the main graph of a model without local functions, as `Known` has it.

    All finite inputs are allowed for, and it is assumed that nothing becomes infinite or NaN on the way: zero times
    anything is zero. Constants, also those that are computed from others, have their full shape; their arrays are
    made when they are asked for. Integers of which only some are known come as 64-bit floats. Whatever is larger
    than 2^22 elements and no constant is left out, and so is what comes out of operators without a rule.
    """
    walk = _Walk(model, shapes)
    for node in model.graph.node:
        walk.take(node)
    return walk.values


class _Walk:
    """The graph in its order, which is topological."""

    def __init__(self, model: onnx.ModelProto, shapes: Shapes) -> None:
        self.values = _Values(Constants(model))
        self._opsets = tuple(model.opset_import)
        self._shapes = shapes
        self._kinds = _kinds(model)
        self._sum_to_one: set[str] = set()
        self._infinite = may_be_infinite(model, self.values.constants)

    def take(self, node: onnx.NodeProto) -> None:
        """Adds what is known of the outputs of one node."""
        if self._keeps_sums(node):
            self._sum_to_one.update(node.output[:1])
        rule = self._rule(node)
        if rule is None or all(not name or name in self.values.constants for name in node.output):
            return
        asked = self._asked(node)
        for name, sizes, array in zip(node.output, asked.out_sizes, rule(asked), strict=False):
            part = fitted(array, sizes) if name else None
            if part is not None:
                self.values.found[name] = part

    def _rule(self, node: onnx.NodeProto) -> Callable[[Asked], tuple[Array | None, ...]] | None:
        if node.domain in STANDARD_DOMAINS and node.op_type == "Split":
            return layout.split
        rule = _RULES.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
        if node.domain == "com.microsoft" and node.op_type in _MICROSOFTS:
            rule = elementwise.microsofts_zero
        return None if rule is None else lambda asked: (rule(asked),)

    def _asked(self, node: onnx.NodeProto) -> Asked:
        inputs = tuple(self.values.get(name) if name else None for name in node.input)
        kinds = tuple(
            self._kinds.get(name) if array is None or name not in self.values.constants else array.dtype
            for name, array in zip(node.input, inputs, strict=True)
        )
        return Asked(
            node=node,
            given=attributes(node),
            inputs=inputs,
            kinds=kinds,
            sizes=tuple(self._shapes.get(name) for name in node.input),
            out_sizes=tuple(self._shapes.get(name) for name in node.output),
            sums_to_one=tuple(name in self._sum_to_one for name in node.input),
            finite=tuple(name not in self._infinite for name in node.input),
            opsets=self._opsets,
        )

    def _keeps_sums(self, node: onnx.NodeProto) -> bool:
        """Whether the last axis of the node's output is proven to sum to one."""
        if node.domain not in STANDARD_DOMAINS or not node.input:
            return False
        if node.op_type == "Softmax":
            sizes = self._shapes.get(node.input[0])
            axis = attributes(node).get("axis", -1 if standard_opset(self._opsets) >= 13 else 1)
            return sizes is not None and axis in (-1, len(sizes[0]) - 1)
        if node.op_type == "Where" and len(node.input) == 3:
            chosen = self.values.get(node.input[0])
            alike = chosen is not None and chosen.dtype == np.bool_ and bool((chosen == chosen.flat[0]).all())
            return alike and chosen is not None and node.input[1 if chosen.flat[0] else 2] in self._sum_to_one
        handed = node.op_type in ("Identity", "Dropout", "Cast")
        return handed and node.input[0] in self._sum_to_one


def _kinds(model: onnx.ModelProto) -> dict[str, np.dtype[np.generic]]:
    """The dtypes of values, as far as they follow from the inputs'."""
    try:
        names = infer_dtypes(model)
    except InputError:  # Then less is known: what a dtype is needed for is left out.
        return {}
    return {name: numpy_dtype(kind) for name, kind in names.items() if kind not in ("string", "undefined")}
