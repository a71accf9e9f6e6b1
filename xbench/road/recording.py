"""`xbench baseline`: the dense model alone, made and scored on each device, and recorded for later runs to reuse."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from .._version import __version__
from ..errors import InputError, InvalidError, StoreError, UnavailableError, XbenchError
from ..machine.fingerprint import fingerprint
from ..progress import Journey
from ..quality.scoring import example_scores
from ..quality.tasks import Task
from ..records.artifact import Artifact
from ..records.baseline import BaselineRecord, BaselineReport, BaselineRow
from ..records.profile import HardwareProfile
from ..records.quality import QualityResult
from ..records.run_record import DeviceState, RunRecord
from ..sources.factory import require_trust
from ..store.baselines import BASELINES
from ..store.folder import ResultsFolder, RunFolder
from ..store.placing import workplace
from ..suite.loading import LoadedSuite
from .beginning import find_devices, new_context, new_record
from .context import Context, RunOptions
from .converting import convert
from .dense_answers import answers
from .opening import task_of
from .preparing import STAGE as PREPARE
from .preparing import prepare
from .qualities import Known, figures
from .reusing import baseline_folder, evaluation_of, tokenizer_digest
from .scoring import STAGE as SCORE

# Seconds that the dense model takes, before it has told better.
_GUESS_SECONDS = 8.0


def record_baseline(loaded: LoadedSuite, options: RunOptions, journey: Journey) -> BaselineReport:
    """Make, score and record the dense model on each device that is here, in place of what was recorded before.

    A device that fails is a row with its reason. Raises InputError where the suite cannot be used, UnavailableError
    where no device is here, StoreError where the results folder cannot be written.
    """
    suite = loaded.suite
    alone = replace(loaded, suite=suite.model_copy(update={"variants": (suite.baseline,)}))
    task = _opened(alone, options)
    devices = find_devices(options.hardware or suite.hardware, options.profile_folders, as_is=options.as_is)
    _require_some(devices, journey)
    results = ResultsFolder(options.output)
    results.make_room()
    with results.working(), workplace(options.output / BASELINES) as place:
        context = new_context(alone, options, results, RunFolder(place), journey, task)
        journey.plan(PREPARE, 1, _GUESS_SECONDS)
        journey.plan(SCORE, sum(device.availability.available for device in devices), _GUESS_SECONDS)
        made = _made(context, new_record(alone, place.name, "", devices))
        asked = [number for number, device in enumerate(devices) if device.availability.available or device.explicit]
        rows = tuple(_row(context, task, made, number) for number in asked)
        journey.end()
    return BaselineReport(suite=suite.name, suite_sha256=loaded.sha256, xbench_version=__version__, rows=rows)


def _opened(loaded: LoadedSuite, options: RunOptions) -> Task:
    """The task, once all code that is run is trusted. Raises InputError."""
    for reference in loaded.suite.code:
        require_trust(reference, options.trusted)
    task = task_of(loaded, options.trusted)
    if task is None:
        raise InputError(
            f"The suite {loaded.suite.name} has no baseline to record",
            "it has no key evaluate: no data are named to answer",
            "add the key evaluate, see docs/suite.md",
        )
    return task


def _require_some(devices: Sequence[DeviceState], journey: Journey) -> None:
    """Tell which devices are not here. Raises UnavailableError where none is."""
    absent = [device for device in devices if not device.availability.available]
    told = [f"{device.profile.name} is not here: {device.availability.reason}" for device in absent]
    if len(absent) == len(devices):
        raise UnavailableError(
            "No baseline can be recorded", told[0] if told else "", "`xbench hardware list --here` shows what is here"
        )
    for text in told:
        journey.note(text)


def _made(context: Context, record: RunRecord) -> RunRecord:
    """The dense model's files: the exported one, and those of other precisions that a device takes."""
    here = [device.profile.name for device in record.devices if device.availability.available]
    wanted = {record.baseline, *(record.baseline_on(name) for name in here)}
    variants = tuple(state for state in record.variants if state.name in wanted)
    return convert(context, prepare(context, record.model_copy(update={"variants": variants})))


def _row(context: Context, task: Task, record: RunRecord, number: int) -> BaselineRow:
    device = record.devices[number]
    profile, here = device.profile, device.availability
    if not here.available:
        return BaselineRow(
            hardware=profile.name,
            failure=here.reason,
            remedy=here.remedy,
            exit_code=UnavailableError.exit_code,
        )
    try:
        return _recorded(context, task, record, profile, number)
    except StoreError:
        raise  # the others could not be written either
    except XbenchError as error:
        context.journey.note(f"{profile.name}: {error.reason}")
        return BaselineRow(
            hardware=profile.name, failure=error.reason, remedy=error.remedy, exit_code=error.exit_code
        )


def _recorded(context: Context, task: Task, record: RunRecord, profile: HardwareProfile, number: int) -> BaselineRow:
    """Score the dense model on one device, and put what came of it in place."""
    name = record.baseline_on(profile.name)
    state = next(one for one in record.variants if one.name == name)
    if state.artifact is None:
        raise InvalidError(f"{name} could not be made", state.failure)
    context.journey.begin(SCORE, f"{name} on {profile.name}")
    file = context.folder.kept_file(f"h{number:02d}")
    kept = answers(state.artifact, task, profile, context.limit_for(profile), file, context.journey)
    scores = example_scores(task, kept, None, name, profile.name)
    known = Known(context.loaded.suite, task.metrics, task.examples, task.label)
    result = figures(record, name, profile.name, {name: scores}, known)
    if result.failure:
        raise InvalidError(f"{name} could not be scored", result.failure)
    found = _described(context, task, state.artifact, profile, result)
    folder = baseline_folder(context.results.path, context.loaded, profile)
    stored = folder.put(found, file, scores, task.examples)
    return BaselineRow(hardware=profile.name, path=str(folder.path), baseline=stored)


def _described(
    context: Context, task: Task, artifact: Artifact, profile: HardwareProfile, result: QualityResult
) -> BaselineRecord:
    return BaselineRecord(
        suite=context.loaded.suite.name,
        variant=artifact.variant,
        hardware=profile.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        xbench_version=__version__,
        artifact_sha256=artifact.sha256,
        graph_sha256=artifact.graph_sha256,
        evaluate=evaluation_of(context.loaded),
        tokenizer_sha256=tokenizer_digest(context.loaded),
        data=task.data,
        profile=profile,
        fingerprint=fingerprint(),
        result=result,
    )
