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
from .workshop import Workshop

_LIBRARIES = ("torch", "torch-pruning", "onnx", "numpy", "optimum", "optimum-onnx", "onnxscript", "transformers")


def exported(spec: VariantSpec, module: torch.nn.Module, workshop: Workshop) -> Artifact:
    """The artifact of the variant's module. Raises InvalidError and InputError as the exporter does."""
    with storing(workshop.artifacts), tempfile.TemporaryDirectory(dir=workshop.artifacts) as folder:
        path = Path(folder) / "model.onnx"
        dense = workshop.dense
        with deadline(workshop.time_limit, f"Exporting {spec.name}"):
            exporter(dense.exporter).export(module, dense.example_inputs, dense.dynamic_axes, path, dense.opset)
        add_provenance(path, _provenance(spec, dense))
        return keep(path, spec.name, workshop.artifacts)


def _provenance(spec: VariantSpec, dense: DenseModel) -> dict[str, str]:
    recipe = spec.prune.model_dump(mode="json") if spec.prune else None
    return {
        "variant": spec.name,
        "recipe": json.dumps(recipe, sort_keys=True),
        "finetune": _finetune(spec),
        "source": dense.source,
        "source_sha256": dense.source_sha256,
        "exporter": dense.exporter,
        "versions": json.dumps({"xbench": __version__} | installed(_LIBRARIES)),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _finetune(spec: VariantSpec) -> str:
    if spec.finetune is None or isinstance(spec.finetune, str):
        return spec.finetune or ""
    return json.dumps(spec.finetune.model_dump(mode="json"), sort_keys=True)
