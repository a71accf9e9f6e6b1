"""What a model wants to be fed and what it gives."""

from __future__ import annotations

import onnx

from ..records.artifact import Dim, Signature, TensorSpec
from .dtypes import dtype_name
from .walk import shown

_NO_NAMES = frozenset({"", "?", "-1", "none", "unk", "unknown", "dynamic"})
"""What exporters write for 'some size': two axes called so have nothing in common."""


def signature(model: onnx.ModelProto) -> Signature:
    """The inputs that must be fed (initializers, which IR 3 lists too, left out) and the outputs."""
    initializers = {tensor.name for tensor in model.graph.initializer}
    initializers |= {sparse.values.name for sparse in model.graph.sparse_initializer}
    return Signature(
        inputs=tuple(_spec(value) for value in model.graph.input if value.name not in initializers),
        outputs=tuple(_spec(value) for value in model.graph.output),
    )


def same_signature(a: Signature, b: Signature) -> str | None:
    """None where both take the same inputs by name, type and compatible shape; else what differs.

    The order may differ. A dynamic axis and a fixed one are compatible, two fixed sizes only if equal.
    """
    ours = {spec.name: spec for spec in a.inputs}
    theirs = {spec.name: spec for spec in b.inputs}
    for left, right, which in ((ours, theirs, "first"), (theirs, ours, "second")):
        alone = sorted(left.keys() - right.keys())
        if alone:
            return f"only the {which} model has the input {', '.join(map(shown, alone[:5]))}"
    for name, spec in ours.items():
        if difference := _difference(spec, theirs[name]):
            return f"input {shown(name)} differs: {difference}"
    return None


SAME_INPUTS = "compare models that take inputs of the same names, types and sizes"
"""What to do where `same_signature` found a difference."""


def shape_text(shape: tuple[Dim, ...] | None) -> str:
    """`1x3x224x224`, with names or ? for dynamic axes; `scalar`; `any shape`."""
    if shape is None:
        return "any shape"
    return "x".join("?" if dim is None else str(dim) for dim in shape) or "scalar"


def _difference(a: TensorSpec, b: TensorSpec) -> str | None:
    if a.dtype != b.dtype:
        return f"{a.dtype} and {b.dtype}"
    if a.shape is None or b.shape is None:
        return None
    pairs = zip(a.shape, b.shape, strict=False)
    clash = any(isinstance(x, int) and isinstance(y, int) and x != y for x, y in pairs)
    if len(a.shape) != len(b.shape) or clash:
        return f"{shape_text(a.shape)} and {shape_text(b.shape)}"
    return None


def _spec(value: onnx.ValueInfoProto) -> TensorSpec:
    kind = value.type.WhichOneof("value")
    if kind != "tensor_type":
        return TensorSpec(name=value.name, dtype=_type_text(value.type), shape=None)
    tensor = value.type.tensor_type
    shape = tuple(map(_dim, tensor.shape.dim)) if tensor.HasField("shape") else None
    return TensorSpec(name=value.name, dtype=dtype_name(tensor.elem_type), shape=shape)


def _dim(dim: onnx.TensorShapeProto.Dimension) -> Dim:
    """A size below zero stands for 'any' in real files; at 0, ONNX Runtime insists on an empty array."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return None if dim.dim_param.strip().lower() in _NO_NAMES else dim.dim_param


def _type_text(kind: onnx.TypeProto) -> str:
    """`sequence(tensor)`, `map(int64, tensor)`, `optional(sequence(tensor))`, `sparse(float32)`."""
    which = kind.WhichOneof("value")
    if which == "sequence_type":
        return f"sequence({_type_text(kind.sequence_type.elem_type)})"
    if which == "optional_type":
        return f"optional({_type_text(kind.optional_type.elem_type)})"
    if which == "map_type":
        key = dtype_name(kind.map_type.key_type)
        return f"map({key}, {_type_text(kind.map_type.value_type)})"
    if which == "sparse_tensor_type":
        return f"sparse({dtype_name(kind.sparse_tensor_type.elem_type)})"
    return "tensor" if which == "tensor_type" else "undefined"
