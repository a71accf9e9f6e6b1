"""Compares the candidates of one device and workload with the baseline of the same run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..records.comparison import CaseResult, Comparison
from ..records.estimate import Estimate
from ..records.measurement import ProcessSet
from ..records.run_record import GroupState, pair_key
from ..stats.planning import seconds_to_settle
from ..stats.ratio import MIN_SETS
from ..stats.verdict import decide, noise_floor
from .doubting import NOTABLE_DISTURBANCE, scrutinise
from .estimating import Pair, aa_label, cpu_time_speedup_of, speedup_of
from .pairing import Pairing
from .serving import highest_rate
from .summary import runs_of, summarise

NO_IDEAL = "multiply-accumulates do not tell what another precision is worth"


def all_estimates(
    group: GroupState, sets: Sequence[ProcessSet], pairs: Iterable[tuple[str, str]], seed: int
) -> list[Estimate]:
    """The speedups of all (baseline, candidate) that have one: what the rule of stopping looks at."""
    found = (speedup_of(_pair(group, sets, baseline, candidate, seed)) for baseline, candidate in pairs)
    return [one for one in found if one is not None]


def _pair(group: GroupState, sets: Sequence[ProcessSet], baseline: str, candidate: str, seed: int) -> Pair:
    return Pair(sets, baseline, candidate, group.load, group.cpus, seed)


def analyse(group: GroupState, sets: Sequence[ProcessSet], pairing: Pairing, margin: float, seed: int) -> GroupState:
    """The group with its cases, its noise floor and its comparisons. The same samples give the same result."""
    floors = {name: _floor(group, sets, name, seed) for name in pairing.controls.values()}
    labels = dict.fromkeys(one for name in floors for one in (name, aa_label(name))) | dict.fromkeys(pairing.names)
    compared = (_compare(group, sets, pairing, pair, floors, margin, seed) for pair in pairing.pairs)
    steal = [one.steal_share for one in sets if one.steal_share is not None]
    return group.model_copy(
        update={
            "noise_floor": floors[pairing.baseline],
            "steal_share": max(steal) if steal else None,
            "load_average": max((one.load_average for one in sets), default=None),
            "cases": tuple(_case(group, sets, label, seed) for label in labels),
            "comparisons": tuple(compared),
        }
    )


def _floor(group: GroupState, sets: Sequence[ProcessSet], baseline: str, seed: int) -> float | None:
    aa = speedup_of(_pair(group, sets, baseline, aa_label(baseline), seed))
    return noise_floor(aa) if aa is not None and aa.usable and aa.low > 0 else None


def _floor_of(pairing: Pairing, candidate: str, floors: Mapping[str, float | None]) -> float | None:
    """The larger of the floors that a comparison bears: quick files in a low precision have more noise."""
    borne = [floors[name] for name in pairing.controls_of(candidate)]
    known = [floor for floor in borne if floor is not None]
    return max(known) if len(known) == len(borne) else None


def _case(group: GroupState, sets: Sequence[ProcessSet], label: str, seed: int) -> CaseResult:
    failure = group.failures.get(label, "") or "; ".join(_untimed(group, label))
    summary = None if failure else summarise(group, sets, label, seed)
    if summary is None and not failure:
        failure = "not timed: nothing was left to compare" if group.stopped else "not timed yet"
    return CaseResult(
        variant=label, hardware=group.hardware, workload=group.workload, summary=summary, failure=failure
    )


def _compare(
    group: GroupState,
    sets: Sequence[ProcessSet],
    pairing: Pairing,
    names: tuple[str, str],
    floors: Mapping[str, float | None],
    margin: float,
    seed: int,
) -> Comparison:
    baseline, candidate = names
    floor = _floor_of(pairing, candidate, floors)
    base = _described(group, pairing, names).model_copy(update={"noise_floor": floor})
    controls = [aa_label(name) for name in pairing.controls_of(candidate)]
    for label in (candidate, baseline, *controls):
        if label in group.failures:
            whose = "" if label == candidate else f"{label}: "
            return base.model_copy(update={"reasons": (whose + group.failures[label],)})
    if group.untimed:
        return base.model_copy(update={"verdict": "untimed", "reasons": tuple(_untimed(group, candidate))})
    pair = _pair(group, sets, baseline, candidate, seed)
    speedup = speedup_of(pair)
    if speedup is None or floor is None:
        return base.model_copy(update={"verdict": "inconclusive", "reasons": (_no_estimate(pair),)})
    return base.model_copy(
        update={
            "speedup": speedup,
            "cpu_time_speedup": cpu_time_speedup_of(pair),
            **_judged(group, pair, speedup, floor, margin),
        }
    )


def _described(group: GroupState, pairing: Pairing, names: tuple[str, str]) -> Comparison:
    """A comparison before it is decided: with what was proven before anything was timed."""
    baseline, candidate = names
    key = candidate if pairing.is_first(*names) else pair_key(*names)
    alike = pairing.same_precision(*names)
    return Comparison(
        baseline=baseline,
        candidate=candidate,
        hardware=group.hardware,
        workload=group.workload,
        simulated=group.simulated,
        verdict="invalid",
        ideal_speedup=group.ideal_speedups.get(key) if alike else None,
        ideal_note=group.ideal_notes.get(key, "") if alike else NO_IDEAL,
        output_max_abs_difference=group.output_differences.get(key),
        cautions=group.cautions.get(key, ()),
    )


def _untimed(group: GroupState, label: str) -> Iterator[str]:
    """Why there are no times, where nothing is timed; and how far the outputs are from this machine's own."""
    if not group.untimed:
        return
    yield group.untimed
    parity = group.parities.get(label)
    if parity is not None:
        worst = max(parity.outputs, key=lambda one: one.max_rel, default=None)
        if worst is None or worst.max_rel == 0:
            yield "outputs are those of this machine's own CPU"
        else:
            yield (
                f"output {worst.output!r} differs from that of this machine's own CPU by up to "
                f"{worst.max_rel:.2g} of its largest value"
                + ("" if parity.passed else f", and rounding explains {parity.tolerance:g} at most")
            )


def _no_estimate(pair: Pair) -> str:
    """Why there is no interval: in the scenario Server, mostly because a process found no rate."""
    for label in (pair.candidate, pair.baseline, aa_label(pair.baseline)):
        runs = runs_of(pair.sets, label)
        if pair.load.scenario == "Server" and len(pair.sets) >= MIN_SETS and runs:
            _, reason = highest_rate(pair.load, runs, pair.seed)
            if reason:
                return f"{label}: {reason}"
    return f"process sets measured: {len(pair.sets)}; an interval needs {MIN_SETS}: give more time with --budget"


def _judged(group: GroupState, pair: Pair, speedup: Estimate, floor: float, margin: float) -> dict[str, Any]:
    """The verdict with its reasons, after the checks that may put it in doubt."""
    verdict, reason = decide(speedup, floor, margin)
    found = scrutinise(pair, verdict, floor, margin)
    reasons = (reason, *found.doubts)
    seconds = None
    if found.doubts and verdict != "invalid":
        verdict = "inconclusive"
    elif verdict == "inconclusive":
        seconds = seconds_to_settle(speedup, floor, margin, *_spent(pair))
        reasons = (reason, *_what_helps(seconds, found.disturbed_share))
    return {
        "verdict": verdict,
        "reasons": reasons,
        "disturbed_share": found.disturbed_share,
        "undisturbed_speedup": found.undisturbed,
        "doubts": found.doubts,
        "seconds_to_settle": seconds,
    }


def _spent(pair: Pair) -> tuple[float, int]:
    """Seconds and number of the process sets in which both were measured: a further look may leave a variant out."""
    shared = [one.seconds for one in pair.sets if one.run_of(pair.baseline) and one.run_of(pair.candidate)]
    return sum(shared), len(shared)


def _what_helps(seconds: float | None, disturbed_share: float | None) -> Iterator[str]:
    if disturbed_share is not None and disturbed_share >= NOTABLE_DISTURBANCE:
        yield f"{disturbed_share:.0%} of the rounds were disturbed by others: measure on a quieter machine"
    if seconds is not None:
        yield f"about {seconds:.0f} s more would decide it"
