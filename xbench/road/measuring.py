"""The stage that times: for each device and workload, all variants interleaved in one group."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from ..analysis.comparing import analyse
from ..analysis.estimating import aa_label
from ..analysis.pairing import Pairing, pairing_of
from ..errors import InvalidError, XbenchError
from ..machine.turns import alone_on_the_machine
from ..measure.exchange import write_inputs
from ..measure.interleave import measure_set
from ..measure.launching import node_cost
from ..measure.model_file import model_file
from ..measure.plan import Entry, MeasurePlan
from ..records.artifact import Artifact
from ..records.measurement import NodeCost, ProcessSet
from ..records.profile import HardwareProfile
from ..records.run_record import GroupState, RunRecord
from ..suite.model import WorkloadSpec
from .context import Context
from .feeding import Feeding, feeding, load_of
from .grouping import hopeless_group, proven_group, unmade
from .rating import rated
from .sealing import require_unchanged
from .shaping import shaped
from .stint import Stint, marked, stint_of, stopped


def measure(context: Context, record: RunRecord) -> RunRecord:
    """Measure every group that is not finished yet, saving after each process set."""
    groups = [
        (device.profile, workload)
        for device in record.devices
        if device.availability.available
        for workload in context.loaded.suite.workloads
    ]
    fed = feedings(context, record)
    for index, (profile, workload) in enumerate(groups):
        known = record.group(profile.name, workload.name)
        if known is None or not known.stopped:
            record = measure_group(context, record, index, profile, workload, fed)
    return record


def feedings(context: Context, record: RunRecord) -> dict[str, Feeding]:
    """What is fed, by workload.

    Raises InputError: what cannot be fed, or not as its scenario wants it, is told before anything is timed.
    """
    signed, measure = _dense(record), context.loaded.suite.measure
    fed = {w.name: feeding(signed, w, context.options.inputs, measure.seed) for w in context.loaded.suite.workloads}
    for workload in context.loaded.suite.workloads:
        load_of(workload, fed[workload.name].batch)
    return fed


def _dense(record: RunRecord) -> Artifact:
    artifact = next(state.artifact for state in record.variants if state.baseline)
    assert artifact is not None  # noqa: S101 - a run whose baseline cannot be made has ended before
    return artifact


def measure_group(
    context: Context,
    record: RunRecord,
    index: int,
    named: HardwareProfile,
    workload: WorkloadSpec,
    feeds: Mapping[str, Feeding],
) -> RunRecord:
    """Measure the run's `index`-th device and workload, or go on with it, until its stint is over.

    `named` is the profile as the user named it, `feeds` what `feedings` gave. Raises InvalidError where the inputs
    are not those that the group was begun with.
    """
    fed = feeds[workload.name]
    profile = shaped(named, _dense(record).signature, fed.shapes, [one.shapes for one in feeds.values()])
    pairing = pairing_of(record, profile.name)
    made = {state.name: state.artifact for state in record.states_on(profile.name)}
    artifacts = {name: artifact for name, artifact in made.items() if artifact is not None}
    suite = context.loaded.suite
    group = record.group(profile.name, workload.name)
    if group is None:
        group = _begun(context, record, pairing, artifacts, profile, workload, fed)
        record = _saved(context, record, group)
    elif group.inputs_sha256 != fed.sha256:
        raise InvalidError(
            f"The inputs of {group.workload} are not the ones that the run was begun with",
            remedy="leave out --resume to begin anew",
        )
    if pairing.baseline not in artifacts:
        return _saved(context, record, analyse(group, (), pairing, suite.measure.margin, suite.measure.seed))
    if group.untimed:
        return _saved(context, record, _untimed(context, group, pairing, artifacts))
    stint = stint_of(group, pairing, context)
    with tempfile.TemporaryDirectory(prefix="xbench-") as folder:
        inputs = Path(folder) / "inputs.npz"
        write_inputs(inputs, fed.sets)
        plan = MeasurePlan(
            profile=profile,
            inputs=inputs,
            budget_seconds=stint.budget,
            time_limit=context.time_limit,
            seed=suite.measure.seed,
            resident=group.schedule == "interleaved",
            load=group.load,
        )
        return _add_sets(context, record, index, group, stint, artifacts, plan)


def _begun(
    context: Context,
    record: RunRecord,
    pairing: Pairing,
    artifacts: Mapping[str, Artifact],
    profile: HardwareProfile,
    workload: WorkloadSpec,
    fed: Feeding,
) -> GroupState:
    """A new group, before anything is timed."""
    for line in fed.lines:
        context.journey.note(f"input {line}")
    if pairing.baseline not in artifacts:
        return hopeless_group(record, pairing, profile, workload, fed)
    group = proven_group(context, pairing, artifacts, profile, workload, fed)
    named = next(device.profile for device in record.devices if device.profile.name == profile.name)
    ceiling, why = rated(named, record.fingerprint)
    cost, why_not = _node_cost(context, record, group, named)
    failures = {**unmade(record, pairing), **group.failures}
    rates = {"ceiling": ceiling, "ceiling_note": why, "node_cost": cost, "node_cost_note": why_not}
    return group.model_copy(update={"failures": failures, **rates})


def _node_cost(
    context: Context, record: RunRecord, group: GroupState, profile: HardwareProfile
) -> tuple[NodeCost | None, str]:
    """What a node costs on a device, measured once in a run; where nodes are timed, and something is computed."""
    if not group.nodes or group.simulated:
        return None, ""
    known = next((one.node_cost for one in record.groups if one.hardware == profile.name and one.node_cost), None)
    return (known, "") if known else node_cost(profile, context.time_limit)


def _untimed(context: Context, group: GroupState, pairing: Pairing, artifacts: Mapping[str, Artifact]) -> GroupState:
    """Nothing to time: what was proven is all that is said here."""
    measure = context.loaded.suite.measure
    group = _sealed(group, artifacts).model_copy(update={"stopped": "untimed"})
    return analyse(group, (), pairing, measure.margin, measure.seed)


def _add_sets(
    context: Context,
    record: RunRecord,
    index: int,
    group: GroupState,
    stint: Stint,
    artifacts: Mapping[str, Artifact],
    plan: MeasurePlan,
) -> RunRecord:
    """Add process sets until the group is precise enough or its budget is over; save after each."""
    measure, pairing = context.loaded.suite.measure, pairing_of(record, group.hardware)
    sets = context.folder.sets(index)
    for one in sets:  # a run may have ended after its set was saved and before its record was
        group = group.model_copy(update={"failures": {**one.failures, **group.failures}})
    look = f", look {len(group.looks) + 1}" if group.looks else ""
    context.journey.begin(stint.stage, f"{plan.profile.name}, {group.workload}{look}")
    while True:
        why = stopped(stint, group, sets, measure.seed)
        if why:
            group = _sealed(group, artifacts)
        group = analyse(marked(group, stint, sets, why), sets, pairing, measure.margin, measure.seed)
        record = _saved(context, record, group)
        if why:
            context.journey.end()
            return record
        one = _next_set(context, _entries(stint.pairing, artifacts, group, plan.profile), plan, stint, sets)
        context.folder.save_set(index, one)
        sets.append(one)
        for label, reason in one.failures.items():
            context.journey.note(f"{label} on {plan.profile.name}: {reason}")
        group = group.model_copy(update={"failures": {**group.failures, **one.failures}})


def _next_set(
    context: Context, entries: Sequence[Entry], plan: MeasurePlan, stint: Stint, sets: Sequence[ProcessSet]
) -> ProcessSet:
    spent = sum(one.seconds for one in stint.own(sets))

    def tell(seconds: float) -> None:
        context.journey.within(min(1.0, (spent + seconds) / plan.budget_seconds))

    with alone_on_the_machine():
        return measure_set(entries, plan, len(sets), tell)


def _entries(
    pairing: Pairing, artifacts: Mapping[str, Artifact], group: GroupState, profile: HardwareProfile
) -> list[Entry]:
    """The baselines with their second copies (rule 3), and the candidates; none that has failed."""
    labels = {label: name for name in pairing.controls.values() for label in (name, aa_label(name))}
    labels |= {name: name for name in pairing.candidates}
    return [
        Entry(label, variant, model_file(artifacts[variant], profile), _warmup_calls(group, variant))
        for label, variant in labels.items()
        if label not in group.failures and variant not in group.failures
    ]


def _warmup_calls(group: GroupState, variant: str) -> int:
    """Half as many again as were found to be needed: processes differ."""
    found = group.warmups.get(variant)
    return 0 if found is None else found.calls + math.ceil(found.calls / 2)


def _sealed(group: GroupState, artifacts: Mapping[str, Artifact]) -> GroupState:
    """After the last timed call: a file that was swapped meanwhile makes its variant invalid."""
    failures = dict(group.failures)
    for name, artifact in artifacts.items():
        try:
            require_unchanged(artifact)
        except XbenchError as error:
            failures.setdefault(name, error.reason)
    return group.model_copy(update={"failures": failures})


def _saved(context: Context, record: RunRecord, group: GroupState) -> RunRecord:
    """The record with the group, saved. A known one keeps its place: its samples are filed by it."""
    name = (group.hardware, group.workload)
    groups = {(one.hardware, one.workload): one for one in record.groups} | {name: group}
    record = record.model_copy(update={"groups": tuple(groups.values())})
    context.folder.save(record)
    return record
