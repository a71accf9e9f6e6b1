"""Evidence for `max_latency_p99_ms`: milliseconds, or a ratio of two p99s. Lower is better."""

from __future__ import annotations

from ..analysis.estimating import Pair, aa_label, percentile_ratio_of
from ..analysis.latency import latencies_ns
from ..analysis.pairing import pairing_of
from ..analysis.serving import shown_runs
from ..stats.percentiles import MIN_PROCESSES, percentile_interval, required_samples
from ..stats.verdict import noise_floor
from .measured import LONGER, NO_SAMPLES, SHOWN, Measured, invalid, undecided, unusable
from .question import Evidence
from .timed_speed import doubts_of

P99 = 0.99
_MS = 1e6  # nanoseconds


def p99_level(candidate: Measured, confidence: float) -> Evidence:
    """The p99 of all calls or queries, in ms, as the table shows it; in Server at the highest rate that held.

    No noise floor belongs to a level (`speed_level` says why).
    """
    runs = candidate.runs
    if not runs:
        return invalid(NO_SAMPLES)
    by_process = [latencies_ns(run) for run in shown_runs(candidate.group.load, runs)]
    calls = [len(one) for one in by_process]
    found = percentile_interval(by_process, P99, confidence)
    if found is None:
        return undecided(_too_few("", calls))
    level = found.model_copy(update={"point": found.point / _MS, "low": found.low / _MS, "high": found.high / _MS})
    return Evidence(estimate=level, doubts=candidate.doubts, advice=LONGER)


def p99_against(candidate: Measured, reference: Measured, confidence: float) -> Evidence:
    """The candidate's p99 over that of another variant of the same process sets; below 1 is better.

    The floor is how far the interval of the same ratio of a baseline and its A/A copy reaches from 1: the larger of
    those that the two bear, at 95 % as any noise floor.
    """
    if candidate.group.load.scenario == "Server":
        return invalid(
            "in the scenario Server each has the latencies of the rate that it holds by itself, and their ratio says "
            "nothing: hold the p99 against a value, or the rates with min_speedup"
        )
    if not candidate.sets:
        return invalid(NO_SAMPLES)
    pair = candidate.pair(reference.variant, candidate.variant)
    ratio = percentile_ratio_of(pair, P99, confidence)
    if ratio is None:
        return undecided(_short_of(pair))
    floor = _floor(candidate, reference)
    if not isinstance(floor, float):
        return undecided(floor)
    if unusable(ratio, "a ratio"):
        return invalid(unusable(ratio, "a ratio"))
    return Evidence(estimate=ratio, floor=floor, doubts=doubts_of(candidate, reference), advice=LONGER)


def _floor(*both: Measured) -> float | str:
    """The noise of p99 ratios in this run; why it is not known."""
    pairing = pairing_of(both[0].source.record, both[0].group.hardware)
    found = []
    for name in dict.fromkeys(name for one in both for name in pairing.controls_of(one.variant)):
        pair = both[0].pair(name, aa_label(name))
        aa = percentile_ratio_of(pair, P99, SHOWN)
        if aa is None:
            return f"the noise floor of a p99 is not known: {_short_of(pair)}"
        found.append(noise_floor(aa))
    return max(found)


def _short_of(pair: Pair) -> str:
    """Of which of the two there are too few calls for a p99 with an interval, and how many it takes."""
    for label in (pair.candidate, pair.baseline):
        runs = [run for one in pair.sets if (run := one.run_of(label)) is not None and run.blocks]
        calls = [len(latencies_ns(run)) for run in runs]
        if sum(calls) < required_samples(P99) or len(calls) < MIN_PROCESSES:
            return _too_few(f"{label}: ", calls)
    return (
        f"p99 of {pair.candidate} or {pair.baseline} has no interval: its slowest calls come from too few processes"
    )


def _too_few(whose: str, calls: list[int]) -> str:
    needed = required_samples(P99)
    if sum(calls) < needed:
        return f"{whose}p99 needs {needed} samples; there are {sum(calls)}"
    if len(calls) < MIN_PROCESSES:
        return f"{whose}an interval of p99 needs {MIN_PROCESSES} processes; there are {len(calls)}"
    return "p99 has no interval: its slowest calls come from too few processes"
