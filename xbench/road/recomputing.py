"""Computes a recorded run again from its raw samples (rule 15 of the design)."""

from __future__ import annotations

from collections.abc import Mapping

from ..analysis.comparing import analyse
from ..analysis.pairing import pairing_of
from ..errors import XbenchError
from ..metrics.choosing import metric
from ..protocols import Metric
from ..records.quality import ExampleScores, MetricResult, QualityResult
from ..records.run_record import RunRecord
from ..store.folder import RunFolder
from ..suite.model import Suite
from .qualities import Known, figures


def recompute(record: RunRecord, suite: Suite, folder: RunFolder) -> RunRecord:
    """The record with all comparisons and quality figures computed anew; nothing is run."""
    seed, margin = suite.measure.seed, suite.measure.margin
    groups = tuple(
        analyse(group, folder.sets(index), pairing_of(record, group.hardware), margin, seed)
        for index, group in enumerate(record.groups)
    )
    return record.model_copy(update={"groups": groups, "quality": _quality(record, suite, folder)})


def _quality(record: RunRecord, suite: Suite, folder: RunFolder) -> tuple[QualityResult, ...]:
    found = {
        device.profile.name: saved_scores(record, folder, device.profile.name, number)
        for number, device in enumerate(record.devices)
    }
    metrics, missing = _metrics(found)
    known = known_of(suite, metrics, folder)
    return tuple(_again(record, result, found[result.hardware], known, missing) for result in record.quality)


def known_of(suite: Suite, metrics: Mapping[str, Metric], folder: RunFolder) -> Known:
    """What a run's folder tells beside the scores. An answer whose name is not recorded is called by its code."""
    labels = folder.labels()
    return Known(suite, metrics, folder.examples(), lambda code: labels.get(code, str(code)))


def saved_scores(record: RunRecord, folder: RunFolder, hardware: str, number: int) -> dict[str, ExampleScores]:
    """The scores that are saved of those variants whose figures stand in the record."""
    saved = {
        state.name: folder.scores(index, number)
        for index, state in enumerate(record.variants)
        if (result := record.quality_of(state.name, hardware)) is not None and not result.failure
    }
    return {name: scores for name, scores in saved.items() if scores is not None}


def _metrics(found: Mapping[str, Mapping[str, ExampleScores]]) -> tuple[dict[str, Metric], dict[str, str]]:
    """The metrics of all scores by name; and why there is none, by the names of those that are not here."""
    names = {name for on_device in found.values() for scores in on_device.values() for name in scores.metrics}
    known, missing = {}, {}
    for name in sorted(names):
        try:
            known[name] = metric(name)
        except XbenchError as error:
            missing[name] = error.reason
    return known, missing


def _again(
    record: RunRecord,
    result: QualityResult,
    found: Mapping[str, ExampleScores],
    known: Known,
    missing: Mapping[str, str],
) -> QualityResult:
    if result.failure:
        return result
    failed = QualityResult(variant=result.variant, hardware=result.hardware)
    scores = found.get(result.variant)
    if scores is None:
        return failed.model_copy(update={"failure": "the scores of its examples are gone from the run's folder"})
    why = next((missing[name] for name in scores.metrics if name in missing), "")
    if why:
        return failed.model_copy(update={"failure": f"its figures cannot be computed again: {why}"})
    new = figures(record, result.variant, result.hardware, found, known)
    return _as_before(new) if record.data is None else new.model_copy(update={"reused": result.reused})


def _as_before(result: QualityResult) -> QualityResult:
    """What records from before examples were kept hold: values and drops. What they do not is absent, not made up."""
    metrics = tuple(
        MetricResult(metric=one.metric, value=one.value, examples=one.examples, drop=one.drop)
        for one in result.metrics
    )
    return QualityResult(
        variant=result.variant,
        hardware=result.hardware,
        metrics=metrics,
        failure=result.failure,
        dataset_sha256=result.dataset_sha256,
    )
