"""Nodes that cost what they cost whatever they compute: their launches."""

from __future__ import annotations

from ..records.explanation import Reason
from .case import NOTHING, Case, Finding, Side, figure
from .ideal import touched
from .thresholds import LAUNCH_SHARE
from .times import no_cost
from .words import count, share


def launch_bound(case: Case) -> Finding:
    """Launching the nodes is much of the timed latency: that part does not fall with the work.

    The latency is that of a call, timed without a profiler, and so is what a node costs. Nodes that a profile does
    not show, as those in the body of a loop, are not counted: there may be more.
    """
    side, cost = case.candidate, case.group.node_cost
    if cost is None or not side.nodes:
        why = no_cost(case.group) if side.nodes else "the nodes that run are not told apart in the record"
        return Finding(missing=(f"whether launches of nodes bound it: {why}",))
    latency = _call_ms(case, side)
    if latency is None:
        return Finding(missing=("whether launches of nodes bound it: there is no latency of a single call",))
    part = min(1.0, len(side.nodes) * cost.timed_us / 1000 / latency)
    if part < LAUNCH_SHARE:
        return NOTHING
    reason = Reason(
        kind="launch-bound",
        text=f"{share(part)} of its latency is the launches of its {len(side.nodes):,} nodes, whatever they compute",
        evidence=(
            f"a node that computes next to nothing costs {cost.timed_us:.2g} us here, timed without a profiler in a "
            f"chain of {cost.nodes}",
            f"{side.name} runs {count(len(side.nodes), 'node')} in a call of {latency:.3g} ms (p50)" + _before(case),
        ),
        time_share=part,
        lost=_lost(case, cost.timed_us / 1000),
    )
    return Finding((reason,), ("raise the batch: each node then computes more", "remove whole layers: fewer nodes"))


def _lost(case: Case, each_ms: float) -> float | None:
    """What launches of pruned layers keep of the ideal saving: they cost as much as before, for less work.

    Zeros that the target multiplies, and layers that were not pruned, are other reasons. None where layers are not
    told, or nothing is kept.
    """
    best, whole = figure(case.on_this_target), _call_ms(case, case.base)
    if best is None or not whole or not case.saving:
        return None
    pruned = {one.node for base, one in case.pairs if touched(base, one)}
    before, after = (sum(node.layer in pruned for node in side.nodes) for side in (case.base, case.candidate))
    return min(1.0, max(0.0, after - before / best) * each_ms / whole / case.saving) or None


def _call_ms(case: Case, side: Side) -> float | None:
    """A side's median latency of one call; None where it is that of several, or with time in a queue."""
    load = case.group.load
    if load.scenario == "Server" or load.calls_per_query != 1:
        return None
    summary = next((one.summary for one in case.group.cases if one.variant == side.name), None)
    return summary.latency_p50_ms if summary is not None else None


def _before(case: Case) -> str:
    nodes = len(case.base.nodes)
    return f"; {case.base.name} runs {nodes:,}" if nodes else ""
