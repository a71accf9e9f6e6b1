"""The beginning of a run: what was asked for, what is here, and where the results will lie."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from .._version import __version__
from ..errors import InputError, InvalidError, StoreError
from ..machine.fingerprint import fingerprint
from ..plugins import runner_class
from ..prepare.locating import transformers_folder
from ..profiles.finding import AUTO, all_profiles, choose
from ..profiles.matching import availability
from ..progress import Journey
from ..quality.evaluation import make_task
from ..quality.tasks import Task
from ..records.run_record import DeviceState, RunRecord, VariantState
from ..sources.factory import require_trust
from ..store.folder import ResultsFolder, RunFolder
from ..suite.loading import LoadedSuite
from .context import Context, RunOptions


def find_devices(names: Sequence[str], folders: Sequence[Path]) -> tuple[DeviceState, ...]:
    """The deployment targets that are asked for, and whether each is here. Raises InputError."""
    known = all_profiles(folders)
    return tuple(
        DeviceState(
            profile=profile,
            availability=availability(profile),
            explicit=profile.name in names,
            simulated=runner_class(profile.runner).simulated,
        )
        for profile in choose(names or (AUTO,), known)
    )


def begin(loaded: LoadedSuite, options: RunOptions, journey: Journey) -> tuple[Context, RunRecord]:
    """Everything that can be refused before work begins is refused here. Raises InputError, StoreError."""
    suite, results = loaded.suite, ResultsFolder(options.output)
    devices = find_devices(options.hardware or suite.hardware, options.profile_folders)
    task = _task(loaded)
    _check_metrics(loaded, task)
    for reference in suite.code:
        require_trust(reference, options.trusted)
    folder, record = _resumed(loaded, results, journey) if options.resume else (None, None)
    if record is not None:
        _require_same_devices(record, devices)
        record = record.model_copy(update={"status": "running", "failure": "", "exit_code": None})
    if folder is None or record is None:
        folder = results.new_run(suite.name)
        record = RunRecord(
            id=folder.id,
            created=folder.created,
            status="running",
            xbench_version=__version__,
            suite=suite.model_dump(mode="json", by_alias=True),
            suite_sha256=loaded.sha256,
            fingerprint=fingerprint(),
            devices=devices,
            variants=tuple(VariantState(name=v.name, baseline=v.baseline) for v in suite.variants),
        )
        folder.save_suite(loaded.text)
        folder.save(record)
    measure = suite.measure
    context = Context(
        loaded=loaded,
        options=options,
        results=results,
        folder=folder,
        journey=journey,
        task=task,
        time_limit=options.time_limit or measure.time_limit,
        budget=options.budget or measure.budget,
        precision=options.precision or measure.precision,
    )
    return context, record


def _require_same_devices(record: RunRecord, devices: Sequence[DeviceState]) -> None:
    """A resumed run goes on with the devices, and their profiles, that it was begun with."""
    before, now = ([device.profile for device in some] for some in (record.devices, devices))
    if before != now:
        raise InvalidError(
            f"The run {record.id} was begun for other devices, or with other profiles",
            f"then {', '.join(one.name for one in before)}; now {', '.join(one.name for one in now)}",
            "name the same --hardware and --profile-dir, or leave out --resume to begin anew",
        )


def _task(loaded: LoadedSuite) -> Task | None:
    spec = loaded.suite.evaluate
    if spec is None:
        return None
    named = getattr(spec, "tokenizer", None)
    return make_task(spec, loaded.path(named) if named else transformers_folder(loaded))


def _check_metrics(loaded: LoadedSuite, task: Task | None) -> None:
    """A gate on a metric that is not measured could never pass: said before anything is run."""
    suite = loaded.suite
    known = task.metrics if task is not None else ()
    for variant in suite.variants:
        for metric in suite.gate_of(variant).max_drop:
            if metric not in known:
                raise InputError(
                    f"The gate of {variant.name} asks for the metric {metric!r}",
                    f"measured are: {', '.join(known) or 'none, since the suite has no key evaluate'}",
                )


def _resumed(loaded: LoadedSuite, results: ResultsFolder, journey: Journey) -> tuple[RunFolder, RunRecord]:
    """The latest unfinished run of this very suite. Raises StoreError, or InvalidError on another machine."""
    for folder in reversed(list(results.runs())):
        try:
            record = folder.load()
        except StoreError as error:  # a damaged run stands in the way of no other
            journey.note(error.reason)
            continue
        if record.status != "complete" and record.suite_sha256 == loaded.sha256:
            different = record.fingerprint.differences(fingerprint())
            if different:
                raise InvalidError(
                    f"The run {folder.id} was begun on another machine, or with other software",
                    "; ".join(different[:3]),
                    "leave out --resume to begin anew",
                )
            return folder, record
    raise StoreError(
        f"No unfinished run of this suite lies in {results.path}",
        "a run is resumed only by the very suite it was begun with",
        "leave out --resume to begin anew",
    )
