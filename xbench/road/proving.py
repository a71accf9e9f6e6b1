"""What is proven of each variant on a device before it is timed: it computes, the same as on the reference,
where it says it does; and what its arithmetic would allow at best."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..artifacts.parity import comparable, parity, require_finite, require_parity
from ..artifacts.precision import lower_precision, require_held
from ..errors import XbenchError
from ..machine.turns import alone_on_the_machine
from ..measure.inspection import LoadedModel, check_placement, loaded
from ..measure.model_file import model_file
from ..plugins import quantises, runner_class
from ..protocols import Outputs, ProfileReport
from ..records.artifact import Artifact, Parity
from ..records.audit import OptimisedAudit
from ..records.compute import ComputeCost
from ..records.measurement import ColdStart, NodeTime, OperatorTime, WarmUp
from ..records.profile import HardwareProfile
from ..records.work import LayerWork
from ..worth.attributing import attributed
from .cautioning import require_something
from .context import Context
from .costing import Computed, computed
from .feeding import Feeding
from .sealing import require_unchanged

STAGE = "prove"


# How long a variant is called to see when its series of calls is steady. A warm-up that is flat for longer than
# this, and than a process is measured, cannot be told from the model: a short budget must not make it shorter.
_LOOK_SECONDS = 1.0
# A warm-up of so many calls costs nothing, and is not looked at twice.
_SHORT_WARMUP = 3
_SIMULATED = "simulated: nothing is computed"


@dataclass(frozen=True)
class Proof:
    """What is known of a variant on a device before it is timed.

    `note` tells why there is no `cost`. `memory_mib` is the peak that its process held, all in all. `operators`
    are empty where their times cannot be told apart; `notes` are what else the profiled run proves. `parity` is
    None where nothing is computed, and so is `optimised`, what became of the file's zeros. Where the processor is
    emulated, `played` is the proof of it, and nothing is told that rests on times.

    `nodes` are the profiled times node by node, each with the layer that it computes where that is known; `layers`
    are those of the file, and `layer_note` is why there are none.
    """

    outputs: Sequence[Outputs]
    cost: ComputeCost | None
    note: str
    parity: Parity | None
    time_share: dict[str, float]
    played: str = ""
    warmup: WarmUp | None = None
    cold_start: ColdStart | None = None
    memory_mib: float = 0.0
    operators: tuple[OperatorTime, ...] = ()
    notes: tuple[str, ...] = ()
    optimised: OptimisedAudit | None = None
    nodes: tuple[NodeTime, ...] = ()
    layers: tuple[LayerWork, ...] = ()
    layer_note: str = ""


def prove(context: Context, artifact: Artifact, profile: HardwareProfile, feeding: Feeding) -> Proof:
    """Run a variant on the reference and on the device with all inputs that will be timed, apart from that.

    Raises InvalidError for a file that is not the one that was described, another precision than the profile
    names, NaN or infinity, outputs that differ from the reference beyond the precision's tolerance, a placement
    below the profile's threshold, and zeros that are lost in the graph that the runtime made of the file.
    """
    require_unchanged(artifact)
    path = Path(artifact.path)
    if runner_class(profile.runner).simulated:
        references, work = None, Computed(note=_SIMULATED, layer_note=_SIMULATED)
    else:
        if not quantises(profile):
            require_held(artifact, profile)
        with loaded(path, artifact.variant, context.reference, context.time_limit) as model:
            references = model.infer(feeding.sets)
            _all_finite(references, artifact.variant)
            work = computed(
                artifact,
                feeding.sets[0],
                lambda: model.profile(feeding.sets[0], optimised=False).output_shapes,
            )
    if profile.emulation is not None:
        return _emulated(context, artifact, profile, feeding, references, work)
    with loaded(model_file(artifact, profile), artifact.variant, profile, context.time_limit) as model:
        warmup = model.come_up(feeding.sets, _LOOK_SECONDS)
        found = model.infer(feeding.sets)
        result = _held_against(references, found, artifact, profile)
        memory = model.memory()
        shares, report = _placed(model, feeding, profile)
        cold = model.cold_start()
        optimised = None if references is None else model.optimised()
    if not warmup.settled or warmup.calls > _SHORT_WARMUP:
        warmup = _again(context, artifact, profile, feeding, warmup)
    return Proof(
        outputs=found,
        cost=work.cost,
        note=work.note,
        parity=result,
        time_share=shares,
        warmup=warmup,
        cold_start=cold,
        memory_mib=memory.before_model_mib + memory.peak_mib,
        operators=report.operators,
        notes=report.notes,
        optimised=optimised,
        nodes=attributed(report.nodes, report.origins, work.names) if work.names else report.nodes,
        layers=work.layers,
        layer_note=work.layer_note,
    )


def _emulated(
    context: Context,
    artifact: Artifact,
    profile: HardwareProfile,
    feeding: Feeding,
    references: Sequence[Outputs] | None,
    work: Computed,
) -> Proof:
    """What can be proven without a time: the outputs, the precision, and a placement by nodes, which must be all."""
    with loaded(model_file(artifact, profile), artifact.variant, profile, context.limit_for(profile)) as model:
        found: list[Outputs] = []
        for feeds in feeding.sets:
            found.extend(model.infer([feeds]))
            context.journey.within(len(found) / (len(feeding.sets) + 1))
        result = _held_against(references, found, artifact, profile)
        model.profile(feeding.sets[0], optimised=True)  # proves the precision; its times are nobody's
        check_placement(model.placement, {}, profile)
        return Proof(
            outputs=found,
            cost=work.cost,
            note=work.note,
            parity=result,
            time_share={},
            played=model.played,
            optimised=None if references is None else model.optimised(),
            layers=work.layers,
            layer_note=work.layer_note,
        )


def _held_against(
    references: Sequence[Outputs] | None, found: Sequence[Outputs], artifact: Artifact, profile: HardwareProfile
) -> Parity | None:
    """How far the outputs are from the reference's; raises InvalidError beyond the tolerance.

    But for an emulated target of int8: its integer kernels may saturate where those of the reference, which is
    this machine, do not. That is what is looked for: it is told, and quality says what it is worth.
    """
    _all_finite(found, artifact.variant)
    if references is None:
        return None
    result = parity(references, found, lower_precision(profile, artifact.audit), artifact.variant)
    if profile.emulation is None or profile.precision != "int8":
        require_parity(result, f"{artifact.variant} on {profile.name}", "the CPU without optimisations")
    return result


def _again(context: Context, artifact: Artifact, profile: HardwareProfile, feeding: Feeding, first: WarmUp) -> WarmUp:
    """Look once more, in another process: a warm-up comes again, and what the machine did meanwhile does not."""
    with loaded(model_file(artifact, profile), artifact.variant, profile, context.time_limit) as model:
        second = model.come_up(feeding.sets, _LOOK_SECONDS)
    return min(first, second, key=lambda found: (not found.settled, found.calls))


def _all_finite(found: Sequence[Outputs], whose: str) -> None:
    for outputs in found:
        require_finite(outputs, whose)


def _placed(model: LoadedModel, feeding: Feeding, profile: HardwareProfile) -> tuple[dict[str, float], ProfileReport]:
    """Shares of time by provider, and what else the runs tell; profiled while no other xbench of this user times."""
    with alone_on_the_machine():
        report = model.profile(feeding.sets[0], optimised=True)
    return check_placement(model.placement, report.provider_ns, profile).time_share, report


def ideal_speedup(baseline: Proof, candidate: Proof) -> tuple[float | None, str]:
    """The ratio of the multiply-accumulates that are not by zero, or why there is none."""
    if baseline.cost is None or candidate.cost is None:
        return None, baseline.note or candidate.note
    return baseline.cost.ideal_speedup(candidate.cost)


def largest_difference(baseline: Sequence[Outputs], candidate: Sequence[Outputs]) -> float | None:
    """The largest absolute difference of any output over all sets of inputs.

    None where an output is only on one side, has another shape, or is text that differs: then no number is the
    most that they differ by.
    """
    found = [0.0]
    for ours, theirs in zip(baseline, candidate, strict=True):
        if ours.keys() != theirs.keys():
            return None
        for name, one in ours.items():
            other = theirs[name]
            if one.shape != other.shape or comparable(one) != comparable(other):
                return None
            if comparable(one):
                found.append(float(np.abs(one.astype(np.float64) - other.astype(np.float64)).max(initial=0.0)))
            elif not np.array_equal(one, other):
                return None
    return max(found)


def prove_all(
    context: Context,
    artifacts: Mapping[str, Artifact],
    baseline: str,
    profile: HardwareProfile,
    feeding: Feeding,
) -> tuple[dict[str, Proof], dict[str, str]]:
    """Proofs by variant, and the reasons of those that could not be proven.

    The baseline comes first; where it fails, the others are not tried, since there is nothing to compare with.
    """
    proofs: dict[str, Proof] = {}
    failures: dict[str, str] = {}
    for name, artifact in sorted(artifacts.items(), key=lambda item: item[0] != baseline):
        if baseline in failures:
            break
        context.journey.begin(STAGE, f"{name} on {profile.name}")
        try:
            proof = prove(context, artifact, profile, feeding)
            if name != baseline:
                require_something(proofs[baseline].outputs, proof.outputs, name)
            proofs[name] = proof
        except XbenchError as error:
            failures[name] = error.reason
            context.journey.note(f"{name} on {profile.name}: {error.reason}")
    context.journey.end()
    return proofs, failures
