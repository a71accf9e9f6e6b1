"""An explanation in one line."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.estimate import Estimate
from ..records.explanation import Reason
from .case import Case
from .words import share, times

_TOLD = 2
BEYOND = "what is left may fit into a cache, or the baseline does worse by its ceilings; no ideal is a law"


def summary(case: Case, reached: Estimate | None, reasons: Sequence[Reason]) -> str:
    """Such as `half reached 61 % of its ideal 1.90x: REASON; REASON`."""
    name, why = case.candidate.name, "; ".join(reason.text for reason in reasons[:_TOLD])
    if case.outcome == "nothing to reach":
        told = f"{name} has nothing to reach: its ideal is {times(case.best or 1.0)}"
    elif case.best is None:
        told = f"how much of its ideal {name} reached is not known: {case.ideal.missing}"
    elif case.outcome == "reached":
        if reached is not None and reached.low > 1:
            return f"{name} is faster than its ideal {times(case.best)}: {BEYOND}"
        return f"{name} reached its ideal {times(case.best)}, within the interval"
    elif reached is None:
        told = f"{name} was not measured; its ideal is {times(case.best)}"
    elif case.outcome == "not known":
        told = f"{name} may have reached its ideal {times(case.best)} or not, by the interval and the noise floor"
    else:
        told = f"{name} reached {_part(reached)} of its ideal {times(case.best)}"
        why = why or "the rest is less than can be told"
    return f"{told}: {why}" if why else told


def _part(reached: Estimate) -> str:
    """Slower than the baseline, or as fast, is none of it."""
    return share(reached.point) if reached.point >= 0.005 else "none"
