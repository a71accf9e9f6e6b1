"""Two recorded runs side by side: in what they differ, and what came of it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from ..records.comparison import Comparison, GateVerdict
from ..records.run_diff import Change, FileChange, RunDiff, SpeedChange, VerdictChange
from ..records.run_record import DeviceState, GroupState, RunRecord, VariantState
from ..stats.quotients import quotient
from ..store.folder import RunFolder
from ..suite.model import Suite
from .pairing_quality import quality_changes

NONE = "-"
_TERMS = ("batch", "inputs_sha256", "load", "schedule", "simulated")
Case = tuple[str, str, str]


def diff_runs(first: RunRecord, second: RunRecord, folders: tuple[RunFolder, RunFolder] | None = None) -> RunDiff:
    """What differs, from `first` to `second`. `folders` hold the scores by which quality is paired; None: it is not.

    Speedups are set against each other only where the fingerprints are equal: figures of two machines, or of two sets
    of libraries, stand side by side. Dense is measured in both runs, so that what the machine has become is in both
    speedups and cancels; what changed for one file alone is not seen (`stats/quotients.py`). Raises StoreError where
    scores cannot be read.
    """
    machine = _changes(first.fingerprint.model_dump(mode="json"), second.fingerprint.model_dump(mode="json"))
    why = f"the fingerprints differ: {_told(machine[0])}" if machine else ""
    cases = list(dict.fromkeys((*_cases(first), *_cases(second))))
    mine, theirs = set(_cases(first)), set(_cases(second))
    return RunDiff(
        first=first.id,
        second=second.id,
        not_comparable=why,
        suite=_changes(_suite(first), _suite(second)),
        policy=_changes(first.policy.model_dump(mode="json"), second.policy.model_dump(mode="json")),
        fingerprint=machine,
        others=tuple(_others(first, second)),
        files=tuple(_files(first, second)),
        speeds=tuple(_speed(first, second, case, why) for case in cases if case in mine and case in theirs),
        qualities=tuple(quality_changes(first, second, folders)),
        verdicts=tuple(_verdicts(first, second)),
        only_first=tuple(_case_text(case) for case in cases if case not in theirs),
        only_second=tuple(_case_text(case) for case in cases if case not in mine),
    )


def _flat(value: Any, name: str = "") -> dict[str, str]:
    """Every single value by where it stands. Lists of things with names are by name, others by number from 1."""
    if isinstance(value, Mapping) and value:
        parts = [(str(key), inner) for key, inner in value.items()]
    elif isinstance(value, list | tuple) and value:
        parts = [(_called(inner, number), inner) for number, inner in enumerate(value, 1)]
    else:
        return {name: NONE if value is None or value in ("", {}, [], ()) else str(value)}
    found: dict[str, str] = {}
    for key, inner in parts:
        found |= _flat(inner, f"{name}.{key}" if name else key)
    return found


def _called(inner: Any, number: int) -> str:
    return str(inner["name"]) if isinstance(inner, Mapping) and inner.get("name") else str(number)


def _changes(first: Any, second: Any) -> tuple[Change, ...]:
    """What is not alike, by where it stands. What one of them does not have is the same as nothing."""
    mine, theirs = _flat(first), _flat(second)
    names = dict.fromkeys((*mine, *theirs))
    found = [Change(what=name, first=mine.get(name, NONE), second=theirs.get(name, NONE)) for name in names]
    return tuple(one for one in found if one.first != one.second)


def _told(one: Change) -> str:
    return f"{one.what}: {one.first} and {one.second}"


def _others(first: RunRecord, second: RunRecord) -> Iterator[Change]:
    """What is neither suite nor policy nor machine: the state, xbench, the data, the devices."""
    for what in ("status", "xbench_version", "outcome"):
        yield from _changes({what: getattr(first, what)}, {what: getattr(second, what)})
    mine, theirs = (run.data.model_dump(mode="json") if run.data is not None else {} for run in (first, second))
    yield from _changes({"data": mine}, {"data": theirs})
    devices, others = ({device.profile.name: device for device in run.devices} for run in (first, second))
    for name in dict.fromkeys((*devices, *others)):
        one, other = devices.get(name), others.get(name)
        if one is None or other is None:
            yield Change(what=f"hardware.{name}", first=_here(one), second=_here(other))
        else:
            yield from _changes({"hardware": {name: _target(one)}}, {"hardware": {name: _target(other)}})


def _here(device: DeviceState | None) -> str:
    return NONE if device is None else "available" if device.availability.available else "unavailable"


def _target(device: DeviceState) -> dict[str, Any]:
    return {"here": _here(device), **device.profile.model_dump(mode="json", exclude={"schema_"})}


def _suite(run: RunRecord) -> Mapping[str, Any]:
    """The suite with all defaults as they are now, so that an older form of the same is no difference."""
    try:
        return Suite.model_validate(run.suite).model_dump(mode="json", by_alias=True)
    except ValidationError:
        return run.suite  # of a form that is not read any more: as it stands


def _files(first: RunRecord, second: RunRecord) -> Iterator[FileChange]:
    mine, theirs = ({state.name: state for state in run.variants} for run in (first, second))
    for name in dict.fromkeys((*mine, *theirs)):
        one, other = _digest(mine.get(name)), _digest(theirs.get(name))
        if one or other:
            files = "same" if one == other else "other" if one and other else _only(one)
            yield FileChange.model_validate(
                {"variant": name, "files": files, "first_sha256": one, "second_sha256": other}
            )


def _only(first: str) -> str:
    return "only in the first" if first else "only in the second"


def _digest(state: VariantState | None) -> str:
    return state.artifact.sha256 if state is not None and state.artifact is not None else ""


def _cases(run: RunRecord) -> list[Case]:
    """What was compared with dense, or should have been."""
    return list(dict.fromkeys((c.candidate, c.hardware, c.workload) for g in run.groups for c in g.comparisons))


def _case_text(case: Case) -> str:
    return f"{case[0]} on {case[1]}, {case[2]}"


def _speed(first: RunRecord, second: RunRecord, case: Case, why: str) -> SpeedChange:
    """The first comparison of a candidate: the one in its own precision."""
    groups = [run.group(case[1], case[2]) for run in (first, second)]
    mine, theirs = (next((c for c in g.comparisons if c.candidate == case[0]), None) if g else None for g in groups)
    found = SpeedChange(
        variant=case[0],
        hardware=case[1],
        workload=case[2],
        first=mine.speedup if mine else None,
        second=theirs.speedup if theirs else None,
    )
    note = _missing(mine, "the first") or _missing(theirs, "the second") or why or _other_terms(groups, mine, theirs)
    if note or found.first is None or found.second is None:
        return found.model_copy(update={"note": note})
    try:
        change = quotient(found.second, found.first)
    except ValueError as error:
        return found.model_copy(update={"note": str(error)})
    notes = [_dense_note(first, second, mine, theirs), ""]
    floor = _floor(mine, theirs)
    if floor is None:
        notes[1] = "a run without a noise floor cannot tell"
    differ = None if floor is None else change.low > 1 + floor or change.high < 1 / (1 + floor)
    return found.model_copy(update={"change": change, "differ": differ, "note": "; ".join(filter(None, notes))})


def _floor(mine: Comparison | None, theirs: Comparison | None) -> float | None:
    """The noise floors of both runs, one on the other (relative); None where one of them has none."""
    floors = [one.noise_floor if one is not None else None for one in (mine, theirs)]
    return None if None in floors else math.prod(1 + floor for floor in floors if floor is not None) - 1


def _missing(one: Comparison | None, whose: str) -> str:
    """Why a run has no speedup of the case; empty where it has."""
    if one is None or (one.speedup is not None and one.verdict not in ("invalid", "untimed")):
        return ""
    return f"{whose} run has none: {'; '.join(one.reasons) or one.verdict}"


def _other_terms(groups: list[GroupState | None], mine: Comparison | None, theirs: Comparison | None) -> str:
    """Under what else the two were measured, the first such thing; empty where it was the same."""
    one, other = groups
    if one is None or other is None or mine is None or theirs is None:
        return "one of the runs has not measured it"
    for name in _TERMS:
        if getattr(one, name) != getattr(other, name):
            return f"measured under other terms: {name}"
    if mine.baseline != theirs.baseline:
        return f"compared with {mine.baseline}, and with {theirs.baseline}"
    return ""


def _dense_note(first: RunRecord, second: RunRecord, mine: Comparison | None, theirs: Comparison | None) -> str:
    """That dense itself is another file; empty where it is the same."""
    names = [one.baseline if one is not None else "" for one in (mine, theirs)]
    files = [
        next((_digest(state) for state in run.variants if state.name == name), "")
        for run, name in zip((first, second), names, strict=True)
    ]
    return "dense is another file" if files[0] != files[1] else ""


def _verdicts(first: RunRecord, second: RunRecord) -> Iterator[VerdictChange]:
    mine, theirs = ({_gate(one): one for one in run.verdicts} for run in (first, second))
    for key in dict.fromkeys((*mine, *theirs)):
        variant, hardware, workload, gate, part = key
        yield VerdictChange(
            variant=variant,
            hardware=hardware,
            workload=workload,
            gate=gate,
            slice=part,
            first=mine[key].outcome if key in mine else NONE,
            second=theirs[key].outcome if key in theirs else NONE,
        )


def _gate(one: GateVerdict) -> tuple[str, str, str, str, str]:
    return one.variant, one.hardware, one.workload, one.gate, one.slice
