"""Decides gates. Missing data never passes (section 5 of the design). docs/gates.md tells how each one decides."""

from __future__ import annotations

from collections.abc import Iterator

from ..records.comparison import Comparison, GateVerdict
from ..records.estimate import Estimate, GateOutcome, digits_apart, number_text
from ..records.policy import DROPS, LEVELS, TIMED, GateName, GateRule
from ..records.quality import QualityResult
from ..records.run_record import VariantState
from ..stats.paired import non_inferior
from ..suite.model import GateSpec
from .question import Evidence, Question
from .scored import drop_evidence
from .timed_speed import speed_evidence

# What is held, where the figure alone does not say it.
_NOUNS: dict[GateName, str] = {
    "max_latency_p99_ms": "p99 ",
    "max_memory_mib": "peak memory ",
    "max_error_rate": "error rate ",
}


def decide(question: Question, evidence: Evidence, usual: str = "") -> GateVerdict:
    """The verdict on one question: pure, so that the same evidence always gives the same one.

    `usual` is the reference that all others on the device are compared with, which a reason need not name.
    `measurable` is set where more time on the device could decide it: a gate on what is timed that is inconclusive,
    and not only because something blocks a pass that measuring longer leaves as it is.
    """
    rule = question.rule
    outcome, reason = _outcome(question, evidence)
    blocked = outcome == "pass" and bool(evidence.blocks_pass)
    if blocked:
        outcome, reason = "inconclusive", f"{reason}; but {evidence.blocks_pass}"
    return GateVerdict(
        variant=question.variant.name,
        hardware=question.hardware,
        workload=question.workload,
        gate=rule.label,
        bound=rule.bound,
        outcome=outcome,
        reason=_told(question, evidence, usual, reason),
        slice=question.slice,
        unit=rule.unit,
        against=rule.against,
        reference=evidence.reference,
        historical=evidence.historical,
        confidence=rule.holds_at,
        estimate=evidence.estimate,
        looks_allowed=question.looks,
        measurable=outcome == "inconclusive" and rule.gate in TIMED and not blocked,
        samples=evidence.samples,
    )


def _outcome(question: Question, evidence: Evidence) -> tuple[GateOutcome, str]:
    rule, found = question.rule, evidence.estimate
    if found is None:
        return evidence.missing, evidence.reason
    if not found.usable or (rule.unit == "x" and found.low <= 0):
        of = f" of {evidence.metric}" if evidence.metric else ""
        return "invalid", f"the interval {found.low} to {found.high}{of} is not one of {_kind(rule)}"
    if evidence.highest is not None and evidence.highest > rule.bound:
        text = _figures(rule, 1, evidence.highest, rule.bound)
        return "fail", f"{_noun(rule)}of one process was {text[0]}, above {text[1]}"
    if evidence.doubts:
        return "inconclusive", "; ".join(evidence.doubts)
    if rule.gate in DROPS:
        return _drop(rule, found, evidence)
    return _least(rule, found, evidence) if rule.gate == "min_speedup" else _most(rule, found, evidence)


def _least(rule: GateRule, found: Estimate, evidence: Evidence) -> tuple[GateOutcome, str]:
    """Passes where the whole interval is at or above the bound by the noise of the run, fails where it is as clearly
    below: a machine that tells the baseline from its copy by 5 % cannot vouch for less (rule 3 of the design)."""
    noise, bound = 1 + evidence.floor, f"{rule.bound:g}{_written(rule)}"
    interval = _interval(rule, found)
    if found.low / noise >= rule.bound:
        return "pass", f"{interval} is at least {bound}"
    if found.high * noise < rule.bound:
        return "fail", f"{interval} is below {bound}"
    return "inconclusive", f"{interval} is not clear of {bound}{_noise(evidence)}"


def _most(rule: GateRule, found: Estimate, evidence: Evidence) -> tuple[GateOutcome, str]:
    """The same the other way round, for what must not be more than its bound."""
    noise, bound = 1 + evidence.floor, f"{rule.bound:g}{_written(rule)}"
    interval = _interval(rule, found)
    if found.high * noise <= rule.bound:
        return "pass", f"{interval} is at most {bound}"
    if found.low / noise > rule.bound:
        return "fail", f"{interval} is above {bound}"
    return "inconclusive", f"{interval} is not clear of {bound}{_noise(evidence)}"


def _noise(evidence: Evidence) -> str:
    by = f" by the noise floor of {evidence.floor * 100:.1f} %" if evidence.floor else ""
    return f"{by}: {evidence.advice}" if evidence.advice else by


def _drop(rule: GateRule, found: Estimate, evidence: Evidence) -> tuple[GateOutcome, str]:
    """Non-inferiority on paired outcomes."""
    outcome = non_inferior(found, rule.bound)
    digits = digits_apart(3, found.low, found.high, rule.bound)
    interval = f"{found.point:.{digits}f} ({found.low:.{digits}f} to {found.high:.{digits}f})"
    text = f"{evidence.metric or rule.metric or 'the metric'} drops by {interval}"
    if outcome == "pass":
        return outcome, f"{text}, at most {rule.bound:g}"
    if outcome == "fail":
        return outcome, f"{text}, more than {rule.bound:g}"
    advice = f": {evidence.advice}" if evidence.advice else ""
    return outcome, f"{text}, around {rule.bound:g}{advice}"


def _told(question: Question, evidence: Evidence, usual: str, reason: str) -> str:
    """The reason with all that it must not be read without: of what part, against what, held how surely."""
    rule = question.rule
    part = f"slice {question.slice}: " if question.slice else ""
    held = "; ".join(_held(question)) if evidence.estimate is not None else ""
    return f"{_against(rule, evidence, usual)}{part}{reason}{f'; {held}' if held else ''}"


def _against(rule: GateRule, evidence: Evidence, usual: str) -> str:
    """Names the reference where it is not the usual one, and where a level is told by how it is to its own."""
    if rule.value is not None:
        return f"against {rule.value:g}{' ms' if rule.gate == 'min_speedup' else ''}: "
    if not evidence.reference or (
        evidence.reference == usual and not evidence.historical and rule.gate not in LEVELS
    ):
        return ""
    return f"against {evidence.reference}{' (historical)' if evidence.historical else ''}: "


def _held(question: Question) -> Iterator[str]:
    """How surely it holds, where that is not what a gate asks for by itself."""
    rule = question.rule
    default = rule.model_copy(update={"confidence": None}).holds_at
    if question.looks > 1:
        yield f"one-sided at {rule.holds_at * 100:g} % over {question.looks} looks"
    elif rule.holds_at != default:
        yield f"one-sided at {rule.holds_at * 100:g} %"


def _written(rule: GateRule) -> str:
    """How the unit stands behind a figure; shares and metrics have none."""
    return "x" if rule.unit == "x" else f" {rule.unit}" if rule.unit in ("ms", "MiB") else ""


def _figures(rule: GateRule, least: int, *values: float) -> list[str]:
    digits = digits_apart(least, *values)
    return [f"{number_text(value, digits)}{_written(rule)}" for value in values]


def _interval(rule: GateRule, found: Estimate) -> str:
    """Such as `1.49x (1.48x to 1.50x)`, with the digits that tell the ends from the bound."""
    digits = digits_apart(3 if rule.gate == "max_error_rate" else 2, found.low, found.high, rule.bound)
    unit = _written(rule)
    point, low, high = (f"{number_text(value, digits)}{unit}" for value in (found.point, found.low, found.high))
    return f"{_noun(rule)}{point} ({low} to {high})"


def _noun(rule: GateRule) -> str:
    """What the figure is of; a speedup says it itself. Two shares are told by their difference, not by a ratio."""
    rise = "rise of the " if rule.gate == "max_error_rate" and rule.against != "value" else ""
    return rise + _NOUNS.get(rule.gate, "")


def _kind(rule: GateRule) -> str:
    if rule.gate in DROPS:
        return "a drop"
    return "a speedup" if rule.gate == "min_speedup" else "a ratio" if rule.unit == "x" else "a level"


def decide_speed(spec: GateSpec, comparison: Comparison) -> GateVerdict | None:
    """`min_speedup` on a comparison as it is recorded, without samples; None where it is not asked for."""
    if spec.min_speedup is None:
        return None
    rule = GateRule(gate="min_speedup", bound=spec.min_speedup)
    variant = VariantState(name=comparison.candidate, baseline=False)
    question = Question(rule, variant, comparison.hardware, comparison.workload)
    return decide(question, speed_evidence(comparison), comparison.baseline)


def decide_quality(spec: GateSpec, result: QualityResult) -> list[GateVerdict]:
    """`max_drop` of each metric on a result as it is recorded, without samples."""
    variant = VariantState(name=result.variant, baseline=False)
    rules = (GateRule(gate="max_drop", bound=bound, metric=metric) for metric, bound in spec.max_drop.items())
    return [
        decide(Question(rule, variant, result.hardware), drop_evidence(result, str(rule.metric), rule.bound))
        for rule in rules
    ]
