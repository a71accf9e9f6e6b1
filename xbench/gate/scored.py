"""What was found of quality: how much worse a candidate is than it may be, on all examples or on a slice."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..analysis.dropping import CONFIDENCE, Scores, known_drop, known_interval
from ..errors import InvalidError, XbenchError
from ..metrics.choosing import metric as metric_called
from ..protocols import Metric
from ..quantities import examples_text
from ..records.estimate import Estimate
from ..records.quality import ExampleScores, QualityResult
from .advising import enough_for_drop
from .answering import error_evidence
from .question import Evidence, Question, Source
from .sides import Held, Sides, failed_text, held_against, samples_of, sides, usable_result


@dataclass(frozen=True, slots=True)
class _Found:
    """A drop, how many examples it is of, and which of them it does not know of, in words."""

    drop: Estimate
    examples: int
    failures: str


def scored_evidence(source: Source, question: Question) -> Evidence:
    """The evidence on `max_drop`, `max_slice_drop` and `max_error_rate`, two-sided at the question's confidence.

    A drop is in the metric's own unit, above 0 where the candidate is worse, whichever way the metric points. It is
    paired by example; those that either could not be scored in are left out, and let nothing pass. Held against a
    fixed figure it is how much worse than that the candidate's own value is. `max_error_rate` is a share: see
    `error_evidence`.

    A question on a slice is one of several, and all of them must pass: each is decided at its own full error, for a
    variant that truly is too bad on one slice passes them all at most as often as that one (intersection-union test,
    Berger 1982, Technometrics 24:295-300; section 5 of the design). What does need a correction are alarms that
    *some* slice got worse (stats/alarms.py).

    Where it cannot be told, the evidence is `invalid` with the reason. Raises StoreError where the run's own folder
    is damaged.
    """
    reference = ""
    try:
        result = usable_result(source, question)
        held = held_against(source, question)
        reference = held.name
        if question.rule.gate == "max_error_rate":
            return error_evidence(source, question, held, _confidence(question))
        return _drop_evidence(source, question, result, held)
    except InvalidError as error:
        return Evidence(reference=reference, reason=error.reason)


def drop_evidence(result: QualityResult, metric: str, bound: float) -> Evidence:
    """The drop of a metric against the baseline as it is recorded, two-sided at 90 %, without its samples."""
    try:
        if result.failure:
            raise InvalidError(result.failure)
        found = _recorded_drop(result, metric)
    except InvalidError as error:
        return Evidence(reason=error.reason)
    advice = enough_for_drop(found.examples, found.drop, bound)
    return Evidence(estimate=found.drop, blocks_pass=found.failures, advice=advice, metric=metric)


def _confidence(question: Question) -> float:
    """The question's; the usual one exactly, so that what is computed again is what is recorded, bit for bit."""
    asked = question.confidence
    return CONFIDENCE if math.isclose(asked, CONFIDENCE, abs_tol=1e-12) else asked


def _drop_evidence(source: Source, question: Question, result: QualityResult, held: Held) -> Evidence:
    if question.rule.gate == "max_slice_drop" and not question.slice:
        raise InvalidError("there are no slices to hold it on", "name them under `slices` of the suite's `evaluate`")
    metric, bound = _metric_name(question, result), question.rule.bound
    found = _recorded(source, question, result, held, metric) or _computed(source, question, held, metric)
    return Evidence(
        reference=held.name,
        estimate=found.drop,
        blocks_pass=found.failures,
        historical=held.historical,
        metric=metric,
        advice=enough_for_drop(found.examples, found.drop, bound, paired=held.source is not None),
        samples=samples_of(source, question, held),
    )


def _metric_name(question: Question, result: QualityResult) -> str:
    """The rule's metric, or the first: the one that slices show."""
    name = question.rule.metric or next((one.metric for one in result.metrics), "")
    if not name:
        raise InvalidError("no metric was measured")
    return name


def _recorded(source: Source, question: Question, result: QualityResult, held: Held, metric: str) -> _Found | None:
    """The record's own figure where it is the one that is asked for. Raises InvalidError where it has none."""
    if question.rule.against != "dense" or _confidence(question) != CONFIDENCE:
        return None
    if not question.slice:
        return _recorded_drop(result, metric)
    part = next((one for one in result.slices if (one.kind, one.slice) == ("slice", question.slice)), None)
    if part is None or part.drop is None or part.metric != metric:
        return None
    failures = _failures(result)
    if failures and source.folder is not None:
        failures = sides(source, question, held).failed_text  # those of the slice alone
    return _Found(part.drop, part.examples, failures)


def _recorded_drop(result: QualityResult, metric: str) -> _Found:
    """Of all examples. Raises InvalidError where there is none."""
    found = result.metric(metric)
    if found is None or found.drop is None:
        raise InvalidError((found.note if found is not None else "") or f"{metric} was not measured")
    return _Found(found.drop, found.examples, _failures(result))


def _failures(result: QualityResult) -> str:
    if not result.error_count:
        return ""
    first = result.errors[0] if result.errors else None
    return failed_text(result.error_count, first.id if first else "", first.reason if first else "")


def _computed(source: Source, question: Question, held: Held, name: str) -> _Found:
    """Computed from what each example scored, as the record's own figures are. Raises InvalidError."""
    both = sides(source, question, held)
    count = int(both.rows.sum())
    if count == 0:
        where = f" of the slice {question.slice}" if question.slice else ""
        raise InvalidError(f"none of {examples_text(int(both.members.sum()))}{where} could be scored")
    metric, seed, confidence = _metric(name), source.suite.measure.seed, _confidence(question)
    candidate = _scores(both.candidate, both, name, f"{name} was not measured")
    if both.other is None:
        value, why = known_interval(name, metric, candidate, seed, confidence)
        drop = None if value is None else _below(question.rule.value, value, metric)
    else:
        other = _scores(both.other, both, name, f"{name} has no drop: {held.whose} has no scores of it")
        drop, why = known_drop(name, metric, other, candidate, seed, confidence)
    if drop is None:
        raise InvalidError(why)
    return _Found(drop, count, both.failed_text)


def _metric(name: str) -> Metric:
    try:
        return metric_called(name)
    except XbenchError as error:
        raise InvalidError(f"{name} cannot be computed again", error.reason) from error


def _scores(scores: ExampleScores, both: Sides, name: str, missing: str) -> Scores:
    """The scores of the rows that count, (rows,) or (rows, k)."""
    found = scores.metrics.get(name)
    if found is None:
        raise InvalidError(missing)
    return found[both.rows]


def _below(value: float | None, found: Estimate, metric: Metric) -> Estimate:
    """How much worse than a fixed figure the candidate's own value is."""
    if value is None:
        raise InvalidError("the rule names no value to hold it against")
    worse, least, most = (value - end for end in (found.point, found.high, found.low))
    if metric.better == "lower":
        worse, least, most = -worse, -most, -least
    return found.model_copy(update={"point": worse, "low": least, "high": most})
