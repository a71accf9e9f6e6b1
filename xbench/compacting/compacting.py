"""The story of a compaction: open, size, take out, write, check, verify, put in place."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from .._version import __version__
from ..artifacts.describing import describe
from ..artifacts.keeping import sign
from ..artifacts.precision import held_precision
from ..errors import InputError
from ..measure.inspection import loaded
from ..onnxfile.external import external_tensors, stretch_of
from ..onnxfile.inlining import inlined
from ..onnxfile.inputs import plan_inputs
from ..onnxfile.macs import Shape
from ..onnxfile.opening import open_model
from ..onnxfile.wishes import Wanted
from ..onnxfile.writing import DATA_SUFFIX, INLINE_BYTES, write_model
from ..progress import Journey
from ..records.artifact import Artifact
from ..records.compaction import Compaction, Difference, FileState
from ..store.files import storing
from ..store.placing import put, require_free, workplace
from .checking import checked, require_same_signature
from .counting import file_state, kept, one_inference, removal
from .repeating import Rounds, everything_gone
from .sizing import Sizing, sized
from .trying import random_trials, users_trials
from .verifying import Trial, Verifying, require_runtime, verified

NOTHING = InputError.exit_code
"""The exit code where nothing can go and nothing was written: 0 always means that the file is there, and checked."""

COMPACTED_FROM = "compacted_from"
"""The key of the provenance that tells the sha256 of the file that was compacted."""

_ELSEWHERE = "for OUT.onnx"
_PARTS = {"open": 1.0, "size": 3.0, "take out": 3.0, "write": 1.0, "verify": 8.0}


@dataclass(frozen=True)
class Compacting:
    """What the command line says. `inputs` are the user's own, of any sizes; `inline_bytes` as in `write_model`."""

    shapes: dict[str, Shape] = field(default_factory=dict)
    inputs: tuple[Path, ...] = ()
    force: bool = False
    verifying: Verifying = field(default_factory=Verifying)
    inline_bytes: int = INLINE_BYTES


def compact(source: Path, target: Path, how: Compacting, journey: Journey) -> Compaction:
    """Write `source` without its units that are only zeroed to `target`, if there are any, and it computes the same.

    Raises InputError for a file that is no usable model, wishes that do not fit it, and a target that may not be
    written; InvalidError where the compacted file would not be the same to its users; UnavailableError without ONNX
    Runtime. Whatever is raised, nothing was written.
    """
    for part, seconds in _PARTS.items():
        journey.plan(part, 1, seconds)
    with _part(journey, "open", source):
        require_runtime(how.verifying)
        _require_free(source, target, how.force)
        opened = _opened(source, how)
    with _part(journey, "size", source):
        sizing = _sized(opened, how)
        trials, notes = _trials(opened, sizing)
        macs = one_inference(opened.model, sizing.shapes)
    with _part(journey, "take out", source):
        rounds = everything_gone(opened.model, sizing.shapes)
    made = _made(opened, target, rounds, trials, how, journey) if rounds.plans else _Made()
    return Compaction(
        xbench_version=__version__,
        source=file_state(source, opened.artifact, macs),
        target=made.state,
        gone=tuple(map(removal, rounds.gone)),
        stays=tuple(map(kept, rounds.stays)),
        folded_biases=rounds.folded,
        carriers=rounds.carriers,
        rounds=len(rounds.plans),
        inputs=made.fed,
        differences=made.differences,
        notes=(*notes, *made.notes),
        seconds=dict(journey.seconds),
        exit_code=0 if rounds.plans else NOTHING,
    )


@dataclass(frozen=True)
class _Opened:
    """The file; `model` holds all its weights, and is changed later."""

    path: Path
    artifact: Artifact
    model: onnx.ModelProto
    has_functions: bool
    given: Sequence[Trial]


@dataclass(frozen=True)
class _Made:
    """What was written and proven; nothing, unless it was."""

    state: FileState | None = None
    fed: tuple[str, ...] = ()
    differences: tuple[Difference, ...] = ()
    notes: tuple[str, ...] = ()


@contextmanager
def _part(journey: Journey, part: str, path: Path) -> Iterator[None]:
    journey.begin(part, path.name)
    yield
    journey.end()


def _require_free(source: Path, target: Path, force: bool) -> None:
    """Raise InputError where the target is there and may not be replaced, or is a file of the input; StoreError where
    it could not be written."""
    model = open_model(source, load_external=False)
    own = [source, *{stretch_of(source, tensor).file for tensor in external_tensors(model)}]
    names = [target.name, target.name + DATA_SUFFIX]
    for path in (target.with_name(name) for name in names if target.name):
        with storing(path, _ELSEWHERE):
            same = path.exists() and any(path.samefile(file) for file in own)
        if same:
            found = "it is the input" if path.samefile(source) else "the input has its weights in there"
            raise InputError(f"{path} cannot be written", found, "name another file for OUT.onnx")
    require_free(target.parent, names, force, _ELSEWHERE)
    folder = next(each for each in target.absolute().parents if os.path.lexists(each))
    with storing(folder, _ELSEWHERE), tempfile.TemporaryFile(dir=folder):
        pass  # found out before any work, and with the system's own reason


def _opened(source: Path, how: Compacting) -> _Opened:
    artifact = describe(source, source.name)
    given = users_trials(how.inputs, artifact.signature)
    model = open_model(source)
    has_functions = bool(model.functions)
    return _Opened(source, artifact, inlined(model), has_functions, given)


def _sized(opened: _Opened, how: Compacting) -> Sizing:
    wanted = Wanted(how.shapes, how.inputs[:1])
    if opened.has_functions:
        return sized(opened.model, "its local functions were put in place", wanted)
    checks = how.verifying
    with loaded(opened.path, opened.path.name, checks.fast, checks.time_limit) as running:
        return sized(opened.model, running, wanted)


def _trials(opened: _Opened, sizing: Sizing) -> tuple[list[Trial], tuple[str, ...]]:
    """What both files will be fed, and notes."""
    fault = opened.artifact.provenance_fault
    notes = [sizing.note, f"of {opened.path.name}: {fault}" if fault else ""]
    if opened.has_functions:
        notes.append("its local functions were put in place")
    shapes = [{name: array.shape for name, array in feeds.items()} for feeds in sizing.feeds]
    try:
        made = random_trials([plan_inputs(opened.model, each, None, {}) for each in shapes])
    except InputError as error:
        if not opened.given:
            raise
        made = []
        notes.append(f"no random inputs were fed: {error.reason}")
    if not made and not opened.given:
        raise InputError(
            f"What is made of {opened.path.name} cannot be verified",
            "no inputs were found that it runs with",
            "give --shape or --inputs",
        )
    return [*made, *opened.given], tuple(note for note in notes if note)


def _made(
    opened: _Opened, target: Path, rounds: Rounds, trials: Sequence[Trial], how: Compacting, journey: Journey
) -> _Made:
    """Write the model as it is now, prove it, and put it in place."""
    source, folder = opened.path, target.absolute().parent
    with workplace(folder, _ELSEWHERE) as place:
        draft = place / target.name
        with _part(journey, "write", target), storing(draft, _ELSEWHERE):
            macs = one_inference(opened.model, rounds.shapes)
            data = write_model(opened.model, draft, how.inline_bytes)
            sign(draft, {COMPACTED_FROM: opened.artifact.sha256})
        with _part(journey, "verify", target):
            notes = checked(source, draft)
            require_same_signature(source, draft)
            precision = held_precision(opened.artifact.audit)
            differences, fed = verified(source, draft, trials, precision, how.verifying)
            state = file_state(target, describe(draft, target.name), macs)
        put([*([data] if data else []), draft], folder, how.force, _ELSEWHERE)
    return _Made(state, fed, differences, notes)
