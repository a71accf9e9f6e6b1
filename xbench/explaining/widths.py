"""Widths that pruning made narrow, and that the target's kernels do not like."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import NamedTuple

from ..records.explanation import Reason
from ..records.work import LayerWork
from .case import NOTHING, Case, Finding
from .thresholds import LEAST_LOST, LEAST_NODE_MS, LOST_RATE
from .words import count, share, some


class _Timed(NamedTuple):
    """A layer, the multiply-accumulates a second that it does (10^9), by those of its dense counterpart, `base`."""

    base: LayerWork
    layer: LayerWork
    dense_rate: float
    rate: float

    @property
    def kept(self) -> float:
        return self.rate / self.dense_rate


def narrow_widths(case: Case) -> Finding:
    """Widths that are no multiple of what the profile says, made so by pruning.

    Where profiles tell the times, a layer counts only if it lost rate: against its dense counterpart, and against
    pruned layers of the same operator whose widths fit, where there are any: narrower layers are slower anyway.
    """
    fact = case.profile.facts.width_multiple.get(case.profile.precision)
    changed = [(base, one) for base, one in case.pairs if base.audit and one.audit and _widths(base) != _widths(one)]
    if not changed:
        return NOTHING
    if fact is None:
        return Finding(missing=(f"which widths suit this target: the profile has none in {case.profile.precision}",))
    multiple = int(fact.value)
    odd = [pair for pair in changed if _odd(*pair, multiple)]
    if not odd:
        return NOTHING
    source = f"widths are best a multiple of {multiple}: {fact.source}"
    if unsure := case.base.unsure or case.candidate.unsure:
        return Finding(missing=(f"whether widths that do not fit cost any time: {unsure}",))
    if case.doubt:
        return _untimed(case, odd, multiple, source)
    timed = [found for pair in changed if (found := _timed(case, *pair)) is not None]
    odd_nodes = {one.node for _, one in odd}
    slow = [found for found in timed if found.layer.node in odd_nodes and _slow(found, timed, odd_nodes)]
    return _lost(case, slow, timed, odd_nodes, multiple, source) if slow else NOTHING


def _widths(layer: LayerWork) -> tuple[int, int]:
    return (layer.audit.outputs, layer.audit.inputs) if layer.audit is not None else (0, 0)


def _odd(base: LayerWork, one: LayerWork, multiple: int) -> bool:
    """Whether pruning made a width that does not fit; what the dense layer has too costs both."""
    widths = zip(_widths(base), _widths(one), strict=True)
    return any(now != dense and now % multiple for dense, now in widths)


def _timed(case: Case, base: LayerWork, one: LayerWork) -> _Timed | None:
    """Rates of a pair; None where a time is not known, or too short to tell."""
    before, after = case.base.by_layer.get(base.node, 0.0), case.candidate.by_layer.get(one.node, 0.0)
    if min(before, after) < LEAST_NODE_MS or not base.macs or not one.macs:
        return None
    # Multiply-accumulates a millisecond are 10^-6 of 10^9 a second.
    return _Timed(base, one, base.macs / before / 1e6, one.macs / after / 1e6)


def _reference(found: _Timed, timed: Sequence[_Timed], odd: set[str]) -> float:
    """What share of the dense rate pruned layers of this operator keep whose widths fit; 1 where there are none."""
    kept = [other.kept for other in timed if other.layer.node not in odd and _alike(other.layer, found.layer)]
    return min(1.0, median(kept)) if kept else 1.0


def _alike(one: LayerWork, other: LayerWork) -> bool:
    return one.op_type == other.op_type


def _slow(found: _Timed, timed: Sequence[_Timed], odd: set[str]) -> bool:
    return found.kept < (1 - LOST_RATE) * _reference(found, timed, odd)


def _lost(
    case: Case, slow: list[_Timed], timed: Sequence[_Timed], odd: set[str], multiple: int, source: str
) -> Finding:
    times = case.candidate.by_layer
    slow.sort(key=lambda one: -times[one.layer.node])
    wasted = sum(times[one.layer.node] * (1 - one.kept / _reference(one, timed, odd)) for one in slow)
    lost = wasted / case.base.profiled_ms / case.saving if case.saving else None
    if lost is not None and lost < LEAST_LOST:
        return NOTHING
    first = slow[0]
    fitting = [one.kept for one in timed if one.layer.node not in odd and _alike(one.layer, first.layer)]
    control = (
        f"pruned {first.layer.op_type} layers whose widths fit keep {share(median(fitting))} of theirs"
        if fitting
        else f"no pruned {first.layer.op_type} layer has widths that fit, to compare with"
    )
    reason = Reason(
        kind="narrow widths",
        text=f"{count(len(slow), 'layer')} of widths that are no multiple of {multiple} lost rate",
        evidence=(
            *(_rate(one, multiple) for one in slow[:3]),
            control,
            source,
            f"rates are of multiply-accumulates by profiled time; counted from a loss of {share(LOST_RATE)} on",
        ),
        layers=tuple(one.layer.node for one in slow),
        time_share=sum(times[one.layer.node] for one in slow) / case.candidate.profiled_ms,
        lost=lost,
    )
    return Finding((reason,), (_round(case, multiple, [one.layer for one in slow]),))


def _rate(one: _Timed, multiple: int) -> str:
    rates = f"{one.rate:.3g} GMAC/s, {share(one.kept)} of its dense counterpart's {one.dense_rate:.3g}"
    return f"{one.layer.node}: {rates}; {_better(one.base, one.layer, multiple)}"


def _better(base: LayerWork, layer: LayerWork, multiple: int) -> str:
    """The widths that pruning made, and the next ones that fit."""
    named = zip(("outputs", "inputs"), _widths(base), _widths(layer), strict=True)
    return "; ".join(
        f"{width} {what}, better {_next(width, multiple)}"
        for what, dense, width in named
        if width != dense and width % multiple
    )


def _next(width: int, multiple: int) -> str:
    down = width // multiple * multiple
    return f"{down} or {down + multiple}" if down else f"{multiple}"


def _untimed(case: Case, odd: Sequence[tuple[LayerWork, LayerWork]], multiple: int, source: str) -> Finding:
    pairs = sorted(odd, key=lambda pair: -(pair[1].macs or 0))
    layers = [one for _, one in pairs]
    reason = Reason(
        kind="narrow widths",
        text=f"{count(len(layers), 'layer')} may have lost rate: their widths are no multiple of {multiple}",
        evidence=(
            *(f"{one.node}: {_better(base, one, multiple)}" for base, one in pairs[:3]),
            source,
            f"whether they lost any is not known: {case.doubt}",
        ),
        layers=tuple(one.node for one in layers),
    )
    return Finding((reason,), (_round(case, multiple, layers),))


def _round(case: Case, multiple: int, layers: Sequence[LayerWork]) -> str:
    what = "channels" if all(one.op_type.endswith("Conv") for one in layers) else "widths"
    names = some([one.node for one in layers], 2)
    return f"round {what} to {multiple} (round_to: profile): {names}"
