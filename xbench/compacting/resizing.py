"""Sizes that are written into a graph: targets of Reshape, lengths of Split, bounds of Slice, groups, and so on."""

from __future__ import annotations

import math
from collections.abc import Callable

import onnx

from ..onnxfile.walk import STANDARD_DOMAINS, shown
from ..onnxfile.weights import attributes
from .editing import Editing
from .known_elementwise import EACH
from .resizing_parts import gather, pad, slice_, split
from .targets import Sizes

_MICROSOFTS = frozenset(
    {"BiasGelu", "FastGelu", "Gelu", "QuickGelu", "FusedMatMul", "FusedGemm", "MatMulIntegerToFloat"}
)
_FOLLOW = EACH | {
    *(
        "AveragePool",
        "BatchNormalization",
        "CastLike",
        "Concat",
        "CumSum",
        "DepthToSpace",
        "DequantizeLinear",
        "Dropout",
    ),
    *("Einsum", "Flatten", "Gemm", "GlobalAveragePool", "GlobalLpPool", "GlobalMaxPool", "Identity"),
    *(
        "InstanceNormalization",
        "IsInf",
        "IsNaN",
        "LayerNormalization",
        "LogSoftmax",
        "LpPool",
        "MatMul",
        "MatMulInteger",
    ),
    *("MaxPool", "QLinearMatMul", "QuantizeLinear", "RMSNormalization", "ReduceL1", "ReduceL2", "ReduceLogSum"),
    *(
        "ReduceLogSumExp",
        "ReduceMax",
        "ReduceMean",
        "ReduceMin",
        "ReduceProd",
        "ReduceSum",
        "ReduceSumSquare",
        "Shape",
    ),
    *("ArgMax", "ArgMin", "BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "Hardmax", "LRN"),
    *("LpNormalization", "SimplifiedLayerNormalization", "TopK", "Trilu"),
    *("Size", "Softmax", "SpaceToDepth", "Squeeze", "Transpose", "Unsqueeze", "Upsample", "Where"),
}
"""Operators that follow the sizes of what they are given by themselves."""


def resized(editing: Editing) -> None:
    """Changes attributes and operands that name a size. Raises InvalidError where that cannot be done."""
    sizes = Sizes(editing)
    for index, node in enumerate(editing.graph.node):
        narrowed = any(editing.is_narrowed(name) for name in (*node.input, *node.output) if name)
        cut = any(operand[0] == index for operand, _ in editing.plan.constants)
        rule = _RULES.get(node.op_type) if node.domain in STANDARD_DOMAINS else None
        moved = any(sizes.is_changed(name) for name in node.input)
        if rule is not None and (narrowed or cut or moved):
            _require_shapes(editing, index, node)
            if (
                sizes.is_changed(node.input[0])
                and not sizes.is_arithmetic(node)
                and node.op_type != "ConstantOfShape"
            ):
                sizes.pin(index, 0)
            rule(sizes, index, node)
        elif (narrowed or cut) and not _follows(node):
            editing.refuse(index, "what it does with a narrower operand is not known here")
        elif moved and not sizes.is_arithmetic(node):
            _pin(sizes, index, node)


def _require_shapes(editing: Editing, index: int, node: onnx.NodeProto) -> None:
    for name in (*node.input, *node.output):
        if name and name not in editing.after:
            editing.refuse(index, f"the shape of {shown(name)} is not known")


def _follows(node: onnx.NodeProto) -> bool:
    if node.domain == "com.microsoft":
        return node.op_type in _MICROSOFTS
    return node.domain in STANDARD_DOMAINS and node.op_type in _FOLLOW


def _pin(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """A size that goes into a computation, as the width of a head does into the scale of attention, stays."""
    for place, name in enumerate(node.input):
        if sizes.is_changed(name):
            sizes.pin(index, place)


def _reshape(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    before, after = sizes.after(node.input[0]), sizes.after(node.output[0])
    if any(math.prod(a) != math.prod(b) for a, b in zip(before, after, strict=True)):
        sizes.editing.refuse(index, "what it is given and what it gives no longer hold as many elements")
    sizes.target(index, 1, after, flexible=True)


def _expand(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    sizes.target(index, 1, sizes.after(node.output[0]), flexible=False)


def _constant_of_shape(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    sizes.target(index, 0, sizes.after(node.output[0]), flexible=False)


def _tile(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    pairs = zip(sizes.after(node.input[0]), sizes.after(node.output[0]), strict=True)
    rows = []
    for before, after in pairs:
        if any(a % b for a, b in zip(after, before, strict=True)):
            sizes.editing.refuse(index, "it repeats an axis that has no whole number of repeats any more")
        rows.append(tuple(a // b for a, b in zip(after, before, strict=True)))
    sizes.require(index, 1, rows)


def _resize(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """Scales of 1 stay right; sizes are numbers."""
    if len(node.input) > 3 and node.input[3]:
        axes = attributes(node).get("axes")
        wanted = sizes.after(node.output[0])
        rows = [tuple(one[axis] for axis in axes) for one in wanted] if isinstance(axes, list) else list(wanted)
        sizes.require(index, 3, rows)


def _conv(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """The number of groups is that of all inputs by those of one group."""
    data, weight = node.input[0], node.input[3 if node.op_type == "QLinearConv" else 1]
    _groups(sizes, index, node, sizes.after(data)[0][1], sizes.after(weight)[0][1])


def _deconv(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    _groups(sizes, index, node, sizes.after(node.output[0])[0][1], sizes.after(node.input[1])[0][1])


def _groups(sizes: Sizes, index: int, node: onnx.NodeProto, whole: int, one: int) -> None:
    if not one or whole % one:
        sizes.editing.refuse(index, f"{whole} channels cannot be {one} for each group")
    if attributes(node).get("group", 1) != whole // one:
        set_attribute(node, "group", whole // one)


def _group_norm(sizes: Sizes, index: int, node: onnx.NodeProto) -> None:
    """As many channels for each group as before."""
    before, after = sizes.editing.before[node.input[0]][0][1], sizes.after(node.input[0])[0][1]
    groups = attributes(node).get("num_groups", 1)
    groups = groups if isinstance(groups, int) else 1
    if after * groups % before:
        sizes.editing.refuse(index, f"{after} of {before} channels are no whole number of its groups")
    set_attribute(node, "num_groups", after * groups // before)


def set_attribute(node: onnx.NodeProto, name: str, value: int | list[int]) -> None:
    """Gives a node an attribute, in the place of the one that it has."""
    made = onnx.helper.make_attribute(name, value)
    for attribute in node.attribute:
        if attribute.name == name:
            attribute.CopyFrom(made)
            return
    node.attribute.append(made)


_RULES: dict[str, Callable[[Sizes, int, onnx.NodeProto], None]] = {
    "ConstantOfShape": _constant_of_shape,
    "Conv": _conv,
    "ConvInteger": _conv,
    "ConvTranspose": _deconv,
    "Expand": _expand,
    "Gather": gather,
    "GroupNormalization": _group_norm,
    "Pad": pad,
    "QLinearConv": _conv,
    "Reshape": _reshape,
    "Resize": _resize,
    "Slice": slice_,
    "Split": split,
    "Tile": _tile,
}
