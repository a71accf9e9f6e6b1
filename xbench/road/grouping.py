"""A new group: what was proven of each variant on one device and workload, before anything is timed."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..analysis.estimating import aa_label
from ..analysis.pairing import Pairing
from ..machine.available import available_memory_mib
from ..machine.emulator import untimed
from ..plugins import runner_class
from ..records.artifact import Artifact
from ..records.measurement import WarmUp
from ..records.profile import HardwareProfile
from ..records.run_record import GroupState, RunRecord, pair_key
from ..suite.model import WorkloadSpec
from .cautioning import cautions
from .context import Context
from .feeding import Feeding, load_of
from .proving import Proof, ideal_speedup, largest_difference, prove_all


def proven_group(
    context: Context,
    pairing: Pairing,
    artifacts: Mapping[str, Artifact],
    profile: HardwareProfile,
    workload: WorkloadSpec,
    fed: Feeding,
) -> GroupState:
    """Prove all variants and begin the group with what was found."""
    proofs, failures = prove_all(context, artifacts, pairing.baseline, profile, fed)
    base = proofs.get(pairing.baseline)
    pairs = _proven_pairs(pairing, proofs)
    alike = {key: pair for key, pair in pairs.items() if pairing.same_precision(*pair)}
    ideals = {key: ideal_speedup(proofs[one], proofs[other]) for key, (one, other) in alike.items()}
    own = {name: proof for name, proof in proofs.items() if name in artifacts}
    proofs |= {aa_label(name): proofs[name] for name in pairing.controls.values() if name in proofs}
    warmups = {name: proof.warmup for name, proof in proofs.items() if proof.warmup is not None}
    return GroupState(
        hardware=profile.name,
        workload=workload.name,
        batch=fed.batch,
        inputs=fed.lines,
        inputs_sha256=fed.sha256,
        simulated=runner_class(profile.runner).simulated,
        untimed=untimed(profile.emulation),
        played="" if base is None else base.played,
        failures=failures,
        ideal_speedups={name: ideal for name, (ideal, _) in ideals.items()},
        ideal_notes={name: note for name, (_, note) in ideals.items() if note},
        output_differences=_differences(pairs, proofs),
        parities={name: proof.parity for name, proof in own.items() if proof.parity is not None},
        optimised={name: proof.optimised for name, proof in own.items() if proof.optimised is not None},
        placements={name: proof.time_share for name, proof in proofs.items()},
        load=load_of(workload, fed.batch),
        input_sets=len(fed.sets),
        cpus=os.cpu_count() or 1,
        cost_per_hour=profile.cost_per_hour,
        precision=context.precision,
        budget_seconds=context.budget,
        schedule="interleaved" if _fit(context, proofs, profile) else "reloaded",
        warmups=warmups,
        cold_starts={name: proof.cold_start for name, proof in proofs.items() if proof.cold_start is not None},
        operators={name: proof.operators for name, proof in own.items() if proof.operators},
        nodes={name: proof.nodes for name, proof in own.items() if proof.nodes},
        layers={name: proof.layers for name, proof in own.items() if proof.layers},
        layer_notes={name: proof.layer_note for name, proof in own.items() if proof.layer_note},
        notes={name: proof.notes for name, proof in own.items() if proof.notes},
        cautions=_cautions(profile, pairs, artifacts, warmups),
    )


def _proven_pairs(pairing: Pairing, proofs: Mapping[str, Proof]) -> dict[str, tuple[str, str]]:
    """The pairs of which both are proven, by the key under which a group keeps what belongs to them."""
    return {
        candidate if pairing.is_first(baseline, candidate) else pair_key(baseline, candidate): (baseline, candidate)
        for baseline, candidate in pairing.pairs
        if baseline in proofs and candidate in proofs
    }


def _differences(pairs: Mapping[str, tuple[str, str]], proofs: Mapping[str, Proof]) -> dict[str, float]:
    """The largest difference of each pair's outputs, by the pair's key, where a number can tell it."""
    found = {key: largest_difference(proofs[one].outputs, proofs[two].outputs) for key, (one, two) in pairs.items()}
    return {key: value for key, value in found.items() if value is not None}


def _cautions(
    profile: HardwareProfile,
    pairs: Mapping[str, tuple[str, str]],
    artifacts: Mapping[str, Artifact],
    warmups: Mapping[str, WarmUp],
) -> dict[str, tuple[str, ...]]:
    """By the pair's key; of a candidate's second comparison, what was not told of its first."""
    found = {key: cautions(profile, artifacts[one], artifacts[two], warmups) for key, (one, two) in pairs.items()}
    told = {key: found.get(candidate, ()) if key != candidate else () for key, (_, candidate) in pairs.items()}
    return {key: tuple(line for line in lines if line not in told[key]) for key, lines in found.items()}


def hopeless_group(
    record: RunRecord, pairing: Pairing, profile: HardwareProfile, workload: WorkloadSpec, fed: Feeding
) -> GroupState:
    """A group whose baseline could not be made in the device's precision: nothing there can be compared."""
    return GroupState(
        hardware=profile.name,
        workload=workload.name,
        batch=fed.batch,
        inputs=fed.lines,
        inputs_sha256=fed.sha256,
        failures=unmade(record, pairing),
        stopped="failed",
    )


def unmade(record: RunRecord, pairing: Pairing) -> dict[str, str]:
    """Why baselines of a precision could not be made, by name: what is compared with them is invalid."""
    return {
        state.name: state.failure or "it was not made"
        for state in record.variants
        if state.name in pairing.controls.values() and state.artifact is None
    }


def _fit(context: Context, proofs: Mapping[str, Proof], profile: HardwareProfile) -> bool:
    """Whether all processes of a set fit into memory together, with a tenth to spare."""
    needed, free = sum(proof.memory_mib for proof in proofs.values()), available_memory_mib()
    fit = needed * 1.1 <= free
    if not fit:
        context.journey.note(
            f"the variants on {profile.name} need {needed:.0f} MiB together, and {free} MiB are free: "
            "they are loaded in turns (ABBA), which takes longer and tells less"
        )
    return fit
