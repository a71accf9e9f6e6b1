"""Work that is done elsewhere than was asked."""

from __future__ import annotations

from ..records.explanation import Reason
from ..records.measurement import Placement
from .case import NOTHING, Case, Finding
from .thresholds import LEAST_GAIN
from .words import share


def placement(case: Case) -> Finding:
    """Time on another provider than was asked for; where times are not known, nodes there."""
    name = case.candidate.name
    summary = next((one.summary for one in case.group.cases if one.variant == name), None)
    where = summary.placement if summary is not None else None
    shares = dict(case.group.placements.get(name) or (where.time_share if where is not None else {}))
    asked = _asked(case, where)
    if not asked:
        return NOTHING
    if shares:
        return _by_time(case, {one: part for one, part in shares.items() if one != asked}, asked)
    elsewhere = {one: nodes for one, nodes in (where.nodes if where is not None else {}).items() if one != asked}
    if not elsewhere:
        return NOTHING
    counts = ", ".join(f"{nodes} on {one}" for one, nodes in elsewhere.items())
    reason = Reason(
        kind="placement",
        text=f"some nodes may cost time on another provider than {asked}",
        evidence=(f"nodes elsewhere: {counts}; their time is not known",),
    )
    return Finding((reason,))


def _asked(case: Case, where: Placement | None) -> str:
    rule = case.profile.placement
    return where.asked if where is not None else rule.provider if rule is not None else ""


def _by_time(case: Case, elsewhere: dict[str, float], asked: str) -> Finding:
    total = sum(elsewhere.values())
    if total < LEAST_GAIN:
        return NOTHING
    parts = ", ".join(f"{share(part)} on {one}" for one, part in elsewhere.items())
    nodes = [one for one in case.candidate.nodes if one.provider in elsewhere]
    names = tuple(one.node for one in sorted(nodes, key=lambda one: -one.time_ms))
    reason = Reason(
        kind="placement",
        text=f"{share(total)} of its profiled time is on another provider than {asked}",
        evidence=(f"profiled time, with what profiling adds: {parts}",),
        layers=names,
        time_share=min(1.0, total),
    )
    return Finding((reason,), ("replace the operators that the provider does not take, or export them otherwise",))
