"""Writes a variant's module as an ONNX file, with what it was made from, among the kept artifacts."""

from __future__ import annotations

import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import torch

from .._version import __version__
from ..artifacts.keeping import add_provenance, keep
from ..machine.fingerprint import installed
from ..plugins import exporter
from ..records.artifact import Artifact
from ..store.files import storing
from ..suite.model import VariantSpec
from .deadline import deadline
from .dense import DenseModel
from .slimming import slimmed
from .workshop import Workshop

_LIBRARIES = (
    "torch",
    "torch-pruning",
    "onnx",
    "onnx-ir",
    "onnxscript",
    "onnxslim",
    "numpy",
    "optimum",
    "optimum-onnx",
    "transformers",
)


def exported(spec: VariantSpec, module: torch.nn.Module, workshop: Workshop) -> Artifact:
    """The artifact of the variant's module.

    Raises InvalidError and InputError as the exporter does, and as `slimmed` does where the model is to be slim.
    """
    dense = workshop.dense
    notes: list[str] = []
    with storing(workshop.artifacts), tempfile.TemporaryDirectory(dir=workshop.artifacts) as folder:
        path = Path(folder) / "model.onnx"
        with deadline(workshop.time_limit, f"Exporting {spec.name}"):
            exporter(dense.exporter).export(module, dense.export_inputs, dense.dynamic_axes, path, dense.opset)
            if dense.slim:
                notes.append(slimmed(path))
        add_provenance(path, provenance(spec, dense))
        artifact = keep(path, spec.name, workshop.artifacts)
    return artifact.model_copy(
        update={"made": datetime.now(UTC).isoformat(timespec="seconds"), "notes": (*artifact.notes, *notes)}
    )


def provenance(spec: VariantSpec, dense: DenseModel) -> dict[str, str]:
    """What the file is made from. No time and no place: equal input gives equal bytes."""
    recipe = spec.prune.model_dump(mode="json") if spec.prune else None
    return {
        "variant": spec.name,
        "recipe": json.dumps(recipe, sort_keys=True),
        "finetune": _finetune(spec),
        "source": dense.source,
        "source_sha256": dense.source_sha256,
        "exporter": dense.exporter,
        "opset": str(dense.opset or ""),
        "slim": json.dumps(dense.slim),
        "versions": json.dumps({"xbench": __version__} | installed(_LIBRARIES), sort_keys=True),
    }


def _finetune(spec: VariantSpec) -> str:
    if spec.finetune is None or isinstance(spec.finetune, str):
        return spec.finetune or ""
    return json.dumps(spec.finetune.model_dump(mode="json"), sort_keys=True)
