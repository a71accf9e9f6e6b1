"""Describes an ONNX file as an artifact."""

from __future__ import annotations

from pathlib import Path

from ..onnxfile.audit import audit
from ..onnxfile.digests import digests
from ..onnxfile.external import load_external_data, stored_bytes
from ..onnxfile.opening import open_model
from ..onnxfile.operators import standard_opset
from ..onnxfile.signature import signature
from ..records.artifact import Artifact


def describe(path: Path, variant: str) -> Artifact:
    """The artifact that this file is. Raises InputError where the file cannot be used."""
    model = open_model(path, load_external=False)
    size_bytes = stored_bytes(path, model)
    load_external_data(path, model)
    sha256, graph_sha256 = digests(path)
    return Artifact(
        variant=variant,
        path=str(path.resolve()),
        sha256=sha256,
        graph_sha256=graph_sha256,
        size_bytes=size_bytes,
        ir_version=model.ir_version,
        opset=standard_opset(model.opset_import),
        signature=signature(model),
        audit=audit(model),
        provenance={prop.key: prop.value for prop in model.metadata_props},
    )
