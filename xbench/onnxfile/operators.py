"""Refuses operators that the ONNX standard does not know. Other domains are the runtime's business."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import onnx

from ..errors import InputError
from .walk import STANDARD_DOMAINS, below, label, shown

# ONNX Runtime has these in the standard domain though the standard has not (or not yet at that opset);
# files that it or a TensorRT exporter wrote are full of them.
_RUNTIMES_OWN = frozenset(
    {
        *(
            "Affine",
            "Crop",
            "DynamicSlice",
            "GRUUnit",
            "GivenTensorFill",
            "ImageScaler",
            "LayerNormalization",
        ),
        *("MeanVarianceNormalization", "MemcpyFromHost", "MemcpyToHost", "ParametricSoftplus", "Scale"),
        *("ScaledTanh", "SimplifiedLayerNormalization", "ThresholdedRelu", "DisentangledAttention_TRT"),
        *("EfficientNMS_TRT", "MultilevelCropAndResize_TRT", "PyramidROIAlign_TRT"),
    }
)
_NAMED = 3
"""So many unknown operators are named; the rest is counted."""


def check_operators(path: Path, model: onnx.ModelProto) -> None:
    """Raises InputError that names the unknown operators, a node of each, and the opset."""
    unknown: dict[str, str] = {}
    for node, opset in _standard_nodes(model):
        if node.op_type not in unknown and (reason := _why_unknown(node.op_type, opset)):
            unknown[node.op_type] = f"{shown(node.op_type)} at node {shown(label(node))} ({reason})"
    if not unknown:
        return
    listed = ", ".join(list(unknown.values())[:_NAMED])
    more = f", and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
    raise InputError(
        f"cannot open {shown(str(path))}",
        f"the ONNX standard does not know {listed}{more}",
        "export it with an opset that has the operator, or with the operator in a custom domain",
    )


def _standard_nodes(model: onnx.ModelProto) -> Iterator[tuple[onnx.NodeProto, int]]:
    """The nodes of the standard domain, each with the opset that it is written in."""
    local = {(function.domain, function.name) for function in model.functions}
    opset = standard_opset(model.opset_import)
    bodies = [(model.graph.node, opset)]
    bodies += [(function.node, standard_opset(function.opset_import) or opset) for function in model.functions]
    for body, version in bodies:
        for node in below(body):
            if node.domain in STANDARD_DOMAINS and (node.domain, node.op_type) not in local:
                yield node, version


def standard_opset(imports: Iterable[onnx.OperatorSetIdProto]) -> int:
    """The version of the standard's operators; 1 where there is none, as in the files of IR 1 and 2."""
    return max((each.version for each in imports if each.domain in STANDARD_DOMAINS), default=1)


def _why_unknown(op_type: str, opset: int) -> str | None:
    if op_type in _RUNTIMES_OWN:
        return None
    if opset < 1:
        return f"opset {opset} does not exist"
    if onnx.defs.has(op_type, opset):
        return None
    if not onnx.defs.has(op_type):
        return f"opset {opset}"
    since = min(schema.since_version for schema in _versions(op_type))
    return f"it exists from opset {since} on, and the file is written in opset {opset}"


def _versions(op_type: str) -> list[onnx.defs.OpSchema]:
    every = onnx.defs.get_all_schemas_with_history()
    return [schema for schema in every if schema.name == op_type and schema.domain == ""]
