"""Why a variant is as fast as it is on a device: from a record alone. Nothing is run, opened or timed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..records.comparison import Comparison
from ..records.explanation import Explanation, Reason
from ..records.run_record import GroupState, RunRecord
from ..records.work import Ceiling
from . import ideal as ideals
from .case import Case, Finding, Side
from .launches import launch_bound
from .memory import memory_bound
from .placing import placement
from .remainder import not_known
from .shapes import still_dense
from .summing import summary
from .tactics import no_sparse_tactic
from .times import node_times, operator_times, unsure
from .unpruned import not_pruned
from .widths import narrow_widths
from .zeros import multiplied, only_zeroed

Look = Callable[[Case], Finding]

STATIC: tuple[Look, ...] = (still_dense, placement)
"""What is worth telling even where there is nothing to reach."""
FAMILIES: tuple[Look, ...] = (
    only_zeroed,
    multiplied,
    no_sparse_tactic,
    narrow_widths,
    memory_bound,
    launch_bound,
    not_pruned,
    *STATIC,
)
"""All families of reasons, in the order of what is told first where weights are alike."""


def explain(record: RunRecord, group: GroupState, comparison: Comparison) -> Explanation:
    """One comparison of a group of this record: ideal, measured, reached, and the reasons for the rest.

    There is none where the ideal was reached. Where nothing was measured, those that need no time still stand.
    """
    case = case_of(record, group, comparison)
    counted = None if case.comparison.simulated else case.measured
    reached = ideals.reached(counted, case.ideal) if case.outcome != "nothing to reach" else None
    found = [look(case) for look in _families(case)]
    reasons = sorted((one for finding in found for one in finding.reasons), key=_weight)
    reasons += not_known(case, reached, reasons).reasons
    return Explanation(
        variant=comparison.candidate,
        baseline=comparison.baseline,
        hardware=group.hardware,
        workload=group.workload,
        simulated=comparison.simulated,
        outcome=case.outcome,
        summary=summary(case, reached, reasons),
        ideal=case.ideal,
        on_this_target=case.on_this_target,
        measured=case.measured,
        reached=reached,
        reasons=tuple(reasons),
        next_steps=_steps(case, found),
        missing=tuple(dict.fromkeys((*_missing(case), *(line for one in found for line in one.missing)))),
    )


def explanations(record: RunRecord) -> Iterator[Explanation]:
    """Every comparison of a record, explained."""
    for group in record.groups:
        for comparison in group.comparisons:
            yield explain(record, group, comparison)


def case_of(record: RunRecord, group: GroupState, comparison: Comparison) -> Case:
    """What the record holds of one comparison."""
    profile = next(one.profile for one in record.devices if one.profile.name == group.hardware)
    sides = tuple(_side(record, group, name) for name in (comparison.baseline, comparison.candidate))
    base, candidate = sides
    ceiling: Ceiling | str = group.ceiling or group.ceiling_note or "the record holds no ceilings of this target"
    notes = (group.layer_notes.get(name, "") for name in (comparison.candidate, comparison.baseline))
    no_layers = next((note for note in notes if note), ideals.OLDER)
    ideal, compacted, here = ideals.bounds(profile, (base, candidate), comparison, ceiling, no_layers)
    measured = comparison.speedup if comparison.verdict not in ("invalid", "untimed") else None
    counted = None if comparison.simulated else measured
    return Case(
        record=record,
        group=group,
        comparison=comparison,
        profile=profile,
        base=base,
        candidate=candidate,
        ceiling=ceiling,
        ideal=ideal,
        compacted=compacted,
        on_this_target=here,
        measured=measured,
        outcome=ideals.outcome(counted, ideal, comparison),
    )


def _side(record: RunRecord, group: GroupState, name: str) -> Side:
    return Side(
        state=next(one for one in record.variants if one.name == name),
        layers=group.layers.get(name, ()),
        nodes=node_times(group.nodes.get(name, ()), group.node_cost),
        operators=operator_times(group.operators.get(name, ()), group.node_cost),
        unsure=unsure(group, name),
    )


def _families(case: Case) -> Sequence[Look]:
    if case.outcome == "reached":
        return ()
    return STATIC if case.outcome == "nothing to reach" else FAMILIES


def _weight(reason: Reason) -> tuple[float, float]:
    """The most lost first, and of those of which that is not known the longest."""
    return -(reason.lost or 0.0), -(reason.time_share or 0.0)


def _missing(case: Case) -> Iterator[str]:
    comparison = case.comparison
    if comparison.verdict in ("invalid", "untimed"):
        yield f"the speedup: {'; '.join(comparison.reasons) or comparison.verdict}"
    elif case.measured is None:
        yield f"the speedup: {'; '.join(comparison.reasons) or 'there were too few process sets'}"
    elif comparison.simulated:
        yield "what was reached: the times are scripted, and nothing was computed"
    if case.ideal.missing:
        yield f"{'bytes, for the ideal' if case.best is not None else 'the ideal'}: {case.ideal.missing}"


def _steps(case: Case, found: Sequence[Finding]) -> tuple[str, ...]:
    """Those of the reasons, the weightiest reason's first; then what would tell more."""
    ranked = sorted((one for one in found if one.reasons), key=lambda one: _weight(one.reasons[0]))
    steps = [step for finding in ranked for step in finding.steps]
    if case.comparison.verdict == "inconclusive" and case.comparison.seconds_to_settle is not None:
        steps.append(
            f"measure for about {case.comparison.seconds_to_settle:.0f} s more (--budget): it is inconclusive"
        )
    real = not case.comparison.simulated and case.profile.emulation is None
    if isinstance(case.ceiling, str) and real and case.outcome not in ("reached", "nothing to reach"):
        steps.append(
            f"run `xbench hardware probe {case.profile.name}` before the next run: its ideal then counts bytes too"
        )
    return tuple(dict.fromkeys(steps))
