"""What else than pruning a difference in speed may come from: told beside the speedup, never left to be found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from ..artifacts.parity import comparable
from ..artifacts.precision import held_precision, lower_precision
from ..errors import InvalidError
from ..protocols import Outputs
from ..records.artifact import Artifact
from ..records.measurement import WarmUp
from ..records.profile import HardwareProfile

# Fewer denormal weights than this share of all cannot be felt: each costs some hundred cycles where it is used.
_DENORMALS = 1e-5


def cautions(
    profile: HardwareProfile,
    baseline: Artifact,
    candidate: Artifact,
    warmups: Mapping[str, WarmUp],
) -> tuple[str, ...]:
    """The cautions of one comparison, in words."""
    return (
        *(line for one in (baseline, candidate) for line in _provenance(one)),
        *_precision(baseline, candidate),
        *(line for one in (baseline, candidate) for line in _lower(one, profile)),
        *_denormals(baseline, candidate),
        *(line for one in (baseline, candidate) for line in _warmup(one.variant, warmups)),
    )


def _provenance(artifact: Artifact) -> Iterator[str]:
    if artifact.provenance_fault:
        yield f"what the file of {artifact.variant} says of its making is not believed: {artifact.provenance_fault}"


def _precision(baseline: Artifact, candidate: Artifact) -> Iterator[str]:
    ours, theirs = baseline.audit.precision, candidate.audit.precision
    if ours and theirs and ours != theirs:
        yield (
            f"weights are {theirs}, those of {baseline.variant} {ours}: the speedup is that of the precision and of "
            "pruning together"
        )


def _lower(artifact: Artifact, profile: HardwareProfile) -> Iterator[str]:
    """Weights of a lower precision than the profile names: the kernels that the device has for them are theirs."""
    held, named = held_precision(artifact.audit), profile.precision
    if lower_precision(profile, artifact.audit) != named:
        yield (
            f"{artifact.variant} holds {held} weights, and {profile.name} names the precision {named}: its outputs "
            f"are held to the tolerance of {held}, and its time is not that of {named}"
        )


def _denormals(baseline: Artifact, candidate: Artifact) -> Iterator[str]:
    ours, theirs = (one.audit.denormals / max(1, one.audit.parameters) for one in (baseline, candidate))
    if abs(ours - theirs) >= _DENORMALS:
        yield (
            f"{baseline.variant} holds {baseline.audit.denormals} denormal weights and {candidate.variant} "
            f"{candidate.audit.denormals}: a CPU takes many times longer for each, so the speedup may be theirs and "
            "not that of pruning"
        )


def _warmup(variant: str, warmups: Mapping[str, WarmUp]) -> Iterator[str]:
    found = warmups.get(variant)
    if found is not None and not found.settled:
        yield f"{variant} did not reach a steady state in {found.tried} calls: {found.reason}"


def require_something(baseline: Sequence[Outputs], candidate: Sequence[Outputs], whose: str) -> None:
    """Raise InvalidError where a candidate gives zeros only, for every input, and the baseline does not.

    A model that was pruned to nothing is finite and fast.
    """
    if _all_zero(candidate) and not _all_zero(baseline):
        raise InvalidError(
            f"All outputs of {whose} are zero, for every input",
            "those of the baseline are not",
            "the model was pruned to nothing, or broken: look at what was removed",
        )


def _all_zero(sets: Sequence[Outputs]) -> bool:
    numbers = [array for outputs in sets for array in outputs.values() if comparable(array) and array.size]
    return bool(numbers) and not any(np.any(array.astype(np.float64) != 0) for array in numbers)
