"""The quality of one variant in two runs, paired by example where both scored the same data."""

from __future__ import annotations

from collections.abc import Iterator

from ..analysis.dropping import known_drop
from ..analysis.flips import flips
from ..analysis.quality import not_alike
from ..analysis.scored import scored
from ..errors import InputError
from ..metrics.choosing import metric
from ..records.quality import ExampleScores, QualityResult
from ..records.run_diff import QualityChange
from ..records.run_record import RunRecord
from ..store.folder import RunFolder

Folders = tuple[RunFolder, RunFolder]


def quality_changes(first: RunRecord, second: RunRecord, folders: Folders | None) -> Iterator[QualityChange]:
    """Each metric that both runs have of a variant and device. Raises StoreError where scores cannot be read."""
    for mine in first.quality:
        theirs = second.quality_of(mine.variant, mine.hardware)
        if theirs is None:
            continue
        if mine.failure or theirs.failure:
            yield _nothing(mine, mine.failure or theirs.failure)
            continue
        pair = None if folders is None else _scores((first, second), folders, mine)
        yield from (_one(mine, theirs, name, pair) for name in _shared(mine, theirs))


def _nothing(mine: QualityResult, why: str) -> QualityChange:
    return QualityChange(variant=mine.variant, hardware=mine.hardware, metric="", note=why)


def _shared(mine: QualityResult, theirs: QualityResult) -> list[str]:
    return [one.metric for one in mine.metrics if theirs.metric(one.metric) is not None]


def _scores(
    runs: tuple[RunRecord, RunRecord], folders: Folders, of: QualityResult
) -> tuple[ExampleScores, ExampleScores] | None:
    """What each example scored in both runs; None where one of them has not kept it."""
    found = []
    for run, folder in zip(runs, folders, strict=True):
        variant = [state.name for state in run.variants].index(of.variant)
        hardware = [device.profile.name for device in run.devices].index(of.hardware)
        found.append(folder.scores(variant, hardware))
    mine, theirs = found
    return None if mine is None or theirs is None else (mine, theirs)


def _one(
    mine: QualityResult, theirs: QualityResult, name: str, pair: tuple[ExampleScores, ExampleScores] | None
) -> QualityChange:
    one, other = mine.metric(name), theirs.metric(name)
    found = QualityChange(
        variant=mine.variant,
        hardware=mine.hardware,
        metric=name,
        first=one.value if one is not None else None,
        second=other.value if other is not None else None,
    )
    if mine.dataset_sha256 != theirs.dataset_sha256:
        return found.model_copy(update={"note": "other data: not paired"})
    if pair is None:
        return found.model_copy(update={"note": "what each example scored was not kept: not paired"})
    return _paired(found, *pair)


def _paired(found: QualityChange, mine: ExampleScores, theirs: ExampleScores) -> QualityChange:
    """With the drop from the first to the second, and the flips."""
    why = not_alike(theirs, mine, None, "the first run")
    before, after = mine.metrics.get(found.metric), theirs.metrics.get(found.metric)
    if why or before is None or after is None:
        return found.model_copy(update={"note": why or "what each example scored was not kept: not paired"})
    rows = scored(mine) & scored(theirs)
    if not rows.any():
        return found.model_copy(update={"note": "no example was scored in both"})
    try:
        figure = metric(found.metric)
    except InputError as error:
        return found.model_copy(update={"note": error.reason})
    drop, note = known_drop(found.metric, figure, before[rows], after[rows], seed=0)
    return found.model_copy(update={"drop": drop, "flips": flips(theirs, mine, rows), "note": note})
