"""The version in production on each device: a variant of this run, or of a recorded one that can be trusted."""

from __future__ import annotations

from collections.abc import Iterator

from pydantic import ValidationError

from ..errors import StoreError
from ..records.policy import Policy, Production
from ..records.profile import HardwareProfile
from ..records.run_record import DeviceState, RunRecord, VariantState
from ..store.folder import ResultsFolder, RunFolder, is_run_id
from ..store.verifying import verify
from ..suite.model import Suite
from .question import Reference, Source

BESIDE = "put the version in production into the suite, so that both are measured in one run"
# What tells people about a target, or what it costs, and changes no figure.
_WORDS = ("title", "evidence", "auto", "facts", "cost_per_hour", "currency", "cost_source")


def references(
    record: RunRecord, suite: Suite, policy: Policy, results: ResultsFolder | None, folder: RunFolder | None
) -> dict[str, Reference | str]:
    """By device, where the policy names a version: the reference, or why it cannot be looked at.

    Of several entries the first counts that names the device or none. A recorded run counts only where it is
    complete, sealed, as its manifest lists it, of the same suite, model and profile, and of an equal fingerprint
    (rule 1 of section 4 of the design): the machine, its software and xbench itself.
    """
    found: dict[str, Reference | str] = {}
    own = Source(record, suite, folder)
    others: dict[str, Source | str] = {}
    for device in record.devices:
        named = _named(policy, device.profile.name)
        if named is None:
            continue
        if named.run in ("", record.id):
            found[device.profile.name] = _within(own, named, device, historical=False)
            continue
        if named.run not in others:
            others[named.run] = _recorded(record, suite, named.run, results)
        other = others[named.run]
        told = other if isinstance(other, str) else _within(other, named, device, historical=True)
        found[device.profile.name] = told if isinstance(told, Reference) else _in_run(named, told)
    return found


def is_production(source: Source, variant: str, hardware: str) -> bool:
    """Whether a variant of this run is the version in production there: it has no verdict against itself."""
    found = (source.production or {}).get(hardware)
    return isinstance(found, Reference) and not found.historical and found.variant == variant


def profiles_apart(here: HardwareProfile, there: HardwareProfile) -> Iterator[str]:
    """In what two profiles of one name differ that may change a figure, in words."""
    ours, its = (one.model_dump(exclude=set(_WORDS)) for one in (here, there))
    yield from (f"profile.{name}: {ours[name]!r} and {its[name]!r}" for name in ours if ours[name] != its[name])


def _named(policy: Policy, hardware: str) -> Production | None:
    return next((one for one in policy.production if not one.hardware or hardware in one.hardware), None)


def _in_run(named: Production, why: str) -> str:
    return f"the version in production, {named.variant} of the run {named.run}, cannot be looked at: {why}"


def _within(source: Source, named: Production, device: DeviceState, historical: bool) -> Reference | str:
    """The variant of a run, in the precision that the device takes."""
    record, hardware = source.record, device.profile.name
    there = next((one for one in record.devices if one.profile.name == hardware), None)
    if there is None:
        known = ", ".join(one.profile.name for one in record.devices)
        return f"it was not on {hardware}, but on {known or 'no device'}"
    apart = next(profiles_apart(device.profile, there.profile), "")
    if apart:
        return f"it was made under other terms: {apart}; {BESIDE}"
    if not there.availability.available:
        return f"{hardware} was not there: {there.availability.reason}"
    state = _state(record, named.variant, hardware)
    if state is None:
        known = ", ".join(one.name for one in record.states_on(hardware))
        return f"there is no variant {named.variant!r} on {hardware}: known are {known or 'none'}"
    if state.artifact is None:
        return f"{state.name}, the version in production, could not be made: {state.failure}"
    return Reference(state.name, source, historical)


def _state(record: RunRecord, variant: str, hardware: str) -> VariantState | None:
    """By its own name, or the first that was made of it in a precision that the device takes."""
    states = record.states_on(hardware)
    exact = next((state for state in states if state.name == variant), None)
    return exact or next((state for state in states if state.source == variant), None)


def _recorded(record: RunRecord, suite: Suite, run: str, results: ResultsFolder | None) -> Source | str:
    """Another run as a source, or why it is none."""
    if results is None:
        return "the results folder is not known"
    if not is_run_id(run):
        return f"{run!r} is not the whole id of a run"
    folder = RunFolder(results.path / run)
    if not folder.path.is_dir():
        return "there is no such run in the results folder"
    try:
        checked = verify(folder)
        if checked.problems or not checked.sealed:
            return _without_path(next(iter(checked.problems), checked.unsealed), folder)
        found = folder.load()
        other = Suite.model_validate(found.suite)
    except StoreError as error:
        return _without_path(error.reason, folder)
    except ValidationError as error:
        return f"its suite cannot be read: {error.errors()[0]['msg']}"
    return _unlike(record, suite, found, other) or Source(found, other, folder)


def _without_path(reason: str, folder: RunFolder) -> str:
    """Records, and so the reasons in them, hold no path of this machine."""
    return reason.replace(f"{folder.path}/", "").replace(str(folder.path), folder.id)


def _unlike(record: RunRecord, suite: Suite, found: RunRecord, other: Suite) -> str:
    """Why figures of another run may not be set against this one's; nothing where they may."""
    if other.name != suite.name:
        return f"it is of another suite: {other.name}, and this one is {suite.name}"
    if other.model != suite.model:
        return "its model is another one than this suite's"
    apart = record.fingerprint.differences(found.fingerprint)
    return f"it was made under other terms: {apart[0]}; {BESIDE}" if apart else ""
