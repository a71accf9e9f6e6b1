"""Evidence for `min_speedup`: a ratio of times, or of rates in the scenario Server. Above 1 is faster."""

from __future__ import annotations

from ..analysis.doubting import scrutinise
from ..analysis.estimating import Pair, speedup_of
from ..analysis.latency import median_latency_ms
from ..records.comparison import Comparison
from ..records.estimate import Estimate
from ..stats.ratio import MIN_SETS
from ..stats.verdict import decide
from .measured import LONGER, NO_SAMPLES, SHOWN, Measured, invalid, is_shown, undecided, unusable
from .question import Evidence

NO_FLOOR = "the noise floor is not known: the baseline's second copy was not measured"


def speed_against(candidate: Measured, reference: Measured, confidence: float) -> Evidence:
    """The speedup over another variant of the same group, from interleaved rounds of the same process sets.

    Where the record compares the two, its noise floor and doubts are taken, and at 95 % its interval too. Otherwise
    the floor is the larger of those that the comparisons of the two bear, and the pair is looked at for doubts anew.
    """
    recorded = candidate.recorded(reference.variant)
    if recorded is not None:
        return _recorded(candidate, recorded, confidence)
    if not candidate.sets:
        return invalid(NO_SAMPLES)
    pair = candidate.pair(reference.variant, candidate.variant)
    estimate = speedup_of(pair, confidence)
    if estimate is None:
        return undecided(_too_few(pair))
    floor = _floor(candidate, reference)
    if floor is None:
        return undecided(NO_FLOOR)
    return _checked(estimate, floor, doubts_of(candidate, reference))


def speed_evidence(comparison: Comparison) -> Evidence:
    """The speedup as a comparison records it, two-sided at 95 %, without its samples."""
    if comparison.verdict in ("invalid", "untimed"):
        return invalid("; ".join(comparison.reasons) or "the measurement is invalid")
    if comparison.speedup is None:
        return undecided("; ".join(comparison.reasons) or "the speedup was not measured")
    if comparison.noise_floor is None:
        return undecided(NO_FLOOR)
    return _checked(comparison.speedup, comparison.noise_floor, comparison.doubts)


def _recorded(candidate: Measured, comparison: Comparison, confidence: float) -> Evidence:
    found = speed_evidence(comparison)
    if found.estimate is None or is_shown(confidence):
        return found
    if not candidate.sets:
        return invalid(NO_SAMPLES)
    estimate = speedup_of(candidate.pair(comparison.baseline, candidate.variant), confidence)
    if estimate is None:
        return undecided("the raw samples that are kept are too few for an interval")
    return _checked(estimate, found.floor, comparison.doubts)


def _checked(estimate: Estimate, floor: float, doubts: tuple[str, ...]) -> Evidence:
    fault = unusable(estimate, "a speedup")
    if fault:
        return invalid(fault)
    return Evidence(estimate=estimate, floor=floor, doubts=doubts, advice=LONGER)


def _floor(*both: Measured) -> float | None:
    """The larger noise of what each is compared with; the baseline bears its own."""
    floors = [one.comparison.noise_floor if one.comparison else one.group.noise_floor for one in both]
    known = [floor for floor in floors if floor is not None]
    return max(known) if len(known) == len(floors) else None


def doubts_of(candidate: Measured, reference: Measured) -> tuple[str, ...]:
    """Why nothing may be decided on the times of two: as recorded, or by the same checks of any other pair."""
    recorded = candidate.recorded(reference.variant)
    if recorded is not None:
        return recorded.doubts
    pair = candidate.pair(reference.variant, candidate.variant)
    shown, floor = speedup_of(pair, SHOWN), _floor(candidate, reference)
    if shown is None or floor is None:
        return ()
    margin = candidate.source.suite.measure.margin
    return scrutinise(pair, decide(shown, floor, margin)[0], floor, margin).doubts


def _too_few(pair: Pair) -> str:
    count = sum(one.run_of(pair.baseline) is not None and one.run_of(pair.candidate) is not None for one in pair.sets)
    if pair.load.scenario == "Server" and count >= MIN_SETS:
        return f"{pair.baseline} or {pair.candidate} held the objective at no rate in some of {count} process sets"
    return f"process sets with both measured: {count}; an interval needs {MIN_SETS}"


def speed_level(candidate: Measured, value_ms: float, confidence: float) -> Evidence:
    """A fixed median latency over the candidate's, which is that of the table.

    No noise floor belongs to it: the A/A control is a ratio of the same run, and what slows the whole machine cancels
    there and does not here. The interval holds what differs from process to process, and nothing else vouches for it:
    against a fixed figure, the machine is judged together with the model.
    """
    if candidate.group.load.scenario == "Server":
        return invalid(
            "a speedup of the scenario Server is one of rates, and the fixed figure is a latency: "
            "hold it against dense or production"
        )
    if not candidate.runs:
        return invalid(NO_SAMPLES)
    _, interval = median_latency_ms(candidate.runs, confidence)
    if interval is None:
        return undecided(f"processes measured: {len(candidate.runs)}; an interval needs {MIN_SETS} of 2 rounds each")
    if unusable(interval, "a latency"):
        return invalid(unusable(interval, "a latency"))
    speedup = Estimate(
        point=value_ms / interval.point,
        low=value_ms / interval.high,
        high=value_ms / interval.low,
        confidence=interval.confidence,
        method=f"{value_ms:g} ms over the median latency: {interval.method}",
    )
    return Evidence(estimate=speedup, doubts=candidate.doubts, advice=LONGER)
