"""The value of a metric, and how much worse it is than the baseline's, each with its interval."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ..protocols import Metric
from ..quantities import examples_text
from ..records.estimate import Estimate
from ..records.quality import Better, MetricResult
from ..stats.means import mean_interval
from ..stats.metric_bootstrap import drop_interval, value_interval
from ..stats.paired import paired_bootstrap, tango_interval

Scores = NDArray[np.float64]

# Two-sided 90 %: each end is a one-sided bound at 95 %, which is what a gate asks for unless told otherwise.
CONFIDENCE = 0.90
VALUE_CONFIDENCE = 0.95


def is_mean(metric: Metric | None) -> bool:
    """Whether the metric's value is the mean of its scores; None is a metric of which only the scores are kept."""
    return metric is None or metric.span is not None


def span_of(metric: Metric | None) -> float:
    """How far one example can move its own score. Records of before have shares alone."""
    return 1.0 if metric is None or metric.span is None else metric.span


def value_of(metric: Metric | None, scores: Scores) -> float:
    """The metric of these examples. Raises ValueError where it is not defined."""
    if len(scores) == 0:
        raise ValueError("there are no examples")
    if metric is None and scores.ndim > 1:
        raise ValueError("what makes a value of these scores is not installed here")
    if metric is None or is_mean(metric):
        return float(scores.mean())
    value = metric.value(scores, np.ones(len(scores)))
    if not math.isfinite(value):
        raise ValueError(f"its value is {value}")
    return value


def metric_result(
    name: str, metric: Metric | None, scores: Scores, baseline: Scores | None, seed: int
) -> MetricResult:
    """Scores of the same examples, candidate and baseline. What is not defined is None, with a note."""
    better: Better = "higher" if metric is None else metric.better
    value, note = known_value(name, metric, scores)
    if value is None:
        return MetricResult(metric=name, value=None, examples=len(scores), better=better, note=note)
    interval, no_interval = known_interval(name, metric, scores, seed)
    drop, no_drop = (None, "") if baseline is None else known_drop(name, metric, baseline, scores, seed)
    return MetricResult(
        metric=name,
        value=value,
        examples=len(scores),
        drop=drop,
        better=better,
        interval=interval,
        note="; ".join(text for text in (no_interval, no_drop) if text),
    )


def known_value(name: str, metric: Metric | None, scores: Scores) -> tuple[float | None, str]:
    """The metric's value, or why there is none."""
    try:
        return value_of(metric, scores), ""
    except ValueError as error:
        return None, f"{name} is not defined on {examples_text(len(scores))}: {error}"


def known_interval(
    name: str, metric: Metric | None, scores: Scores, seed: int, confidence: float = VALUE_CONFIDENCE
) -> tuple[Estimate | None, str]:
    """The metric's value with its two-sided interval, or why there is none."""
    return _known(name, "interval", lambda: _interval(metric, scores, seed, confidence))


def known_drop(
    name: str,
    metric: Metric | None,
    baseline: Scores,
    candidate: Scores,
    seed: int,
    confidence: float = CONFIDENCE,
) -> tuple[Estimate | None, str]:
    """How much worse the candidate is, or why that is not known."""
    return _known(name, "drop", lambda: metric_drop(metric, baseline, candidate, seed, confidence))


def _known(name: str, what: str, found: Callable[[], Estimate]) -> tuple[Estimate | None, str]:
    try:
        return found(), ""
    except ValueError as error:
        return None, f"{name} has no {what}: {error}"


def _interval(metric: Metric | None, scores: Scores, seed: int, confidence: float) -> Estimate:
    if metric is None or metric.span is not None:
        return mean_interval(scores, span_of(metric), confidence, seed=seed)
    return value_interval(metric.value, scores, confidence, seed=seed)


def metric_drop(
    metric: Metric | None, baseline: Scores, candidate: Scores, seed: int, confidence: float = CONFIDENCE
) -> Estimate:
    """How much worse the candidate is, in the metric's units, two-sided. Raises ValueError: not defined."""
    if metric is not None and metric.span is None:
        return drop_interval(
            metric.value, baseline, candidate, better=metric.better, confidence=confidence, seed=seed
        )
    return drop(*higher_is_better(metric, baseline, candidate), seed, span_of(metric), confidence)


def higher_is_better(metric: Metric | None, baseline: Scores, candidate: Scores) -> tuple[Scores, Scores]:
    """The two with more being better, and their differences kept; 0 and 1 stay 0 and 1."""
    if metric is None or metric.better == "higher":
        return baseline, candidate
    if binary(baseline) and binary(candidate):
        return 1 - baseline, 1 - candidate
    return -baseline, -candidate


def drop(
    baseline: Scores, candidate: Scores, seed: int, span: float = 1.0, confidence: float = CONFIDENCE
) -> Estimate:
    """Baseline minus candidate, paired: Tango's interval where scores are 0 or 1, else the bootstrap.

    `span`: the largest change that one example can make. Where it has no bound (`math.inf`), the distance between
    the best and the worst score that either model has takes its place: some example might move that far.
    Raises ValueError for fewer than 2 examples that are not 0 or 1, and where there is no such distance.
    """
    if span <= 1 and binary(baseline) and binary(candidate):
        lost = int(((baseline == 1) & (candidate == 0)).sum())
        won = int(((baseline == 0) & (candidate == 1)).sum())
        return tango_interval(lost, won, len(baseline), confidence=confidence)
    if math.isinf(span):
        both = np.concatenate((baseline, candidate))
        span = float(both.max() - both.min())
        if span == 0:
            raise ValueError("all examples have the same score, and one example may change it without a bound")
    return paired_bootstrap(baseline, candidate, confidence=confidence, seed=seed, span=span)


def binary(values: Scores) -> bool:
    """Whether all are 0 or 1."""
    return bool(np.isin(values, (0.0, 1.0)).all())
