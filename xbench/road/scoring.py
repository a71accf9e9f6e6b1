"""The stage that scores quality: each artifact, on each device's own runner."""

from __future__ import annotations

from ..analysis.quality import quality_result
from ..errors import XbenchError
from ..quality.evaluation import evaluate
from ..quality.tasks import Task
from ..records.artifact import Artifact
from ..records.profile import HardwareProfile
from ..records.quality import ExampleScores, QualityResult
from ..records.run_record import RunRecord
from .context import Context
from .sealing import require_unchanged

STAGE = "score"


def score(context: Context, record: RunRecord) -> RunRecord:
    """Score all variants on all devices that are here, the baseline first; saved after each."""
    if context.task is None:
        return record
    for number, device in enumerate(record.devices):
        if device.availability.available:
            record = _score_device(context, record, number, device.profile, context.task)
    context.journey.end()
    return record


def _score_device(
    context: Context, record: RunRecord, number: int, profile: HardwareProfile, task: Task
) -> RunRecord:
    baseline: ExampleScores | None = None
    base, taken = record.baseline_on(profile.name), record.states_on(profile.name)
    ordered = sorted(enumerate(record.variants), key=lambda item: item[1].name != base)
    for index, state in ordered:
        if state.artifact is None or state not in taken:
            continue
        context.journey.begin(STAGE, f"{state.name} on {profile.name}")
        try:
            scores = context.folder.scores(index, number)
            if scores is None:
                scores = _evaluated(context, state.artifact, task, profile)
                context.folder.save_scores(index, number, scores)
            result = _result(scores, baseline, state.name == base, context.loaded.suite.measure.seed)
            baseline = scores if state.name == base else baseline
        except XbenchError as error:
            context.journey.note(f"{state.name} on {profile.name}: {error.reason}")
            result = QualityResult(variant=state.name, hardware=profile.name, failure=error.reason)
        others = tuple(q for q in record.quality if (q.variant, q.hardware) != (result.variant, result.hardware))
        record = record.model_copy(update={"quality": (*others, result)})
        context.folder.save(record)
    return record


def _evaluated(context: Context, artifact: Artifact, task: Task, profile: HardwareProfile) -> ExampleScores:
    scores = evaluate(
        artifact,
        task,
        profile,
        context.limit_for(profile),
        lambda done, batches: context.journey.within(done / batches),
    )
    require_unchanged(artifact)  # or they would be the scores of another model than the one that was timed
    return scores


def _result(scores: ExampleScores, baseline: ExampleScores | None, is_baseline: bool, seed: int) -> QualityResult:
    if baseline is None and not is_baseline:
        return QualityResult(variant=scores.variant, hardware=scores.hardware, failure="the baseline was not scored")
    return quality_result(scores, baseline, seed)
