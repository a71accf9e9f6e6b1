"""Pruning-identified exemplars: the examples that dense models agree on, and the pruned one loses."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..records.quality import ExampleFacts, ExampleScores, Exemplar
from .scored import scored


def all_exemplars(
    scores: ExampleScores,
    baseline: ExampleScores,
    examples: ExampleFacts | None,
    dense: Sequence[ExampleScores] = (),
    others: Sequence[ExampleScores] = (),
    label: Callable[[int], str] = str,
) -> tuple[Exemplar, ...]:
    """The examples that all dense models answer rightly and alike, and this pruned one does not.

    `dense`: dense models beside the baseline, in other precisions say; `others`: the other pruned variants. Those
    of other data, or without answers, are left out. Sorted by how many of the pruned variants lose the example, then
    by how sure the baseline is of it.

    arXiv 1911.05248 (What Do Compressed Deep Neural Networks Forget?) trains a population of dense and one of pruned
    models, and calls an example such an exemplar where the most frequent answers of the two populations differ. Here
    the dense population is what was run, all of one mind and right, and the pruned one is this candidate alone, so
    that the list is of what this release would lose. With one dense model it is that one. `lost_by` tells how far the
    other pruned variants lose it as well.
    """
    known = [_answered(one) for one in (baseline, *_like(baseline, dense))]
    pruned = [_answered(one) for one in (scores, *_like(scores, others))]
    if known[0] is None or pruned[0] is None:
        return ()
    lost = _agreed([one for one in known if one is not None]) & pruned[0].wrong
    lost_by = np.sum([one.wrong for one in pruned if one is not None], axis=0)
    found = [_exemplar(int(i), scores, baseline, examples, int(lost_by[i]), label) for i in np.flatnonzero(lost)]
    return tuple(sorted(found, key=lambda one: (-one.lost_by, -(one.dense_confidence or 0.0), one.index)))


def _like(scores: ExampleScores, others: Sequence[ExampleScores]) -> list[ExampleScores]:
    """Those on the same data that are not this one itself."""
    itself = (scores.variant, scores.hardware)
    return [
        one for one in others if one.dataset_sha256 == scores.dataset_sha256 and (one.variant, one.hardware) != itself
    ]


@dataclass(frozen=True, slots=True)
class _Answered:
    """Answers of one model, and which of those that could be scored are right and wrong; all (examples,)."""

    answers: NDArray[np.int64]
    right: NDArray[np.bool_]
    wrong: NDArray[np.bool_]


def _answered(scores: ExampleScores) -> _Answered | None:
    if scores.answers is None or scores.right is None:
        return None
    rows = scored(scores)
    return _Answered(scores.answers, rows & scores.right, rows & ~scores.right)


def _agreed(dense: Sequence[_Answered]) -> NDArray[np.bool_]:
    """Which examples all answer rightly, with the same answer."""
    found = np.ones(len(dense[0].right), dtype=np.bool_)
    for one in dense:
        found &= one.right & (one.answers == dense[0].answers)
    return found


def _exemplar(
    index: int,
    scores: ExampleScores,
    baseline: ExampleScores,
    examples: ExampleFacts | None,
    lost_by: int,
    label: Callable[[int], str],
) -> Exemplar:
    return Exemplar(
        index=index,
        id=example_id(examples, index),
        label=_class_name(examples, index, label) or _text(baseline.answers, index, label),
        dense=_text(baseline.answers, index, label),
        answer=_text(scores.answers, index, label),
        dense_confidence=_confidence(baseline, index),
        confidence=_confidence(scores, index),
        lost_by=lost_by,
        slices=tuple(name for name, rows in examples.slices.items() if rows[index]) if examples else (),
    )


def example_id(examples: ExampleFacts | None, index: int) -> str:
    """What the data call an example; its number where they are not known."""
    return str(index) if examples is None else str(examples.ids[index])


def _class_name(examples: ExampleFacts | None, index: int, label: Callable[[int], str]) -> str:
    if examples is None or examples.labels is None or examples.labels[index] < 0:
        return ""
    number = int(examples.labels[index])
    return examples.classes[number] if number < len(examples.classes) else label(number)


def _text(answers: NDArray[np.int64] | None, index: int, label: Callable[[int], str]) -> str:
    return "" if answers is None else label(int(answers[index]))


def _confidence(scores: ExampleScores, index: int) -> float | None:
    found = math.nan if scores.confidence is None else float(scores.confidence[index])
    return found if math.isfinite(found) else None
