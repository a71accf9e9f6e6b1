"""Decides gates. Missing data never passes (section 5 of the design)."""

from __future__ import annotations

import math
from collections.abc import Iterable

from ..records.comparison import Comparison, GateVerdict
from ..records.estimate import Estimate, GateOutcome, digits_apart
from ..records.quality import MetricResult, QualityResult
from ..stats.paired import non_inferior, samples_for_margin
from ..suite.model import GateSpec

# The worst of several outcomes decides; the first here is the worst.
_ORDER: tuple[GateOutcome, ...] = ("invalid", "fail", "inconclusive", "pass")


def worst(outcomes: Iterable[GateOutcome]) -> GateOutcome | None:
    """The outcome of several together; None where there are none."""
    found = set(outcomes)
    return next((outcome for outcome in _ORDER if outcome in found), None)


def decide_speed(spec: GateSpec, comparison: Comparison) -> GateVerdict | None:
    """`min_speedup`: passes where the whole 95 % interval is clear of the bound by the noise floor.

    It fails where the interval is as clear on the other side; a machine that tells the baseline from its copy by
    5 % cannot vouch for less (rule 3 of the design).
    """
    if spec.min_speedup is None:
        return None
    outcome, reason = _speed_outcome(spec.min_speedup, comparison)
    return GateVerdict(
        variant=comparison.candidate,
        hardware=comparison.hardware,
        workload=comparison.workload,
        gate="min_speedup",
        bound=spec.min_speedup,
        outcome=outcome,
        reason=reason,
    )


def _speed_outcome(bound: float, comparison: Comparison) -> tuple[GateOutcome, str]:
    speedup = comparison.speedup
    reasons = "; ".join(comparison.reasons)
    if comparison.verdict in ("invalid", "untimed"):
        return "invalid", reasons or "the measurement is invalid"
    if speedup is None:
        return "inconclusive", reasons or "the speedup was not measured"
    if comparison.noise_floor is None:
        return "inconclusive", "the noise floor is not known: the baseline's second copy was not measured"
    if not speedup.usable or speedup.low <= 0:
        return "invalid", f"the interval {speedup.low} to {speedup.high} is not one of a speedup"
    if comparison.doubts:
        return "inconclusive", "; ".join(comparison.doubts)
    digits = digits_apart(2, speedup.low, speedup.high, bound)
    interval = f"{speedup.point:.{digits}f}x ({speedup.low:.{digits}f}x to {speedup.high:.{digits}f}x)"
    noise = 1 + comparison.noise_floor
    if speedup.low / noise >= bound:
        return "pass", f"{interval} is at least {bound:g}x"
    if speedup.high * noise < bound:
        return "fail", f"{interval} is below {bound:g}x"
    floor = f"the noise floor of {comparison.noise_floor * 100:.1f} %"
    return "inconclusive", f"{interval} is not clear of {bound:g}x by {floor}: measure longer (--budget)"


def decide_quality(spec: GateSpec, result: QualityResult) -> list[GateVerdict]:
    """`max_drop`: non-inferiority on paired outcomes, one-sided at 95 %."""
    verdicts = []
    for metric, bound in spec.max_drop.items():
        outcome, reason = _drop_outcome(metric, bound, result)
        verdicts.append(
            GateVerdict(
                variant=result.variant,
                hardware=result.hardware,
                workload="",  # quality does not depend on what is timed
                gate=f"max_drop.{metric}",
                bound=bound,
                outcome=outcome,
                reason=reason,
            )
        )
    return verdicts


def _drop_outcome(metric: str, bound: float, result: QualityResult) -> tuple[GateOutcome, str]:
    if result.failure:
        return "invalid", result.failure
    found = result.metric(metric)
    if found is None or found.drop is None:
        return "invalid", (found.note if found is not None else "") or f"{metric} was not measured"
    drop = found.drop
    outcome = non_inferior(drop, bound)
    if outcome == "invalid" or not drop.usable:
        return "invalid", f"the interval {drop.low} to {drop.high} of {metric} is not one of a drop"
    digits = digits_apart(3, drop.low, drop.high, bound)
    text = f"{metric} drops by {drop.point:.{digits}f} ({drop.low:.{digits}f} to {drop.high:.{digits}f})"
    if outcome == "pass" and result.error_count:
        return "inconclusive", f"{text}, at most {bound:g}; but {_errors(result)}"
    if outcome == "pass":
        return outcome, f"{text}, at most {bound:g}"
    if outcome == "fail":
        return outcome, f"{text}, more than {bound:g}"
    return outcome, f"{text}, around {bound:g}: {_needed(found, drop, bound)}"


def _errors(result: QualityResult) -> str:
    """How many examples the drop does not know of: they may be the very ones that got worse."""
    count = result.error_count
    what = "1 example could not be scored" if count == 1 else f"{count:,} examples could not be scored"
    first = next((f": {'' if count == 1 else 'the first, '}{e.id}, {e.reason}" for e in result.errors), "")
    return what + first


def _needed(found: MetricResult, drop: Estimate, bound: float) -> str:
    """How many examples would tell, if the true drop were none, as the planning formula has it."""
    if bound <= 0:
        return "no number of examples can show a drop of at most 0"
    # The spread of the paired differences, back out of the interval: for 0/1 scores it is the discordance. The
    # planning formula is one of shares; it is the same in a unit in which spread and bound are shares.
    spread = found.examples * ((drop.high - drop.low) / (2 * 1.645)) ** 2 + drop.point**2
    unit = max(1.0, math.sqrt(spread), 2 * bound)
    if spread <= 0:
        return f"not enough data: {found.examples:,} examples do not decide it"
    return (
        f"not enough data: {found.examples:,} examples do not decide it; with no true drop, some "
        f"{samples_for_margin(spread / unit**2, bound / unit):,} would"
    )
