"""The stage that turns variants into artifacts. Each variant fails alone, but for the baseline."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..artifacts.describing import describe
from ..errors import InputError, InvalidError, XbenchError
from ..measure.model_file import needs_module
from ..onnxfile.signature import SAME_INPUTS, same_signature
from ..profiles.widths import width_multiple
from ..records.artifact import Artifact
from ..records.run_record import RunRecord, VariantState
from ..suite.model import VariantSpec
from .context import Context
from .opening import open_workshop
from .sealing import found_again

if TYPE_CHECKING:
    from ..prepare.workshop import Workshop

STAGE = "prepare"


def prepare(context: Context, record: RunRecord) -> RunRecord:
    """Make or find the artifact of each variant. Raises what went wrong where it is the baseline's."""
    modules = _modules_wanted(record)
    if modules:
        _require_trusted_programs(context, record)
    baseline = next(state.artifact for state in record.variants if state.baseline)
    makers = _Makers(context, baseline, modules, _width_multiple(record))
    suite = context.loaded.suite
    for spec in sorted(suite.variants, key=lambda spec: not spec.baseline):
        state = next(state for state in record.variants if state.name == spec.name)
        if state.failure:
            continue  # it failed before the run was resumed, and its group may be measured without it
        context.journey.begin(STAGE, spec.name)
        try:
            new = _state(context, spec, state, makers)
            _require_same_signature(new.artifact, record, spec)
        except XbenchError as error:
            if spec.baseline:
                raise
            context.journey.note(f"{spec.name}: {error.reason}")
            new = state.model_copy(update={"artifact": None, "failure": error.reason, "exit_code": error.exit_code})
        states = tuple(new if one.name == spec.name else one for one in record.variants)
        record = record.model_copy(update={"variants": states})
        context.folder.save(record)
    context.journey.end()
    return record


def _modules_wanted(record: RunRecord) -> bool:
    """Whether a device that is here runs the PyTorch modules themselves."""
    return any(device.availability.available and needs_module(device.profile) for device in record.devices)


def _width_multiple(record: RunRecord) -> int:
    """Which widths suit all devices that are here."""
    return width_multiple(device.profile for device in record.devices if device.availability.available)


def _require_trusted_programs(context: Context, record: RunRecord) -> None:
    """Loading a program can run code. One that this process has not made itself needs the user's word."""
    kept = [one.name for one in record.variants if one.artifact is not None and one.artifact.module_sha256]
    if kept and not context.options.trusted:
        raise InputError(
            f"The PyTorch programs of {', '.join(kept)} were kept by an earlier process: loading them can run code",
            "whoever may write to the results folder may have put others in their place",
            "if that is you alone, pass --trust",
        )


class _Makers:
    """Loads the dense model when the first variant needs it: finished ONNX files need no torch."""

    def __init__(self, context: Context, baseline: Artifact | None, modules: bool, multiple: int) -> None:
        self._context = context
        self._multiple = multiple
        self._baseline = baseline
        self._modules = modules
        self._workshop: Workshop | None = None

    def make(self, spec: VariantSpec) -> tuple[Artifact, float]:
        from ..prepare.variant import make_variant

        context = self._context
        if self._workshop is None:
            self._workshop = open_workshop(
                context.loaded,
                context.task,
                artifacts=context.results.artifacts,
                time_limit=context.time_limit,
                trusted=context.options.trusted,
                keep_modules=self._modules,
                width_multiple=self._multiple,
            )
            _require_same_source(self._baseline, self._workshop.dense.source_sha256)
        return make_variant(spec, self._workshop)


def _require_same_source(baseline: Artifact | None, source_sha256: str) -> None:
    """A resumed run goes on with the dense model that it was begun with, or not at all."""
    before = baseline.provenance.get("xbench.source_sha256") if baseline is not None else None
    if before is not None and before != source_sha256:
        raise InvalidError(
            "The dense model is not the one that the run was begun with",
            f"the digest of its weights is {source_sha256[:12]}, and was {before[:12]}",
            "leave out --resume to begin anew",
        )


def _state(context: Context, spec: VariantSpec, state: VariantState, makers: _Makers) -> VariantState:
    if state.artifact is not None:
        found = found_again(state.artifact, artifact_path(context, spec, state.artifact))
        return state.model_copy(update={"artifact": found})
    finished = _finished_file(context, spec)
    if finished is not None:
        return state.model_copy(update={"artifact": describe(finished, spec.name)})
    artifact, seconds = makers.make(spec)
    return state.model_copy(update={"artifact": artifact, "prune_seconds": seconds})


def _finished_file(context: Context, spec: VariantSpec) -> Path | None:
    model = context.loaded.suite.model
    named = spec.onnx or (model.onnx if model is not None else None)
    return context.loaded.path(named) if named else None


def artifact_path(context: Context, spec: VariantSpec, artifact: Artifact) -> Path:
    """Where an artifact of a stored run lies now: records hold no absolute path."""
    return _finished_file(context, spec) or (context.results.artifacts / artifact.path).resolve()


def _require_same_signature(artifact: Artifact | None, record: RunRecord, spec: VariantSpec) -> None:
    baseline = next(state for state in record.variants if state.baseline)
    if artifact is None or baseline.artifact is None or spec.baseline:
        return
    difference = same_signature(baseline.artifact.signature, artifact.signature)
    if difference is not None:
        asked = f"{spec.name} cannot be compared with {baseline.name}: their inputs differ"
        raise InputError(asked, difference, SAME_INPUTS)
