"""Operators that pruning does not touch, and the cap that they set (Amdahl, 1967)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..records.explanation import Reason
from ..records.measurement import NodeTime, OperatorTime
from ..records.work import LayerWork
from ..worth.bounding import bytes_of, layer_seconds
from ..worth.exploiting import left_as_is
from .case import NOTHING, Case, Finding, Side
from .ideal import left_at_best, touched
from .thresholds import AGREE_WITHIN, LEAST_LOST, LEAST_SHARE
from .times import added_ms
from .words import share, some, times

# Parts of names of operators that multiply matrices, the runtimes' own fused ones too.
_HEAVY = ("Conv", "MatMul", "Gemm", "FullyConnected", "Attention", "LSTM", "GRU", "RNN")
_MOST_OPERATORS = 5
_UNMATCHED = "there are times by node alone, and the layers of the two files do not bear the same names"


class _Part(NamedTuple):
    """One operator's or layer's profiled time in the baseline, and what the ideal leaves of it."""

    name: str
    operator: str
    before: float
    after: float
    touched: bool
    weighted: bool = False


def not_pruned(case: Case) -> Finding:
    """The share of the baseline's profiled time in work that is the candidate's too, and what that costs the ideal.

    A layer's work is known, where the record tells it. Of operators without weights it is the time that tells: they
    count as unpruned where it did not fall by more than profiles differ, or where shapes did not change.
    """
    if case.best is None or case.saving is None:
        return NOTHING
    if case.doubt:
        return Finding(missing=(f"which operators hold it back: {case.doubt}",))
    parts = list(_of_nodes(case) if case.base.nodes and case.pairs else _of_operators(case, case.best))
    whole = sum(part.before for part in parts)
    if not whole:
        return Finding(missing=(f"which operators hold it back: {_UNMATCHED}",))
    still = [part for part in parts if not part.touched]
    unpruned = sum(part.before for part in still) / whole
    weighted = sum(part.after for part in parts) / whole
    lost = (weighted - 1 / case.best) / case.saving
    if unpruned < LEAST_SHARE or lost < LEAST_LOST:
        return NOTHING
    return Finding((_reason(case, still, whole, weighted, min(1.0, lost)),), tuple(_steps(still, whole)))


def _reason(case: Case, still: list[_Part], whole: float, weighted: float, lost: float) -> Reason:
    shares = _by_operator(still, whole)
    unpruned = sum(shares.values())
    listed = ", ".join(f"{operator} {share(part)}" for operator, part in list(shares.items())[:_MOST_OPERATORS])
    return Reason(
        kind="not pruned",
        text=f"{share(unpruned)} of the time of {case.base.name} is in what pruning did not touch: "
        f"{some(list(shares))}",
        evidence=(
            f"profiled time of {case.base.name}{_less(case)}: {listed}",
            f"were all else free, {times(1 / unpruned)} at best (Amdahl)",
            f"with all else at its ideal, {times(1 / weighted)} by these times",
        ),
        layers=tuple(part.name for part in sorted(still, key=lambda one: -one.before) if part.weighted),
        lost=lost,
    )


def _less(case: Case) -> str:
    added = added_ms(case.group.node_cost)
    return f", less {1000 * added:.2g} us a node that profiling adds" if added else ""


def _by_operator(parts: list[_Part], whole: float) -> dict[str, float]:
    found: dict[str, float] = {}
    for part in parts:
        found[part.operator] = found.get(part.operator, 0.0) + part.before / whole
    return dict(sorted(found.items(), key=lambda one: -one[1]))


def _of_nodes(case: Case) -> Iterator[_Part]:
    """Layers by their work; all other nodes by operator."""
    pairs = {base.node: (base, one) for base, one in case.pairs}
    here = {layer.node for layer in case.base.layers}
    for name, spent in case.base.by_layer.items():
        if name in pairs:
            yield _layer(case, *pairs[name], spent)
        elif name in here:
            yield _Part(name, "removed layers", spent, 0.0, True)
    yield from _operators(_light(case.base), _light(case.candidate), _same_shapes(case))


def _light(side: Side) -> dict[str, float]:
    return _summed([node for node in side.nodes if not node.layer])


def _summed(times_ms: Sequence[NodeTime] | Sequence[OperatorTime]) -> dict[str, float]:
    """Milliseconds by operator."""
    found: dict[str, float] = {}
    for one in times_ms:
        found[one.operator] = found.get(one.operator, 0.0) + one.time_ms
    return found


def _layer(case: Case, base: LayerWork, one: LayerWork, spent: float) -> _Part:
    before, after = left_as_is(case.profile, base.audit), left_at_best(one)
    if isinstance(case.ceiling, str) or base.missing or one.missing:
        kept = (one.macs or 0) * after.macs / ((base.macs or 1) * before.macs)
    else:
        width = bytes_of(case.profile.precision)
        kept = layer_seconds(one, after, case.ceiling, width) / layer_seconds(base, before, case.ceiling, width)
    weighted = base.audit is not None
    operator = base.op_type if weighted else f"{base.op_type} of two activations"
    return _Part(base.node, operator, spent, spent * kept, touched(base, one), weighted)


def _of_operators(case: Case, best: float) -> Iterator[_Part]:
    """Without times by layer: operators that multiply matrices are taken to get as much faster as the ideal says."""
    before, after = (_summed(side.operators) for side in (case.base, case.candidate))
    heavy = {name for name in before if any(part in name for part in _HEAVY)}
    yield from (_Part(name, name, before[name], before[name] / best, True) for name in heavy)
    light = {name: ms for name, ms in before.items() if name not in heavy}
    yield from _operators(light, after, _same_shapes(case))


def _operators(before: dict[str, float], after: dict[str, float], same: bool) -> Iterator[_Part]:
    for name, spent in before.items():
        now = after.get(name, 0.0)
        still = same or now * AGREE_WITHIN >= spent
        yield _Part(name, name, spent, spent if still else now, not still)


def _same_shapes(case: Case) -> bool:
    """Whether all weights have the baseline's shapes: then every value inside has its shape too."""
    base, candidate = case.base.audit, case.candidate.audit
    if base is None or candidate is None or not base.layers:
        return False
    return [one.shape for one in base.layers] == [one.shape for one in candidate.layers]


def _steps(parts: list[_Part], whole: float) -> Iterator[str]:
    layers = sorted((part for part in parts if part.weighted), key=lambda one: -one.before)
    spent = sum(part.before for part in layers) / whole
    if spent >= LEAST_SHARE:
        yield f"prune {some([part.name for part in layers], 2)} too: {share(spent)} of the time"
    others = _by_operator([part for part in parts if not part.weighted], whole)
    if sum(others.values()) >= LEAST_SHARE:
        yield (
            f"remove whole heads, channels or layers: that shrinks {some(list(others))} too, "
            f"{share(sum(others.values()))} of the time"
        )
