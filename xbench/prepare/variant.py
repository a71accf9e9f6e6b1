"""Makes one variant: prune, train, export, check against PyTorch, and audit what reached the file."""

from __future__ import annotations

import json
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import torch

from .._version import __version__
from ..artifacts.keeping import add_provenance, keep, write_sidecar
from ..artifacts.parity import parity, require_parity
from ..errors import InputError, InvalidError
from ..machine.fingerprint import installed
from ..measure.inspection import loaded as loaded_model
from ..plugins import exporter
from ..protocols import Feeds, Outputs
from ..pruning import prune
from ..pruning.forward import tensors_of
from ..pruning.layers import weight_layers
from ..records.artifact import Artifact, Parity, PruneReport, SparsityAudit
from ..records.profile import HardwareProfile
from ..records.recipe import NMRecipe
from ..sources.factory import load_factory
from ..store.files import storing
from ..suite.model import VariantSpec
from .deadline import deadline
from .dense import DenseModel, users_code
from .program import with_program

_LIBRARIES = ("torch", "torch-pruning", "onnx", "numpy", "optimum", "optimum-onnx", "onnxscript", "transformers")


@dataclass(frozen=True)
class Workshop:
    """What all variants of a run are made with. `keep_modules`: a device runs the PyTorch modules themselves."""

    dense: DenseModel
    samples: Sequence[Feeds]
    artifacts: Path
    reference: HardwareProfile
    time_limit: float
    base: Path
    trusted: bool
    keep_modules: bool = False


def make_variant(spec: VariantSpec, workshop: Workshop) -> tuple[Artifact, float]:
    """The artifact of a variant, kept among the others, and the seconds that pruning and training took."""
    started = time.monotonic()
    module, report = _pruned(spec, workshop)
    seconds = time.monotonic() - started
    started = time.monotonic()
    with storing(workshop.artifacts), tempfile.TemporaryDirectory(dir=workshop.artifacts) as folder:
        path = Path(folder) / "model.onnx"
        dense = workshop.dense
        with deadline(workshop.time_limit, f"Exporting {spec.name}"):
            exporter(dense.exporter).export(module, dense.example_inputs, dense.dynamic_axes, path, dense.opset)
        add_provenance(path, _provenance(spec, dense))
        artifact = keep(path, spec.name, workshop.artifacts)
    export_seconds = time.monotonic() - started
    _require_zeros_survived(module, artifact.audit, spec.name)
    if isinstance(spec.prune, NMRecipe) and (spec.prune.n, spec.prune.m) == (2, 4):
        _require_2_4(artifact.audit, spec.name)
    artifact = artifact.model_copy(
        update={
            "prune": report,
            "parity": _parity(module, artifact, workshop),
            "export_seconds": export_seconds,
        }
    )
    if workshop.keep_modules:
        artifact = with_program(module, workshop.dense, artifact, workshop.time_limit)
    write_sidecar(artifact, workshop.artifacts)
    return artifact, seconds


def _pruned(spec: VariantSpec, workshop: Workshop) -> tuple[torch.nn.Module, PruneReport | None]:
    module: torch.nn.Module = workshop.dense.module
    report = None
    if spec.prune is not None:
        with deadline(workshop.time_limit, f"Pruning {spec.name}"):
            module, report = prune(module, spec.prune, workshop.dense.example_inputs)
    if spec.finetune is not None:
        module = _trained(spec, module, workshop)
    return module, report


def _trained(spec: VariantSpec, module: torch.nn.Module, workshop: Workshop) -> torch.nn.Module:
    assert spec.finetune is not None  # noqa: S101 - only called where it is set
    train = load_factory(spec.finetune, workshop.base, workshop.trusted)
    with users_code(spec.finetune):
        trained = train(module)
    if not isinstance(trained, torch.nn.Module):
        raise InputError(f"{spec.finetune} returned no torch.nn.Module", f"it returned {type(trained).__name__}")
    return trained.eval()


def _provenance(spec: VariantSpec, dense: DenseModel) -> dict[str, str]:
    recipe = spec.prune.model_dump(mode="json") if spec.prune else None
    return {
        "variant": spec.name,
        "recipe": json.dumps(recipe, sort_keys=True),
        "finetune": spec.finetune or "",
        "source": dense.source,
        "source_sha256": dense.source_sha256,
        "exporter": dense.exporter,
        "versions": json.dumps({"xbench": __version__} | installed(_LIBRARIES)),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _torch_outputs(module: torch.nn.Module, feeds: Feeds, names: Sequence[str]) -> Outputs:
    with users_code("The module's forward"), torch.no_grad():
        tensors = tensors_of(module(**{name: torch.from_numpy(array) for name, array in feeds.items()}))
    # Exporters may leave outputs away at the end (Optimum leaves BERT's pooler), never in the middle.
    return {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=False)}


def _parity(module: torch.nn.Module, artifact: Artifact, workshop: Workshop) -> Parity:
    """The file against the module, on real inputs of several shapes, by ONNX Runtime on the CPU."""
    wanted = [spec.name for spec in artifact.signature.inputs]
    outputs = [spec.name for spec in artifact.signature.outputs]
    sets = [{name: feeds[name] for name in wanted} for feeds in workshop.samples]
    references = [_torch_outputs(module, feeds, outputs) for feeds in sets]
    path = Path(artifact.path)
    with loaded_model(path, artifact.variant, workshop.reference, workshop.time_limit) as model:
        result = parity(references, model.infer(sets), "fp32", artifact.variant)
    require_parity(result, f"The ONNX file of {artifact.variant}", "the PyTorch module")
    return result


def _require_2_4(audit: SparsityAudit, variant: str) -> None:
    """Half zeros are not yet 2:4: a transposed weight may hold them along the wrong axis (rule 14)."""
    for found in audit.layers:
        if 2 * found.zeros >= found.elements and not found.valid_2_4:
            raise InvalidError(
                f"The 2:4 pattern of {variant} was lost on the way into the ONNX file",
                f"{found.node} ({found.op_type}) has {found.zeros} zeros of {found.elements}, not two in each four",
                "try the other exporter (key model.exporter)",
            )


def _require_zeros_survived(module: torch.nn.Module, audit: SparsityAudit, variant: str) -> None:
    """Each weight in the file has a weight of the module with the same sizes and the same zeros (rule 14).

    Exporters rename and transpose weights, so they are matched by sorted shape and count of zeros. Weights
    of which the module has none of that shape are the graph's own.
    """
    there: Counter[tuple[tuple[int, ...], int]] = Counter()
    for layer in weight_layers(module).values():
        weight = layer.weight.detach()
        there[(tuple(sorted(weight.shape)), int((weight == 0).sum()))] += 1
    shapes = {shape for shape, _ in there}
    for found in audit.layers:
        key = (tuple(sorted(found.shape)), found.zeros)
        if there[key] > 0:
            there[key] -= 1
        elif key[0] in shapes:
            raise InvalidError(
                f"Zeros of {variant} were lost or moved on the way into the ONNX file",
                f"{found.node} ({found.op_type}) has {found.zeros} zeros of {found.elements}, "
                "and no layer of the module has that",
                "try the other exporter (key model.exporter)",
            )
