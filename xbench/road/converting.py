"""The stage that makes each variant in the other precisions, out of its file of 32-bit floats.

A failure costs that variant in that precision alone. Nothing is pruned or trained again.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from .._version import __version__
from ..artifacts.keeping import add_provenance, keep, write_sidecar
from ..artifacts.parity import parity, require_parity
from ..errors import InputError, InvalidError, XbenchError
from ..machine.fingerprint import installed
from ..measure.inspection import loaded
from ..onnxfile.signature import same_signature
from ..onnxfile.tracing import require_zeros_kept
from ..plugins import converter
from ..prepare.deadline import deadline
from ..protocols import Calibration, Feeds
from ..quality.calibration import held_out
from ..records.artifact import Artifact, Parity
from ..records.run_record import RunRecord, VariantState
from ..store.files import storing
from .context import Context
from .feeding import feeding
from .sealing import found_again

STAGE = "prepare"
_LIBRARIES = ("onnx", "onnxruntime", "onnxruntime-gpu", "numpy")


def convert(context: Context, record: RunRecord) -> RunRecord:
    """Make or find the artifacts of all variants in the precisions below fp32; saved after each."""
    calibration: Calibration | None = None
    for state in record.variants:
        if state.precision == "fp32" or state.failure:
            continue
        context.journey.begin(STAGE, state.name)
        source = next(one for one in record.variants if one.name == state.source)
        try:
            if state.artifact is None:
                calibration = calibration or _calibration(context)
            new = _state(context, state, source, calibration)
        except XbenchError as error:
            context.journey.note(f"{state.name}: {error.reason}")
            new = state.model_copy(update={"artifact": None, "failure": error.reason, "exit_code": error.exit_code})
        states = tuple(new if one.name == state.name else one for one in record.variants)
        record = record.model_copy(update={"variants": states})
        context.folder.save(record)
    context.journey.end()
    return record


def _calibration(context: Context) -> Calibration | None:
    """None where there are no real inputs: only some converters need them. A file that cannot be used is an error."""
    if context.loaded.suite.calibration.file is None and context.task is None:
        return None
    return context.calibration()


def _state(
    context: Context, state: VariantState, source: VariantState, calibration: Calibration | None
) -> VariantState:
    if source.artifact is None:
        raise InvalidError(f"{source.name} could not be made", source.failure, "see there")
    if state.artifact is not None:
        found = found_again(state.artifact, (context.results.artifacts / state.artifact.path).resolve())
        return state.model_copy(update={"artifact": found})
    return state.model_copy(update={"artifact": _converted(context, state, source.artifact, calibration)})


def _converted(context: Context, state: VariantState, source: Artifact, calibration: Calibration | None) -> Artifact:
    """The artifact in the state's precision, kept among the others, once all is checked."""
    folder, started = context.results.artifacts, time.monotonic()
    with storing(folder), tempfile.TemporaryDirectory(dir=folder) as temporary:
        path = Path(temporary) / "model.onnx"
        with deadline(context.time_limit, f"Converting {source.variant} to {state.precision}"):
            told = converter(state.precision).convert(Path(source.path), path, calibration)
        seconds = time.monotonic() - started
        kept = require_zeros_kept(Path(source.path), path, state.name, f"its conversion to {state.precision}")
        notes = (*told, *kept)
        add_provenance(path, _provenance(state, source, calibration, notes))
        artifact = keep(path, state.name, folder)
    _require_same_signature(source, artifact)
    artifact = artifact.model_copy(
        update={
            "prune": source.prune,
            "parity": _parity(context, state, source, artifact),
            "export_seconds": seconds,
            "made": datetime.now(UTC).isoformat(timespec="seconds"),
            "module_note": f"it was made from an ONNX file in {state.precision}: there is no PyTorch module to run",
            "notes": notes,
        }
    )
    write_sidecar(artifact, folder)
    return artifact


def _provenance(
    state: VariantState, source: Artifact, calibration: Calibration | None, notes: Sequence[str]
) -> dict[str, str]:
    """That of the source, and what was done to it."""
    own = {
        key.removeprefix("xbench."): value for key, value in source.provenance.items() if key.startswith("xbench.")
    }
    data = None if calibration is None else {"source": calibration.source, "sha256": calibration.sha256}
    return {
        **own,
        "variant": state.name,
        "precision": state.precision,
        "converted_from_sha256": source.sha256,
        "calibration": json.dumps(data, sort_keys=True),
        "conversion": json.dumps(list(notes)),
        "conversion_versions": json.dumps({"xbench": __version__} | installed(_LIBRARIES)),
    }


def _require_same_signature(source: Artifact, artifact: Artifact) -> None:
    difference = same_signature(source.signature, artifact.signature)
    if difference is not None:
        raise InvalidError(f"{artifact.variant} takes other inputs than {source.variant}", difference)


def _parity(context: Context, state: VariantState, source: Artifact, artifact: Artifact) -> Parity:
    """The converted file against its source, on the reference: on real inputs, where there are any."""
    sets = [_only_inputs(feeds, source) for feeds in held_out(context.loaded, context.task)] or _made_up(
        context, source
    )
    outputs = []
    for one in (source, artifact):
        with loaded(Path(one.path), one.variant, context.reference, context.time_limit) as model:
            outputs.append(model.infer(sets))
    result = parity(outputs[0], outputs[1], state.precision, artifact.variant)
    require_parity(result, artifact.variant, f"{source.variant} in 32-bit floats")
    return result


def _only_inputs(feeds: Feeds, artifact: Artifact) -> Feeds:
    missing = [spec.name for spec in artifact.signature.inputs if spec.name not in feeds]
    if missing:
        raise InputError(f"The calibration data hold no input {missing[0]!r}", f"they hold {', '.join(feeds)}")
    return {spec.name: feeds[spec.name] for spec in artifact.signature.inputs}


def _made_up(context: Context, artifact: Artifact) -> Sequence[Feeds]:
    """What the first workload feeds, where there are no real inputs."""
    suite = context.loaded.suite
    return feeding(artifact, suite.workloads[0], context.options.inputs, suite.measure.seed).sets
