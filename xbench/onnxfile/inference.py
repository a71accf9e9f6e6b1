"""The shapes of a graph's values, worked out without running it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx
from onnx import shape_inference

from ..errors import InputError
from .dtypes import dtype_name
from .inlining import without_weights
from .macs import Shape

# Fused operators whose first output has the shape of their first input; `onnx` cannot infer them.
_SHAPE_KEEPING = frozenset(
    {
        *("BiasGelu", "FastGelu", "Gelu", "QuickGelu", "SkipLayerNormalization", "LayerNormalization"),
        *(
            "SimplifiedLayerNormalization",
            "SkipSimplifiedLayerNormalization",
            "RotaryEmbedding",
            "BiasSoftmax",
        ),
    }
)


def infer_shapes(model: onnx.ModelProto, input_shapes: Mapping[str, Shape]) -> Mapping[str, Shape]:
    """The shapes of the main graph's values that are fully known once the inputs have these shapes.

    Values that it cannot know are left out. Weights are not needed. Raises InputError where the shapes
    do not fit the graph.
    """
    values = _inferred(model, input_shapes)
    return {value.name: shape for value in values if (shape := _concrete(value)) is not None}


def infer_dtypes(model: onnx.ModelProto) -> Mapping[str, str]:
    """The dtypes (NumPy's names) of the main graph's values, as far as they follow from the inputs'.

    Raises InputError where the graph does not fit together.
    """
    kinds = {value.name: value.type.tensor_type.elem_type for value in _inferred(model, {})}
    return {name: dtype_name(kind) for name, kind in kinds.items() if kind}


def _inferred(model: onnx.ModelProto, input_shapes: Mapping[str, Shape]) -> Sequence[onnx.ValueInfoProto]:
    slim = without_weights(model)
    _fix_inputs(slim, input_shapes)
    _forget_declared(slim)
    _simplify(slim)
    try:
        inferred = shape_inference.infer_shapes(slim, check_type=False, strict_mode=False, data_prop=True)
    except (shape_inference.InferenceError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        remedy = "check the shapes given for the inputs"
        raise InputError("cannot work out the shapes inside the model", reason, remedy) from error
    return (*inferred.graph.input, *inferred.graph.value_info, *inferred.graph.output)


def _fix_inputs(model: onnx.ModelProto, input_shapes: Mapping[str, Shape]) -> None:
    for value in model.graph.input:
        if value.name in input_shapes:
            shape = value.type.tensor_type.shape
            shape.Clear()
            for size in input_shapes[value.name]:
                shape.dim.add(dim_value=size)
            # An empty message would read as 'rank unknown'.
            value.type.tensor_type.shape.SetInParent()


def _forget_declared(model: onnx.ModelProto) -> None:
    """Declared shapes lie, or hold for another batch. Types stay."""
    del model.graph.value_info[:]
    for value in model.graph.output:
        if value.type.WhichOneof("value") == "tensor_type":
            value.type.tensor_type.ClearField("shape")


def _simplify(model: onnx.ModelProto) -> None:
    """Puts Identity in the place of fused operators that keep their shape."""
    for node in model.graph.node:
        if node.domain == "com.microsoft" and node.op_type in _SHAPE_KEEPING:
            node.domain, node.op_type = "", "Identity"
            del node.input[1:], node.output[1:], node.attribute[:]


def _concrete(value: onnx.ValueInfoProto) -> Shape | None:
    if value.type.WhichOneof("value") != "tensor_type" or not value.type.tensor_type.HasField("shape"):
        return None
    dims = value.type.tensor_type.shape.dim
    if not all(dim.HasField("dim_value") and dim.dim_value >= 0 for dim in dims):
        return None
    return tuple(dim.dim_value for dim in dims)
