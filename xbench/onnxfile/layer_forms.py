"""What a layer of a file is, apart from its widths: operator, kernel, strides, and the sizes that it works on."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import onnx

from ..records.latency import LayerSignature
from .constants import scopes
from .inlining import inlined
from .macs import Shape
from .walk import STANDARD_DOMAINS
from .weights import Weight, attributes, weights

FLOATS = ("float32", "float16", "bfloat16")
"""The types of weights that one layer alone can be written with."""

UNKNOWN_SHAPE = "the shape of its input is not known"
"""Why a layer cannot stand alone before shapes were seen in a run."""


@dataclass(frozen=True)
class LayerForm:
    """One layer with a weight of its own. `signature` is None where `missing` says why it cannot stand alone."""

    node: str
    op_type: str
    inputs: int = 0
    outputs: int = 0
    signature: LayerSignature | None = None
    missing: str = ""


def layer_forms(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> tuple[LayerForm, ...]:
    """The layers of the main graph whose weight is in the file, in its order, at these shapes of its values.

    Raises InputError where a constant cannot be read.
    """
    scope = next(scopes(inlined(model)))
    return tuple(_form(weight, shapes) for weight in weights(scope))


def _form(weight: Weight, shapes: Mapping[str, Shape]) -> LayerForm:
    node, dtype = weight.node, weight.constant.dtype
    given = shapes.get(node.input[0])
    why = ""
    if node.domain not in STANDARD_DOMAINS or node.op_type not in ("Conv", "MatMul", "Gemm"):
        why = f"tables are of Conv, MatMul and Gemm, and this is {node.op_type}"
    elif dtype not in FLOATS:
        why = f"its weights are {dtype}: tables are of {', '.join(FLOATS)}"
    elif given is None:
        why = UNKNOWN_SHAPE
    elif 0 in given:
        why = f"its input is empty ({'x'.join(map(str, given))})"
    if why or given is None:
        return LayerForm(weight.node_name, node.op_type, missing=why)
    found = _conv(weight, given, dtype) if node.op_type == "Conv" else _product(weight, given, dtype)
    if isinstance(found, str):
        return LayerForm(weight.node_name, node.op_type, missing=found)
    inputs, outputs, signature = found
    return LayerForm(weight.node_name, node.op_type, inputs, outputs, signature)


def _product(weight: Weight, given: Shape, dtype: str) -> tuple[int, int, LayerSignature] | str:
    shape, flags = weight.nonzero.shape, attributes(weight.node)
    if weight.operand != 1 or len(shape) != 2 or len(given) < 2:
        return "its weight is no matrix on the right of the product"
    if flags.get("transA"):
        return "it multiplies its input turned around"
    transposed = weight.node.op_type == "Gemm" and bool(flags.get("transB"))
    inputs, outputs = reversed(shape) if transposed else shape
    signature = LayerSignature(
        op_type="Gemm" if weight.node.op_type == "Gemm" else "MatMul",
        dtype=dtype,
        shape=given[:-1],
        transposed=transposed,
    )
    return inputs, outputs, signature


def _conv(weight: Weight, given: Shape, dtype: str) -> tuple[int, int, LayerSignature] | str:
    shape, flags = weight.nonzero.shape, attributes(weight.node)
    kernel = shape[2:]
    if len(given) != len(shape) or not kernel:
        return "its weight does not fit its input"
    ones = [1] * len(kernel)
    group = _sizes(flags, "group", [1])[0]
    inputs, outputs = shape[1] * group, shape[0]
    depthwise = group > 1 and shape[1] == 1
    if depthwise and outputs != inputs:
        return "it is depthwise with several outputs for each channel"
    strides, dilations = _sizes(flags, "strides", ones), _sizes(flags, "dilations", ones)
    pads = _pads(flags, given[2:], kernel, strides, dilations)
    signature = LayerSignature(
        op_type="Conv",
        dtype=dtype,
        shape=(given[0], *given[2:]),
        kernel=kernel,
        strides=strides,
        pads=pads,
        dilations=dilations,
        groups=1 if depthwise else group,
        depthwise=depthwise,
    )
    return inputs, outputs, signature


def _sizes(flags: Mapping[str, object], name: str, default: Sequence[int]) -> tuple[int, ...]:
    value = flags.get(name, default)
    return (value,) if isinstance(value, int) else tuple(value) if isinstance(value, list | tuple) else tuple(default)


def _pads(
    flags: Mapping[str, object],
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
) -> tuple[int, ...]:
    """As ONNX's specification of Conv works them out where `auto_pad` is set."""
    auto = flags.get("auto_pad", b"NOTSET")
    mode = auto.decode() if isinstance(auto, bytes) else str(auto)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        return _sizes(flags, "pads", [0] * 2 * len(kernel)) if mode == "NOTSET" else (0,) * 2 * len(kernel)
    totals = list(_same(sizes, kernel, strides, dilations))
    small, large = [total // 2 for total in totals], [total - total // 2 for total in totals]
    return (*small, *large) if mode == "SAME_UPPER" else (*large, *small)


def _same(
    sizes: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> Iterator[int]:
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        yield max(0, (-(-size // stride) - 1) * stride + dilation * (width - 1) + 1 - size)
