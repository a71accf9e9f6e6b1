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
from .provenance import PREFIX, provenance_fault, sidecar_fault


def describe(path: Path, variant: str) -> Artifact:
    """The artifact that this file is. Raises InputError where the file cannot be used.

    What the file and its sidecar say of its making is held against the file: see `Artifact.provenance_fault`.
    """
    model = open_model(path, load_external=False)
    size_bytes = stored_bytes(path, model)
    load_external_data(path, model)
    sha256, graph_sha256 = digests(path)
    found = audit(model)
    written = {prop.key: prop.value for prop in model.metadata_props}
    faults = (provenance_fault(written, graph_sha256, found), sidecar_fault(path, sha256, found))
    fault = "; ".join(one for one in faults if one)
    return Artifact(
        variant=variant,
        path=str(path.resolve()),
        sha256=sha256,
        graph_sha256=graph_sha256,
        size_bytes=size_bytes,
        ir_version=model.ir_version,
        opset=standard_opset(model.opset_import),
        signature=signature(model),
        audit=found,
        provenance={key: value for key, value in written.items() if not (fault and key.startswith(PREFIX))},
        provenance_fault=fault,
    )
