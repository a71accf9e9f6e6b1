"""The roofline: what a target can gain at best from what it need not do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records.ceilings import Ceilings
from ..records.profile import HardwareProfile, Precision
from ..records.work import Bound, Ceiling, LayerWork
from .exploiting import ALL, Left, sparse_time_share

_BYTES: Mapping[Precision, int] = {"fp32": 4, "tf32": 4, "fp16": 2, "bf16": 2, "int8": 1}
_TERA, _GIGA = 1e12, 1e9


def layer_seconds(layer: LayerWork, left: Left, ceiling: Ceiling, width: int) -> float:
    """Least time of one layer: max(operations / peak rate, bytes / bandwidth) (Williams et al., 2009, "Roofline").

    A multiply-accumulate is two operations. Weights and activations are moved once, `width` bytes an element. Raises
    ValueError where the layer's work is not known.
    """
    macs, weights, activations = _known(layer)
    computing = 2 * macs * left.macs / (ceiling.peak_tops * _TERA)
    moved = (weights * left.weights + activations * left.activations) * width
    return max(computing, moved / (ceiling.memory_gb_per_s * _GIGA))


def bound(layers: Sequence[LayerWork], left: Sequence[Left], ceiling: Ceiling | str, precision: Precision) -> Bound:
    """What it is worth at best that only `left` of each layer must be done. Where nothing is saved, that is 1.0.

    `ceiling` may be the reason why there is none: then only the ratio of the multiply-accumulates is told.
    """
    if all(one == ALL for one in left):
        return Bound(speedup=1.0, macs_ratio=1.0)
    whole = [(layer, ALL) for layer in layers]
    return bound_between(whole, list(zip(layers, left, strict=True)), ceiling, precision)


def bound_between(
    base: Sequence[tuple[LayerWork, Left]],
    candidate: Sequence[tuple[LayerWork, Left]],
    ceiling: Ceiling | str,
    precision: Precision,
) -> Bound:
    """What a candidate can gain on a baseline at best, each with what is left of its layers; see `bound`.

    Both sums are over the layers of one file: the two need not have as many, or the same.
    """
    unknown = next((layer for layer, _ in (*base, *candidate) if layer.missing), None)
    if unknown is not None:
        return Bound(missing=f"the work of {unknown.node} is not known: {unknown.missing}")
    before, after = (sum(_known(layer)[0] * left.macs for layer, left in of) for of in (base, candidate))
    if not after:
        return Bound(missing="nothing would be left to compute")
    ratio = before / after
    if isinstance(ceiling, str):
        return Bound(macs_ratio=ratio, missing=ceiling)
    width = bytes_of(precision)
    sums = [sum(layer_seconds(layer, left, ceiling, width) for layer, left in of) for of in (base, candidate)]
    roofline = sums[0] / sums[1]
    return Bound(speedup=max(roofline, ratio), roofline_speedup=roofline, macs_ratio=ratio)


def bytes_of(precision: Precision) -> int:
    """Bytes of one element, as the roofline counts them."""
    return _BYTES[precision]


def _known(layer: LayerWork) -> tuple[int, int, int]:
    """(multiply-accumulates, elements of the weight, elements of activations)."""
    if layer.macs is None or layer.activation_elements is None:
        raise ValueError(f"the work of {layer.node} is not known")
    return layer.macs, layer.audit.elements if layer.audit else 0, layer.activation_elements


def ceiling_of(profile: HardwareProfile, measured: Ceilings | None) -> Ceiling | str:
    """The rates that a target's bounds stand on, or why there are none.

    Measured here first, and else the profile's facts; never one of each: their ratio would be nobody's.
    """
    found = _measured(profile, measured) if measured is not None and not measured.simulated else None
    if found is not None:
        return found
    peak, memory = profile.facts.peak_tops.get(profile.precision), profile.facts.memory_gb_per_s
    if peak is None or memory is None:
        lacking = [
            *([f"peak rate in {profile.precision}"] if peak is None else []),
            *(["memory bandwidth"] if memory is None else []),
        ]
        return f"the profile has no {' and no '.join(lacking)}"
    sparse = profile.facts.sparse_peak_tops.get(profile.precision)
    sources = {"peak": peak.source, "memory": memory.source} | ({"sparse peak": sparse.source} if sparse else {})
    return Ceiling(
        peak_tops=peak.value,
        sparse_peak_tops=sparse.value if sparse else None,
        memory_gb_per_s=memory.value,
        measured=False,
        source=_together(sources),
    )


def _measured(profile: HardwareProfile, ceilings: Ceilings) -> Ceiling | None:
    peak, memory = ceilings.matmul_tops.get(profile.precision), ceilings.memory_copy_gb_per_s
    if peak is None or memory is None:
        return None
    share = sparse_time_share(profile)
    sparse = peak.best / share if profile.facts.sparse_peak_tops.get(profile.precision) else None
    return Ceiling(
        peak_tops=peak.best,
        sparse_peak_tops=sparse,
        memory_gb_per_s=memory.best,
        measured=True,
        source=f"xbench hardware probe, {ceilings.measured_at}",
    )


def _together(sources: Mapping[str, str]) -> str:
    """`A` where all are from one place, else `peak: A; memory: B`."""
    if len(set(sources.values())) == 1:
        return next(iter(sources.values()))
    return "; ".join(f"{what}: {source}" for what, source in sources.items())
