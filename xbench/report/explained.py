"""An explanation in full, as lines of plain text before any markup."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..explaining.words import share, some, times
from ..records.estimate import interval_text
from ..records.explanation import Explanation, Reason
from ..records.work import Bound
from .words import SIMULATED


class Line(NamedTuple):
    """A line of text, how far it is set in, and whether it is a heading."""

    text: str
    indent: int = 0
    heading: bool = False


def explained_lines(one: Explanation) -> Iterator[Line]:
    """All that an explanation says: figures, reasons with their evidence, what to do next, and what is missing."""
    where = one.hardware + (SIMULATED if one.simulated else "")
    yield Line(f"{one.variant} against {one.baseline} on {where}, workload {one.workload}", 0, True)
    yield Line(one.summary, 2)
    yield Line(f"ideal: {_bound(one.ideal)}", 2)
    if one.on_this_target != one.ideal:
        yield Line(f"on this target, as the file is: {_bound(one.on_this_target)}", 2)
    yield Line(f"measured: {interval_text(one.measured) if one.measured is not None else 'nothing'}", 2)
    if one.reached is not None:
        found = one.reached
        yield Line(
            f"reached: {share(found.point)} of the time that the ideal saves ({share(found.low)} to "
            f"{share(found.high)})",
            2,
        )
    for reason in one.reasons:
        yield from _reason(reason)
    yield from _listed("what to do next", one.next_steps)
    yield from _listed("not looked at", one.missing)


def _bound(bound: Bound) -> str:
    """Such as `2.00x at best (roofline 1.61x, work alone 2.00x)`; or why there is none."""
    if bound.speedup is None and bound.macs_ratio is None:
        return f"not known: {bound.missing}"
    if bound.speedup is None:
        return f"{times(bound.macs_ratio or 1.0)} at best, by the work alone"
    if bound.roofline_speedup is None or bound.macs_ratio is None:
        return f"{times(bound.speedup)} at best"
    both = f"with bytes {times(bound.roofline_speedup)}, by the work alone {times(bound.macs_ratio)}"
    return f"{times(bound.speedup)} at best ({both})"


def _reason(reason: Reason) -> Iterator[Line]:
    yield Line(f"{reason.kind}: {reason.text}", 2, True)
    yield from (Line(f"- {line}", 4) for line in reason.evidence)
    if reason.layers:
        yield Line(f"- layers: {some(reason.layers)}", 4)
    if reason.time_share is not None and reason.kind != "launch-bound":  # its text has the share of the latency
        yield Line(f"- share of the profiled time: {share(reason.time_share)}", 4)
    if reason.lost is not None and reason.kind != "not known":
        yield Line(f"- can account for {share(reason.lost)} of the ideal saving", 4)


def _listed(title: str, lines: Sequence[str]) -> Iterator[Line]:
    if lines:
        yield Line(title, 2, True)
        yield from (Line(f"- {line}", 4) for line in lines)
