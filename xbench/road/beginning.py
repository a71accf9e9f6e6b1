"""The beginning of a run: what was asked for, what is here, and where the results will lie."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

from .._version import __version__
from ..errors import InputError, InvalidError, StoreError
from ..gate.planning import plan_quality
from ..machine.described import Machine, this_machine
from ..machine.fingerprint import fingerprint
from ..measure.model_file import needs_module
from ..plugins import runner_class
from ..profiles.borrowing import borrowed
from ..profiles.files import AUTO
from ..profiles.finding import all_profiles, choose
from ..profiles.matching import availability, needed_packages
from ..progress import Journey
from ..quality.tasks import Task
from ..records.profile import Availability, HardwareProfile
from ..records.run_record import DeviceState, RunRecord, VariantState
from ..sources.factory import require_trust
from ..store.folder import ResultsFolder, RunFolder
from ..suite.loading import LoadedSuite
from ..suite.model import Suite, in_precision
from ..suite.policy import load_policy
from .checking import Here, check_examples, check_policy, doubts_on_production, held
from .context import Context, RunOptions
from .opening import task_of
from .reusing import baseline_folder, require_same_data


def find_devices(names: Sequence[str], folders: Sequence[Path], *, as_is: bool = False) -> tuple[DeviceState, ...]:
    """The deployment targets that are asked for, and whether each is here. Raises InputError.

    With `as_is`, a profile of another machine that is asked for by its name is tried all the same, and takes
    this machine's name.
    """
    known = all_profiles(folders)
    chosen = choose(names or (AUTO,), known)
    if as_is and not any(profile.name in names for profile in chosen):
        raise InputError("--as-is was asked for", "no profile was named", "name one, such as --hardware NAME")
    machine = this_machine(needed_packages(chosen))
    devices: list[DeviceState] = []
    taken = {*known, *known.abstract}
    for profile in chosen:
        explicit = profile.name in names
        state = availability(profile, machine)
        if as_is and explicit and state.machine:
            profile, state = _as_is(profile, machine, taken)
            taken.add(profile.name)
        simulated = state.available and runner_class(profile.runner).simulated
        devices.append(DeviceState(profile=profile, availability=state, explicit=explicit, simulated=simulated))
    return tuple(devices)


def _as_is(profile: HardwareProfile, machine: Machine, taken: Container[str]) -> tuple[HardwareProfile, Availability]:
    """The profile under this machine's name; or the one that was asked for, where nothing can be measured here."""
    own = borrowed(profile, machine, taken)
    state = availability(own, machine)
    return (own if state.available else profile), state


def begin(loaded: LoadedSuite, options: RunOptions, journey: Journey) -> tuple[Context, RunRecord]:
    """Everything that can be refused before work begins is refused here. Raises InputError, StoreError."""
    if options.policy is not None:
        loaded = replace(loaded, policy=load_policy(options.policy))
    suite, results = loaded.suite, ResultsFolder(options.output)
    devices = find_devices(options.hardware or suite.hardware, options.profile_folders, as_is=options.as_is)
    for reference in suite.code:  # before the data are opened: an iterator is code too
        require_trust(reference, options.trusted)
    task = task_of(loaded, options.trusted)
    known = partial(all_profiles, options.profile_folders)
    here = Here(suite, loaded.policy.policy, loaded.policy.shared, devices, known)
    check_examples(here, task)
    for text in check_policy(here):
        journey.note(text)
    _check_baselines(loaded, task, options.output, devices)
    folder, record = _resumed(loaded, results, journey) if options.resume else (None, None)
    if record is not None:
        _require_same_devices(record, devices)
        _require_same_data(record, task)
        record = record.model_copy(update={"status": "running", "failure": "", "exit_code": None})
    if folder is None or record is None:
        folder = results.new_run(suite.name)
        record = new_record(loaded, folder.id, folder.created, devices)
        folder.save_suite(loaded.text)
        if loaded.policy.text:
            folder.save_policy(loaded.policy.text)
        folder.save(record)
    for text in doubts_on_production(record, loaded, results):
        journey.note(text)
    context = new_context(loaded, options, results, folder, journey, task)
    return context, _planned(context, record)


def new_record(loaded: LoadedSuite, name: str, created: str, devices: Sequence[DeviceState]) -> RunRecord:
    """The record of a run of which nothing is done yet."""
    suite = loaded.suite
    return RunRecord(
        id=name,
        created=created,
        status="running",
        xbench_version=__version__,
        suite=suite.model_dump(mode="json", by_alias=True),
        suite_sha256=loaded.sha256,
        fingerprint=fingerprint(),
        devices=tuple(_taking(device, suite.precisions) for device in devices),
        variants=_variants(suite),
        policy=loaded.policy.policy,
        policy_sha256=loaded.policy.sha256,
    )


def new_context(
    loaded: LoadedSuite,
    options: RunOptions,
    results: ResultsFolder,
    folder: RunFolder,
    journey: Journey,
    task: Task | None,
) -> Context:
    """What stays the same: the command line's wishes, and the suite's where it has none."""
    measure = loaded.suite.measure
    return Context(
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


def _planned(context: Context, record: RunRecord) -> RunRecord:
    """The record with the data and what gates can decide on them; what they probably cannot is told at once."""
    suite, task = context.loaded.suite, context.task
    if task is None or suite.evaluate is None:
        return record
    rules = [rule for _, rule in held(suite, record.policy, record.devices)]
    slices = {name: int(members.sum()) for name, members in task.examples.slices.items()}
    plans = plan_quality(rules, task.data, task.metrics, suite.evaluate.expected_change, slices)
    for plan in plans:
        if not plan.decidable or (plan.needed is not None and plan.needed > plan.examples):
            context.journey.note(plan.text)
    return record.model_copy(update={"data": task.data, "quality_plan": plans})


def _check_baselines(loaded: LoadedSuite, task: Task | None, results: Path, devices: Sequence[DeviceState]) -> None:
    """Data that are others than those that a baseline was recorded with are refused before anything is run."""
    if task is not None:
        for device in devices:
            if device.availability.available:
                require_same_data(loaded, task.data, baseline_folder(results, loaded, device.profile))


def _require_same_data(record: RunRecord, task: Task | None) -> None:
    """A resumed run goes on with the data that it was begun with: scores of some variants may be there."""
    if task is not None and record.data is not None and record.data.sha256 != task.data.sha256:
        raise InvalidError(
            f"The data are not those that the run {record.id} was begun with",
            f"then their sha256 was {record.data.sha256}, now it is {task.data.sha256}",
            "leave out --resume to begin anew",
        )


def _variants(suite: Suite) -> tuple[VariantState, ...]:
    """All variants as they are, then all of them in each other precision."""
    return tuple(
        VariantState(
            name=in_precision(variant.name, precision),
            baseline=variant.baseline and precision == "fp32",
            of=variant.name,
            precision=precision,
        )
        for precision in suite.precisions
        for variant in suite.variants
    )


def _taking(device: DeviceState, precisions: Sequence[str]) -> DeviceState:
    """A device of fp16 or int8 takes the files of that precision, where there are any; PyTorch the modules alone."""
    named = device.profile.precision
    taken: tuple[str, ...] = (named,) if named in ("fp16", "int8") and named in precisions else ()
    if len(precisions) > 1 and device.availability.available and needs_module(device.profile):
        taken = ("fp32",)
    return device.model_copy(update={"precisions": taken})


def _require_same_devices(record: RunRecord, devices: Sequence[DeviceState]) -> None:
    """A resumed run goes on with the devices, and their profiles, that it was begun with."""
    before, now = ([device.profile for device in some] for some in (record.devices, devices))
    if before != now:
        raise InvalidError(
            f"The run {record.id} was begun for other devices, or with other profiles",
            f"then {', '.join(one.name for one in before)}; now {', '.join(one.name for one in now)}",
            "name the same --hardware, --profile-dir and --as-is, or leave out --resume to begin anew",
        )


def _require_same_policy(record: RunRecord, loaded: LoadedSuite) -> None:
    """A resumed run goes on under the policy that it was begun with: how often gates are looked at is in it."""
    if record.policy_sha256 != loaded.policy.sha256:
        then, now = (f"sha256 {one}" if one else "none" for one in (record.policy_sha256, loaded.policy.sha256))
        raise InvalidError(
            f"The run {record.id} was begun under another policy",
            f"then {then}, now {now}",
            "name the same --policy, or leave out --resume to begin anew",
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
            _require_same_policy(record, loaded)
            return folder, record
    raise StoreError(
        f"No unfinished run of this suite lies in {results.path}",
        "a run is resumed only by the very suite it was begun with",
        "leave out --resume to begin anew",
    )
