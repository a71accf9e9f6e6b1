"""The files of one variant, made by a single step: its weights, or its ONNX file. Imports torch."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path

from ..artifacts.provenance import SIDECAR
from ..measure.inspection import loaded as loaded_model
from ..onnxfile.digests import file_digest
from ..onnxfile.relocating import renamed
from ..prepare.exporting import provenance
from ..prepare.producing import produce
from ..prepare.variant import make_variant
from ..prepare.workshop import Workshop
from ..records.artifact import Artifact, PruneReport
from ..records.compute import ComputeCost
from ..records.step import PrunedWeights, StepRow
from ..sources.saving import save_weights
from ..store.files import storing
from ..store.placing import file_stem
from ..suite.model import VariantSpec, WorkloadSpec
from .costing import computed
from .feeding import feeding


def pruned_files(spec: VariantSpec, workshop: Workshop) -> tuple[StepRow, list[Path]]:
    """The weights of the variant's module, and the report on them. Raises as `produce` does, and StoreError."""
    started = time.monotonic()
    module, report = produce(spec, workshop)
    seconds = time.monotonic() - started
    weights = workshop.artifacts / f"{file_stem(spec.name)}.safetensors"
    save_weights(module, weights)
    found = PrunedWeights(
        file=weights.name,
        sha256=_sha256(weights),
        size_bytes=weights.stat().st_size,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        prune=report,
        prune_seconds=seconds,
        provenance=provenance(spec, workshop.dense),
    )
    beside = weights.with_name(f"{weights.name}.json")
    with storing(beside):
        beside.write_text(found.model_dump_json(by_alias=True, indent=1) + "\n", encoding="utf-8")
    row = StepRow(
        variant=spec.name,
        recipe=spec.prune,
        file=found.file,
        sha256=found.sha256,
        asked_share=report.asked if report else None,
        zero_share=_share(report.zeros, report.elements_after) if report else None,
        removed_share=_removed(report),
        parameters=found.parameters,
        size_bytes=found.size_bytes,
        prune_seconds=seconds,
        notes=report.notes if report else (),
    )
    return row, [beside, weights]


def exported_files(spec: VariantSpec, workshop: Workshop, workload: WorkloadSpec) -> tuple[StepRow, list[Path]]:
    """The variant's ONNX file under its name, after its data, and its description last; all checked as in a run.

    Raises as `make_variant` does, and StoreError.
    """
    kept, seconds = make_variant(spec, workshop)
    artifact, files = named_files(kept, spec.name, workshop)
    cost, note = _cost(artifact, workshop, workload)
    return _exported_row(spec, artifact, seconds, cost, note), files


def named_files(kept: Artifact, name: str, workshop: Workshop) -> tuple[Artifact, list[Path]]:
    """A kept ONNX file under a variant's name, after its data, and its description last. Raises StoreError."""
    stem = file_stem(name)
    with storing(workshop.artifacts):
        files = renamed(Path(kept.path), f"{stem}.onnx")
        artifact = kept.model_copy(update={"path": str(files[-1]), "sha256": file_digest(files[-1])})
        sidecar = files[-1].with_suffix(SIDECAR)
        portable = artifact.model_copy(update={"path": files[-1].name})
        sidecar.write_text(portable.model_dump_json(indent=1) + "\n", encoding="utf-8")
    return artifact, [*files, sidecar]


def _exported_row(
    spec: VariantSpec, artifact: Artifact, seconds: float, cost: ComputeCost | None, note: str
) -> StepRow:
    report, audit = artifact.prune, artifact.audit
    uncounted = cost.uncounted if cost else ()
    outputs = artifact.parity.outputs if artifact.parity else ()
    return StepRow(
        variant=spec.name,
        recipe=spec.prune,
        file=Path(artifact.path).name,
        sha256=artifact.sha256,
        graph_sha256=artifact.graph_sha256,
        asked_share=report.asked if report else None,
        zero_share=audit.sparsity,
        removed_share=_removed(report),
        parameters=audit.parameters,
        macs=cost.macs if cost and not uncounted else None,
        macs_note=f"not fully counted: {uncounted[0]}" if uncounted else note,
        size_bytes=artifact.size_bytes,
        parity_max_rel=max((one.max_rel for one in outputs), default=None),
        parity_cosine=min((one.cosine for one in outputs), default=None),
        prune_seconds=seconds,
        export_seconds=artifact.export_seconds,
        notes=(*(report.notes if report else ()), *artifact.notes),
    )


def _cost(artifact: Artifact, workshop: Workshop, workload: WorkloadSpec) -> tuple[ComputeCost | None, str]:
    feeds = feeding(artifact, workload, (), 0).sets[0]

    def seen() -> dict[str, list[list[int]]]:
        path = Path(artifact.path)
        with loaded_model(path, artifact.variant, workshop.reference, workshop.time_limit) as model:
            return model.profile(feeds, optimised=False).output_shapes

    found = computed(artifact, feeds, seen)
    return found.cost, found.note


def _removed(report: PruneReport | None) -> float | None:
    return _share(report.removed, report.elements_before) if report else None


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _sha256(path: Path) -> str:
    with storing(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
