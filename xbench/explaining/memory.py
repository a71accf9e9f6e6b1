"""Layers that wait for memory: their work shrinks, and their bytes do not."""

from __future__ import annotations

from ..records.explanation import Reason
from ..records.work import Ceiling, LayerWork
from ..worth.bounding import bytes_of, layer_seconds
from ..worth.exploiting import left_as_is
from .case import NOTHING, Case, Finding, lost_between
from .thresholds import LEAST_LOST, LEAST_SHARE, MEMORY_SHARE
from .words import count, share, times


def memory_bound(case: Case) -> Finding:
    """Layers below the ridge of the roofline that keep it from what the work alone promises.

    The ridge is the peak rate by the bandwidth (Williams et al., 2009). What this target multiplies counts as work,
    zeros or not. Where times are known, moving a layer's bytes once at the ceiling's rate must take a good part of
    its time: else something else holds it back.
    """
    if isinstance(case.ceiling, str):
        lacking = Finding(missing=("which layers wait for memory: that needs ceilings of this target",))
        return lacking if case.candidate.layers else NOTHING
    if case.candidate.by_layer and case.candidate.unsure:
        return Finding(missing=(f"which layers wait for memory: {case.candidate.unsure}",))
    ceiling, bound = case.ceiling, case.on_this_target
    if bound.roofline_speedup is None or bound.macs_ratio is None or bound.roofline_speedup >= bound.macs_ratio:
        return NOTHING
    ridge = ceiling.peak_tops * 1e3 / ceiling.memory_gb_per_s
    below = [one for one in case.candidate.layers if _intensity(case, one) < ridge and _proven(case, one, ceiling)]
    shares = _time_shares(case, ceiling)
    total = sum(shares.get(one.node, 0.0) for one in below)
    # What the roofline loses against the work alone, as a share of what the ideal saves.
    lost = lost_between(case, bound.model_copy(update={"speedup": bound.roofline_speedup}), bound)
    if not below or total < LEAST_SHARE or lost is None or lost < LEAST_LOST:
        return NOTHING
    below.sort(key=lambda one: -shares.get(one.node, 0.0))
    timed = bool(case.candidate.by_layer)
    reason = Reason(
        kind="memory-bound",
        text=f"{count(len(below), 'layer')} with {share(total)} of the time "
        f"{'waits' if len(below) == 1 else 'wait'} for memory: their work shrinks more than what they move",
        evidence=(
            f"below {ridge:.3g} operations a byte memory is the limit here: {ceiling.source}",
            *(_seen(case, one, ceiling) for one in below[:3]),
            f"by the work alone {times(bound.macs_ratio)} at best, with the bytes {times(bound.roofline_speedup)}",
        ),
        layers=tuple(one.node for one in below),
        time_share=total if timed else None,
        lost=lost,
    )
    return Finding((reason,), (_step(below),))


def _bytes(case: Case, layer: LayerWork) -> float:
    """Bytes of a layer in the target's precision, weights and activations each once."""
    left = left_as_is(case.profile, layer.audit)
    weights = (layer.audit.elements if layer.audit else 0) * left.weights
    return (weights + (layer.activation_elements or 0) * left.activations) * bytes_of(case.profile.precision)


def _intensity(case: Case, layer: LayerWork) -> float:
    """Operations by bytes, a multiply-accumulate as two."""
    moved = _bytes(case, layer)
    return 2 * (layer.macs or 0) * left_as_is(case.profile, layer.audit).macs / moved if moved else float("inf")


def _proven(case: Case, layer: LayerWork, ceiling: Ceiling) -> bool:
    spent = case.candidate.by_layer.get(layer.node)
    moving = _bytes(case, layer) / (ceiling.memory_gb_per_s * 1e6)
    return spent is None or 0 < MEMORY_SHARE * spent <= moving


def _time_shares(case: Case, ceiling: Ceiling) -> dict[str, float]:
    """Each layer's share of the time: by profile, or where there is none by the roofline."""
    times_ms = case.candidate.by_layer
    if times_ms:
        return {node: spent / case.candidate.profiled_ms for node, spent in times_ms.items()}
    width = bytes_of(case.profile.precision)
    layers = case.candidate.layers
    seconds = {one.node: layer_seconds(one, left_as_is(case.profile, one.audit), ceiling, width) for one in layers}
    return {node: spent / sum(seconds.values()) for node, spent in seconds.items()}


def _seen(case: Case, layer: LayerWork, ceiling: Ceiling) -> str:
    told = f"{layer.node}: {_intensity(case, layer):.3g} operations a byte"
    spent = case.candidate.by_layer.get(layer.node)
    if not spent:
        return f"{told}; its time is not known"
    return f"{told}, {_bytes(case, layer) / spent / 1e6:.3g} GB/s of {ceiling.memory_gb_per_s:.3g}"


def _step(layers: list[LayerWork]) -> str:
    weights = sum(one.audit.elements if one.audit else 0 for one in layers)
    activations = sum(one.activation_elements or 0 for one in layers)
    if weights > activations:
        return "raise the batch: weights are then moved once for more samples"
    return (
        f"remove what makes the widest activations of {layers[0].node}: weights are the lesser part of what it moves"
    )
