"""Profiled times without what the profiler itself adds to each node."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.measurement import NodeCost, NodeTime, OperatorTime
from ..records.run_record import GroupState
from .thresholds import LEAST_LOST, LEAST_NODE_MS, MOST_ADDED
from .words import share


def added_ms(cost: NodeCost | None) -> float:
    """Milliseconds that the profiler adds to each node: what it shows for one that computes next to nothing, less
    what such a node costs without it. 0 where that is not known, or a profiler shows less than a node costs."""
    return max(0.0, cost.profiled_us - cost.timed_us) / 1000 if cost is not None else 0.0


def node_times(nodes: Sequence[NodeTime], cost: NodeCost | None) -> tuple[NodeTime, ...]:
    """The nodes, each without what profiling adds to it."""
    added = added_ms(cost)
    return tuple(one.model_copy(update={"time_ms": max(0.0, one.time_ms - added)}) for one in nodes)


def operator_times(operators: Sequence[OperatorTime], cost: NodeCost | None) -> tuple[OperatorTime, ...]:
    """The operators, each without what profiling adds to all of its nodes."""
    added = added_ms(cost)
    return tuple(one.model_copy(update={"time_ms": max(0.0, one.time_ms - one.nodes * added)}) for one in operators)


def no_cost(group: GroupState) -> str:
    """Why it is not known what a node costs on the target."""
    return group.node_cost_note or "the record does not tell it, as older ones do not"


def unsure(group: GroupState, name: str) -> str:
    """Why no share may be taken of a variant's profiled times; empty where one may.

    Where it is not known what profiling adds, nodes below LEAST_NODE_MS may be mostly that. While they are less than
    LEAST_LOST of the whole, no share is wrong by more. Where it is known, it is not to be more than MOST_ADDED.
    """
    nodes, operators = group.nodes.get(name, ()), group.operators.get(name, ())
    # (milliseconds of one node, how many there are)
    times = [(one.time_ms, 1) for one in nodes] or [(one.time_ms / max(1, one.nodes), one.nodes) for one in operators]
    whole = sum(each * count for each, count in times)
    if not whole:
        return ""
    if group.node_cost is not None:
        added = added_ms(group.node_cost)
        part = sum(min(each, added) * count for each, count in times) / whole
        much = f"profiling adds {share(part)} of the profiled time of {name}: too much to tell shares of the rest"
        return much if part > MOST_ADDED else ""
    part = sum(each * count for each, count in times if each < LEAST_NODE_MS) / whole
    unknown = (
        f"nodes below {LEAST_NODE_MS * 1000:.0f} us have {share(part)} of the profiled time of {name}, and how much "
        f"of that the profiler adds is not known ({no_cost(group)})"
    )
    return unknown if part >= LEAST_LOST else ""
