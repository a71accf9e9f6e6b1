"""2:4 that TensorRT may use and, by the clock, does not."""

from __future__ import annotations

from ..records.audit import LayerAudit
from ..records.estimate import interval_text
from ..records.explanation import Reason
from ..worth.exploiting import ALL, left_as_is
from .case import NOTHING, Case, Finding, figure
from .thresholds import NEVER_RUN
from .words import times

UNTRIED = f"this reading has {NEVER_RUN} on a device: no card with sparse tensor cores was at hand"
UNPROVEN = "not known which tactics were picked: the record holds nothing that TensorRT's builder says"


def no_sparse_tactic(case: Case) -> Finding:
    """Layers are valid 2:4, sparse tactics are asked for, and the measured speedup stays below what they give."""
    audit, best = case.candidate.audit, figure(case.on_this_target)
    wanted = case.profile.runner == "tensorrt" and case.profile.options.get("trt_sparsity_enable") is True
    if audit is None or not wanted:
        return NOTHING
    valid = [one for one in audit.layers if left_as_is(case.profile, one) != ALL]
    if not valid:
        return NOTHING
    if case.measured is None or best is None:
        return Finding(missing=("whether sparse tactics were picked: nothing was measured to tell it by",))
    if case.measured.high * (1 + (case.comparison.noise_floor or 0.0)) >= best:
        return NOTHING
    how = "no sparse tactic seems to have been picked" if case.comparison.verdict != "faster" else (
        "sparse tactics seem to have been picked for some layers at most"
    )  # fmt: skip
    reason = Reason(
        kind="no sparse tactic",
        text=f"weights are valid 2:4 and sparse tactics are asked for, and {how}",
        evidence=(
            f"{len(valid)} of {len(audit.layers)} weights have the pattern, and trt_sparsity_enable is set",
            f"measured {interval_text(case.measured)}; with sparse tactics in all of them, {times(best)} at best",
            *_noted(case),
            UNPROVEN,
            UNTRIED,
        ),
        layers=_names(valid),
    )
    step = "use wider layers or a larger batch: TensorRT picks a sparse tactic only where it times faster"
    return Finding((reason,), (step,))


def _noted(case: Case) -> tuple[str, ...]:
    """What the profiled runs told, where it is about this."""
    notes = case.group.notes.get(case.candidate.name, ())
    return tuple(f"noted: {line}" for line in notes if "sparse" in line.lower() or "tactic" in line.lower())


def _names(layers: list[LayerAudit]) -> tuple[str, ...]:
    return tuple(one.node for one in sorted(layers, key=lambda one: -one.elements))
