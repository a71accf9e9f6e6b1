"""Gates that are inconclusive are measured again: more time, pooled with what is there, a set number of times."""

from __future__ import annotations

from ..analysis.pairing import pairing_of
from ..records.comparison import GateVerdict
from ..records.run_record import GroupState, Look, RunRecord
from .concluding import conclude
from .context import Context
from .measuring import feedings, measure_group
from .stint import AGAIN

# A group that ended otherwise has nothing left that more time could tell.
_ENDED_WELL = ("precision", "budget")
# A look is to halve the intervals that did not decide: so it cannot end before it has begun.
_NARROWER = 0.5


def settle(context: Context, record: RunRecord) -> RunRecord:
    """The record with its verdicts, once none is inconclusive that more measuring could decide, or no look is left.

    Each look spends its part of the error of its gates (stats/looks.py), so that to look again cannot make a pass.
    What is scored is not looked at again: its examples are all that there are. A look that was cut off goes on.
    """
    record = _measured(context, record, [n for n, group in enumerate(record.groups) if _unfinished(group)])
    while True:
        decided = conclude(record, context.loaded.suite, context.folder, results=context.results)
        due = _due(decided)
        if not due:
            return decided
        for number, verdicts in due.items():
            _tell(context, record, record.groups[number], verdicts)
            record = _opened(record, number, verdicts)
        record = _measured(context, record, list(due))


def _unfinished(group: GroupState) -> bool:
    return bool(group.looks) and not group.looks[-1].stopped


def _due(decided: RunRecord) -> dict[int, list[GateVerdict]]:
    """The inconclusive verdicts that a further look may decide, by the number of their group."""
    due: dict[int, list[GateVerdict]] = {}
    for number, group in enumerate(decided.groups):
        ended = {group.stopped, *(look.stopped for look in group.looks)}
        if len(group.looks) < decided.policy.again.times and ended <= set(_ENDED_WELL):
            of_group = [v for v in decided.verdicts if (v.hardware, v.workload) == (group.hardware, group.workload)]
            open_ones = [v for v in of_group if v.outcome == "inconclusive" and v.measurable]
            due |= {number: open_ones} if open_ones else {}
    return due


def _opened(record: RunRecord, number: int, verdicts: list[GateVerdict]) -> RunRecord:
    """The record with a further look at one group, not begun yet."""
    group, wanted = record.groups[number], {v.variant for v in verdicts}
    wanted |= {v.reference for v in verdicts if v.against == "production" and not v.historical}
    variants = tuple(name for name in pairing_of(record, group.hardware).candidates if name in wanted)
    look = Look(
        variants=variants,
        budget_seconds=record.policy.again.budget,
        precision=_precision(group, variants),
        first_set=group.sets,
        sets=group.sets,
    )
    groups = list(record.groups)
    groups[number] = group.model_copy(update={"looks": (*group.looks, look)})
    return record.model_copy(update={"groups": tuple(groups)})


def _precision(group: GroupState, variants: tuple[str, ...]) -> float:
    """The half-width at which the next look may end: half of what is there, and of what the one before was to reach.

    The widths alone have a say in how long it goes on, never where the intervals lie (stats/stopping.py).
    """
    speedups = [one.speedup for one in group.comparisons if one.candidate in variants and one.speedup is not None]
    known = [speedup.relative_half_width for speedup in speedups if speedup.relative_half_width > 0]
    return _NARROWER * min([_asked(group), *([max(known)] if known else [])])


def _asked(group: GroupState) -> float:
    before = group.looks[-1].precision if group.looks else group.precision
    assert before is not None  # noqa: S101 - records without it are older than looks
    return before


def _tell(context: Context, record: RunRecord, group: GroupState, verdicts: list[GateVerdict]) -> None:
    """Which gates are looked at again, why, and that there is an end to it."""
    again, number = record.policy.again, len(group.looks) + 2
    for verdict in verdicts:
        context.journey.note(
            f"measured again, look {number} of {again.times + 1}, for up to {again.budget:g} s: {verdict.gate} of "
            f"{verdict.variant} on {group.hardware}, {group.workload}, is inconclusive: {verdict.reason}"
        )


def _measured(context: Context, record: RunRecord, numbers: list[int]) -> RunRecord:
    """Measure these groups until their looks are over."""
    if not numbers:
        return record
    context.journey.plan(AGAIN, len(numbers), max(record.groups[n].looks[-1].budget_seconds for n in numbers))
    fed = feedings(context, record)
    profiles = {device.profile.name: device.profile for device in record.devices}
    workloads = {workload.name: workload for workload in context.loaded.suite.workloads}
    for number in numbers:
        group = record.groups[number]
        named, workload = profiles[group.hardware], workloads[group.workload]
        record = measure_group(context, record, number, named, workload, fed)
    return record
