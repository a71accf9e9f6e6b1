"""A new group: what was proven of each variant on one device and workload, before anything is timed."""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..analysis.estimating import aa_label
from ..machine.available import available_memory_mib
from ..machine.emulator import untimed
from ..plugins import runner_class
from ..records.artifact import Artifact
from ..records.profile import HardwareProfile
from ..records.run_record import GroupState
from ..suite.model import WorkloadSpec
from .cautioning import cautions
from .context import Context
from .feeding import Feeding, load_of
from .proving import Proof, ideal_speedup, largest_difference, prove_all


def proven_group(
    context: Context,
    baseline: str,
    artifacts: Mapping[str, Artifact],
    profile: HardwareProfile,
    workload: WorkloadSpec,
    fed: Feeding,
) -> GroupState:
    """Prove all variants and begin the group with what was found."""
    proofs, failures = prove_all(context, artifacts, baseline, profile, fed)
    base = proofs.get(baseline)
    candidates = {} if base is None else {n: p for n, p in proofs.items() if n != baseline}
    ideals = {n: ideal_speedup(base, p) for n, p in candidates.items() if base is not None}
    differences = {n: largest_difference(base.outputs, p.outputs) for n, p in candidates.items() if base is not None}
    if base is not None:
        proofs = {**proofs, aa_label(baseline): base}
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
        output_differences={name: value for name, value in differences.items() if value is not None},
        parities={n: proof.parity for n, proof in proofs.items() if n in artifacts and proof.parity is not None},
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
        operators={name: proofs[name].operators for name in artifacts if name in proofs and proofs[name].operators},
        notes={name: proofs[name].notes for name in artifacts if name in proofs and proofs[name].notes},
        cautions={n: cautions(profile, artifacts[baseline], artifacts[n], warmups) for n in candidates},
    )


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
