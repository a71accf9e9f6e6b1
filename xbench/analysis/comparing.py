"""Compares the candidates of one device and workload with the baseline of the same run."""

from __future__ import annotations

from collections.abc import Sequence

from ..records.comparison import AA_SUFFIX, CaseResult, Comparison
from ..records.estimate import Estimate
from ..records.measurement import ProcessSet
from ..records.run_record import GroupState
from ..stats.ratio import MIN_ROUNDS, MIN_SETS, speedup_estimate
from ..stats.verdict import decide, noise_floor
from .ratios import Floats, Statistic, cpu_time, log_ratios, wall_time
from .summary import summarise


def aa_label(baseline: str) -> str:
    """The name under which the second copy of the baseline is measured (rule 3 of the design)."""
    return baseline + AA_SUFFIX


def estimate(
    sets: Sequence[ProcessSet], baseline: str, candidate: str, seed: int, statistic: Statistic = wall_time
) -> Estimate | None:
    """The speedup with its 95 % interval; None with too few process sets or rounds for one."""
    ratios: list[Floats] = log_ratios(sets, baseline, candidate, statistic)
    usable = [rounds for rounds in ratios if len(rounds) >= MIN_ROUNDS]
    return speedup_estimate(usable, seed=seed) if len(usable) >= MIN_SETS else None


def all_estimates(sets: Sequence[ProcessSet], baseline: str, candidates: Sequence[str], seed: int) -> list[Estimate]:
    """The speedups of the copy and of all candidates that have one: what the rule of stopping looks at."""
    labels = [aa_label(baseline), *candidates]
    found = (estimate(sets, baseline, label, seed) for label in labels)
    return [one for one in found if one is not None]


def analyse(
    group: GroupState,
    sets: Sequence[ProcessSet],
    baseline: str,
    candidates: Sequence[str],
    margin: float,
    seed: int,
) -> GroupState:
    """The group with its cases, its noise floor and its comparisons. The same samples give the same result."""
    aa = estimate(sets, baseline, aa_label(baseline), seed)
    floor = noise_floor(aa) if aa is not None and aa.usable and aa.low > 0 else None
    labels = [baseline, aa_label(baseline), *candidates]
    steal = [one.steal_share for one in sets if one.steal_share is not None]
    return group.model_copy(
        update={
            "noise_floor": floor,
            "steal_share": max(steal) if steal else None,
            "load_average": max((one.load_average for one in sets), default=None),
            "cases": tuple(_case(group, sets, label) for label in labels),
            "comparisons": tuple(_compare(group, sets, baseline, c, floor, margin, seed) for c in candidates),
        }
    )


def _case(group: GroupState, sets: Sequence[ProcessSet], label: str) -> CaseResult:
    failure = group.failures.get(label, "")
    summary = None if failure else summarise(sets, label, group.batch, group.placements.get(label, {}))
    if summary is None and not failure:
        failure = "not timed: nothing was left to compare" if group.stopped else "not timed yet"
    return CaseResult(
        variant=label, hardware=group.hardware, workload=group.workload, summary=summary, failure=failure
    )


def _compare(
    group: GroupState,
    sets: Sequence[ProcessSet],
    baseline: str,
    candidate: str,
    floor: float | None,
    margin: float,
    seed: int,
) -> Comparison:
    base = Comparison(
        baseline=baseline,
        candidate=candidate,
        hardware=group.hardware,
        workload=group.workload,
        simulated=group.simulated,
        verdict="invalid",
        ideal_speedup=group.ideal_speedups.get(candidate),
        ideal_note=group.ideal_notes.get(candidate, ""),
        noise_floor=floor,
        output_max_abs_difference=group.output_differences.get(candidate),
    )
    for label in (candidate, baseline, aa_label(baseline)):
        if label in group.failures:
            whose = "" if label == candidate else f"{label}: "
            return base.model_copy(update={"reasons": (whose + group.failures[label],)})
    speedup = estimate(sets, baseline, candidate, seed)
    if speedup is None or floor is None:
        reason = f"process sets measured: {len(sets)}; an interval needs {MIN_SETS}: give more time with --budget"
        return base.model_copy(update={"verdict": "inconclusive", "reasons": (reason,)})
    verdict, reason = decide(speedup, floor, margin)
    return base.model_copy(
        update={
            "verdict": verdict,
            "speedup": speedup,
            "cpu_time_speedup": estimate(sets, baseline, candidate, seed, cpu_time),
            "reasons": (reason,),
        }
    )
