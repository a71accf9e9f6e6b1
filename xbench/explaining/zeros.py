"""Zeros that are multiplied like any other number: scattered ones, and those of whole units that are still there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from ..onnxfile.patterns import DENSE_BELOW
from ..profiles.finding import shipped_profiles
from ..records.audit import LayerAudit, SparsityAudit
from ..records.estimate import interval_text
from ..records.explanation import Reason
from ..records.profile import HardwareProfile
from ..worth.exploiting import ALL, dense_reason, exploiter_of, left_as_is, unfit
from .case import NOTHING, Case, Finding, figure, lost_between
from .thresholds import LEAST_LOST
from .words import count, share, some, times


def multiplied(case: Case) -> Finding:
    """Zeros outside of whole units, which this target multiplies."""
    audit = case.candidate.audit
    if audit is None:
        return NOTHING
    if case.on_this_target.missing and not dense_reason(case.profile):
        return Finding(missing=(f"which zeros this target skips: {case.on_this_target.missing}",))
    units = zeros_of_units(case, audit)
    scattered = audit.zeros - units
    lost = lost_between(case, case.compacted if _matter(units, audit) else case.on_this_target, case.ideal)
    if not _counts(scattered, audit, lost):
        return NOTHING
    layers = [one for one in audit.layers if left_as_is(case.profile, one) == ALL and one.sparsity >= DENSE_BELOW]
    if not layers:
        return NOTHING
    others = skippers(audit)
    reason = Reason(
        kind="zeros multiplied",
        text=f"{_why(case)}: zeros are {share(scattered / audit.elements)} of the weights, and are multiplied",
        evidence=(
            f"{scattered:,} of {audit.elements:,} weights in the file are zero outside of whole zeroed units"
            + (f", pattern {audit.pattern}" if audit.pattern else ""),
            *_because(case),
            _who(others),
            *_measured(case),
        ),
        layers=_names(layers),
        lost=lost,
    )
    return Finding((reason,), tuple(_elsewhere(case, others)))


def only_zeroed(case: Case) -> Finding:
    """Whole channels, neurons or heads of zeros that are still in the file."""
    audit = case.candidate.audit
    if audit is None:
        return NOTHING
    units = zeros_of_units(case, audit)
    others = _matter(audit.zeros - units, audit)
    lost = lost_between(case, case.on_this_target, case.compacted if others else case.ideal)
    if not _counts(units, audit, lost):
        return NOTHING
    outputs = sum(one.zero_outputs for one in audit.layers)
    inputs, heads = sum(one.zero_inputs for one in audit.layers), sum(one.zero_heads for one in audit.layers)
    zeroed = [one for one in audit.layers if one.zero_outputs or one.zero_inputs or one.zero_heads]
    reason = Reason(
        kind="only zeroed",
        text=f"whole units are zero and still there ({share(units / audit.elements)} of the weights): "
        "every layer is computed at its full width",
        evidence=(
            f"{_all_zero(outputs, inputs)} of layers in the file have weights of zero alone"
            + (f", {count(heads, 'head')} among them" if heads else ""),
            *(_worth(case) or _measured(case)),
        ),
        layers=_names(zeroed),
        lost=lost,
    )
    return Finding((reason,), _compact(case))


def zeros_of_units(case: Case, audit: SparsityAudit) -> int:
    """Zeros that lie in outputs or inputs of zeros alone.

    Older records count no zeroed inputs and tell no widths: there, where a recipe zeroed units, all zeros are theirs.
    """
    older = not any(one.outputs for one in audit.layers)
    if older and case.recipe.get("method") == "structured" and case.recipe.get("remove") is False:
        return audit.zeros
    return sum(min(one.zeros, round(one.elements * _of_units(one))) for one in audit.layers)


def _of_units(layer: LayerAudit) -> float:
    """The share of a weight that lies in zeroed outputs and inputs. Older records tell no widths, but the shape."""
    last = layer.op_type == "MatMul"
    outputs = layer.outputs or (layer.shape[-1 if last else 0] if layer.shape else 0)
    kept_out = 1 - (layer.zero_outputs / outputs if outputs else 0.0)
    kept_in = 1 - (layer.zero_inputs / layer.inputs if layer.inputs else 0.0)
    return 1 - kept_out * kept_in


def _matter(zeros: int, audit: SparsityAudit) -> bool:
    return zeros >= DENSE_BELOW * audit.elements


def _counts(zeros: int, audit: SparsityAudit, lost: float | None) -> bool:
    """Whether so many zeros matter: by what they could save, and where that is not known by their share."""
    if not zeros:
        return False
    return lost >= LEAST_LOST if lost is not None else _matter(zeros, audit)


def _all_zero(outputs: int, inputs: int) -> str:
    found = ((outputs, "output"), (inputs, "input"))
    return " and ".join(count(number, what) for number, what in found if number)


def _because(case: Case) -> tuple[str, ...]:
    """Why they are multiplied, where that is more than the reason's text says."""
    why = dense_reason(case.profile) or "these layers do not have the pattern that it skips"
    return (f"why: {why}",) if why != _why(case) else ()


def _why(case: Case) -> str:
    exploiter = exploiter_of(case.profile)
    if exploiter is not None:
        return f"this target skips {exploiter.name} alone"
    return (dense_reason(case.profile) or f"the runner {case.profile.runner} multiplies them").partition(";")[0]


def _names(layers: Sequence[LayerAudit]) -> tuple[str, ...]:
    """The heaviest first."""
    return tuple(one.node for one in sorted(layers, key=lambda one: -one.zeros))


def _measured(case: Case) -> tuple[str, ...]:
    if case.measured is None or case.best is None:
        return ()
    return (f"measured {interval_text(case.measured)}; were every zero skipped, {times(case.best)} at best",)


@cache
def _shipped() -> tuple[HardwareProfile, ...]:
    """The shipped profiles that skip zeros, one for each way to: that of the shortest name, of no single card."""
    found: dict[str, HardwareProfile] = {}
    for profile in sorted(shipped_profiles().values(), key=lambda one: (len(one.name), one.name)):
        if exploiter_of(profile) is not None:
            found.setdefault(
                f"{profile.runner} {profile.precision} {'unstructured' in profile.facts.sparsity}", profile
            )
    return tuple(found.values())


def skippers(audit: SparsityAudit) -> tuple[str, ...]:
    """Targets that skip zeros of at least one layer of such a file: names of shipped profiles."""
    zeros = [one for one in audit.layers if one.sparsity >= DENSE_BELOW]
    return tuple(
        profile.name
        for profile in _shipped()
        if not unfit(profile, audit) and any(left_as_is(profile, layer) != ALL for layer in zeros)
    )


def _who(others: Sequence[str]) -> str:
    if not others:
        return "no target of the shipped profiles skips zeros that lie like these"
    return f"who could skip them, by xbench's table of who skips what: {some(others)}"


def _elsewhere(case: Case, others: Sequence[str]) -> list[str]:
    steps = []
    if others:
        audit = case.candidate.audit
        what = "2:4" if audit is not None and any(one.valid_2_4 for one in audit.layers) else "these zeros"
        steps.append(f"use a target that skips {what}: {some(others)} (`xbench hardware list` tells what is here)")
    return [*steps, "remove whole channels, neurons or heads instead (method: structured): every target gains by it"]


def _worth(case: Case) -> tuple[str, ...]:
    now, then = figure(case.on_this_target), figure(case.compacted)
    if now is None or then is None:
        return ()
    return (f"if they were gone, {times(then)} at best on this target, and {times(now)} as the file is",)


def _compact(case: Case) -> tuple[str, ...]:
    artifact, then = case.candidate.state.artifact, figure(case.compacted)
    worth = f": {times(then)} at best" if then is not None else ""
    if artifact is None or case.recipe:
        return (f"run `xbench compact FILE OUT.onnx` on its file, which `xbench export` writes{worth}",)
    return (f"run `xbench compact {artifact.path} OUT.onnx`{worth}",)
