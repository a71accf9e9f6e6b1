"""One recorded run: what it is, where its samples are, and whether its files are those that were sealed."""

from __future__ import annotations

from pathlib import Path

from ..records.run_facts import DeviceFacts, GroupFacts, ProofFacts, RunFacts, VariantFacts
from ..records.run_record import DeviceState, GroupState, RunRecord, VariantState
from ..store.folder import RunFolder
from ..store.verifying import verify
from .rows import case_rows, suite_name


def run_facts(folder: RunFolder) -> RunFacts:
    """All of it, with every file looked at. Raises StoreError where the record cannot be read."""
    record = folder.load()
    return RunFacts(
        run=record.id,
        created=record.created,
        status=record.status,
        failure=record.failure,
        outcome=record.outcome or "",
        exit_code=record.exit_code,
        xbench_version=record.xbench_version,
        suite=suite_name(record),
        suite_sha256=record.suite_sha256,
        policy=record.policy,
        policy_sha256=record.policy_sha256,
        decided_on=record.decided_on,
        fingerprint_sha256=record.fingerprint.sha256,
        fingerprint=record.fingerprint,
        data=record.data,
        devices=tuple(_device(device) for device in record.devices),
        variants=tuple(_variant(state) for state in record.variants),
        groups=tuple(_group(folder, number, group) for number, group in enumerate(record.groups)),
        scores=_scores(folder, record),
        decisions=record.decisions,
        verdicts=record.verdicts,
        proof=_proof(folder),
    )


def _device(device: DeviceState) -> DeviceFacts:
    return DeviceFacts(
        name=device.profile.name,
        title=device.profile.title,
        available=device.availability.available,
        simulated=device.simulated,
        reason=device.availability.reason,
    )


def _variant(state: VariantState) -> VariantFacts:
    facts = VariantFacts(name=state.name, baseline=state.baseline, precision=state.precision, failure=state.failure)
    if state.artifact is None:
        return facts
    file = state.artifact
    return facts.model_copy(
        update={
            "path": file.path,
            "sha256": file.sha256,
            "graph_sha256": file.graph_sha256,
            "size_bytes": file.size_bytes,
        }
    )


def _group(folder: RunFolder, number: int, group: GroupState) -> GroupFacts:
    return GroupFacts(
        hardware=group.hardware,
        workload=group.workload,
        inputs_sha256=group.inputs_sha256,
        sets=group.sets,
        seconds=group.seconds,
        stopped=group.stopped,
        looks=tuple(look.sets for look in group.looks),
        samples=tuple(_below(folder, file) for file in folder.set_files(number)),
        note=group.untimed,
    )


def _scores(folder: RunFolder, record: RunRecord) -> tuple[str, ...]:
    variants = range(len(record.variants))
    found = [file for number in range(len(record.devices)) for file in folder.scored_files(variants, number)]
    return tuple(dict.fromkeys(_below(folder, file) for file in found))


def _below(folder: RunFolder, file: Path) -> str:
    return file.relative_to(folder.path).as_posix()


def _proof(folder: RunFolder) -> ProofFacts:
    found = verify(folder, case_rows)
    return ProofFacts(
        sealed=found.sealed,
        unsealed=found.unsealed,
        manifest_sha256=found.manifest_sha256,
        files=found.files,
        problems=found.problems,
    )
