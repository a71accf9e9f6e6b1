"""Computes a recorded run again from its raw samples (rule 15 of the design)."""

from __future__ import annotations

from ..analysis.comparing import analyse
from ..analysis.pairing import pairing_of
from ..analysis.quality import quality_result
from ..records.quality import QualityResult
from ..records.run_record import RunRecord
from ..store.folder import RunFolder
from ..suite.model import Suite


def recompute(record: RunRecord, suite: Suite, folder: RunFolder) -> RunRecord:
    """The record with all comparisons and quality figures computed anew; nothing is run."""
    seed, margin = suite.measure.seed, suite.measure.margin
    groups = tuple(
        analyse(group, folder.sets(index), pairing_of(record, group.hardware), margin, seed)
        for index, group in enumerate(record.groups)
    )
    return record.model_copy(update={"groups": groups, "quality": _quality(record, folder, seed)})


def _quality(record: RunRecord, folder: RunFolder, seed: int) -> tuple[QualityResult, ...]:
    variants = {state.name: index for index, state in enumerate(record.variants)}
    devices = {device.profile.name: index for index, device in enumerate(record.devices)}
    found = []
    for result in record.quality:
        number = devices[result.hardware]
        scores = folder.scores(variants[result.variant], number)
        name = record.baseline_on(result.hardware)
        baseline = folder.scores(variants[name], number)
        if result.failure:
            found.append(result)
        elif scores is None:
            gone = "the scores of its examples are gone from the run's folder"
            found.append(QualityResult(variant=result.variant, hardware=result.hardware, failure=gone))
        else:
            is_baseline = result.variant == name
            found.append(quality_result(scores, None if is_baseline else baseline, seed))
    return tuple(found)
