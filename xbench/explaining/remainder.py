"""What no reason accounts for, as a number."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.estimate import Estimate
from ..records.explanation import Reason
from .case import NOTHING, Case, Finding
from .thresholds import LEAST_LOST
from .words import share


def not_known(case: Case, reached: Estimate | None, reasons: Sequence[Reason]) -> Finding:
    """The part of the ideal saving that was not reached, less what the reasons account for."""
    if case.outcome != "not reached" or reached is None:
        return NOTHING
    gap = 1 - reached.point
    accounted = sum(reason.lost or 0.0 for reason in reasons)
    rest = gap - accounted
    if rest < LEAST_LOST:
        return NOTHING
    open_ones = [reason.kind for reason in reasons if reason.lost is None]
    most = " at most" if open_ones else ""
    evidence = [f"{share(gap)} of the ideal saving was not reached, and {_accounted(accounted, bool(open_ones))}"]
    if open_ones:
        evidence.append(f"found, without knowing how much they account for: {', '.join(open_ones)}")
    reason = Reason(
        kind="not known",
        text=f"{share(rest)} of the ideal saving{most} is not explained",
        evidence=tuple(evidence),
        lost=rest,
    )
    return Finding((reason,))


def _accounted(part: float, others: bool) -> str:
    if part:
        return f"reasons account for {share(part)}"
    return "it is not known how much of it a reason accounts for" if others else "no reason for it was found"
