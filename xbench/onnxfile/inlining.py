"""Models without their local functions, and without the bulk of their weights."""

from __future__ import annotations

import onnx
import onnx.inliner

from ..errors import InputError
from .dtypes import packed_bytes
from .walk import tensors

_SMALL_BYTES = 4096
"""Below this a constant may be a shape that inference needs; above, it is a weight."""


def inlined(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model with every local function put where it is called; the model itself if it has none."""
    if not model.functions:
        return model
    try:
        return onnx.inliner.inline_local_functions(model)
    except (RuntimeError, ValueError) as error:
        found = f"its local functions cannot be put in place: {str(error).splitlines()[0]}"
        raise InputError("cannot look into the model", found, "export it without local functions") from error


def without_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy, functions inlined, in which large constants have a type and a shape and no values."""
    slim = onnx.ModelProto()
    slim.ir_version = model.ir_version
    slim.opset_import.extend(model.opset_import)
    slim.functions.extend(model.functions)
    graph, copy = model.graph, slim.graph
    copy.name = graph.name
    copy.node.extend(graph.node)
    copy.input.extend(graph.input)
    copy.output.extend(graph.output)
    copy.value_info.extend(graph.value_info)
    copy.sparse_initializer.extend(graph.sparse_initializer)
    # One by one, so that the weights are never in memory twice.
    copy.initializer.extend(_without_values(tensor) for tensor in graph.initializer)
    for tensor in tensors(slim):
        if _is_bulky(tensor):
            tensor.CopyFrom(_without_values(tensor))
    return inlined(slim)


def _is_bulky(tensor: onnx.TensorProto) -> bool:
    return tensor.data_type != onnx.TensorProto.STRING and packed_bytes(tensor) > _SMALL_BYTES


def _without_values(tensor: onnx.TensorProto) -> onnx.TensorProto:
    if not _is_bulky(tensor):
        return tensor
    bare = onnx.TensorProto(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims)
    bare.data_location = onnx.TensorProto.EXTERNAL
    bare.external_data.add(key="location", value="left-out")
    return bare
