"""A score for each example and metric, out of what was kept of a variant's answers and the baseline's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Outputs, Rows
from ..records.quality import ExampleScores
from .divergence import divergence
from .metering import metered
from .tasks import Chunk, Task


def example_scores(
    task: Task, kept: Iterable[Outputs], reference: Iterable[Outputs] | None, variant: str, hardware: str
) -> ExampleScores:
    """Scores of all examples, a chunk at a time. `reference` is what was kept of the baseline; None for itself.

    An example that a metric raises on, or gives NaN for, has NaN in every metric and its reason in `failed`.
    Raises InvalidError where all of them fail, and where answers are missing on either side.
    """
    sheet = _Sheet(task)
    chunks = task.chunks(kept)
    if reference is None:
        for chunk in chunks:
            sheet.add(chunk, None)
    else:
        for chunk, dense in zip(chunks, task.chunks(reference), strict=True):
            sheet.add(chunk, dense)
    return sheet.scores(variant, hardware)


@dataclass
class _Sheet:
    """What was found of the chunks so far."""

    task: Task
    parts: dict[str, list[NDArray[Any]]] = field(default_factory=dict)
    metrics: dict[str, list[NDArray[np.float64]]] = field(default_factory=dict)
    failed: dict[int, str] = field(default_factory=dict)

    def add(self, chunk: Chunk, dense: Chunk | None) -> None:
        """Score a chunk; `dense` is the baseline's of the same examples."""
        answers = _beside(chunk, dense)
        for name, metric in self.task.metrics.items():
            scores, failed = metered(name, metric, answers, chunk.targets, chunk.count)
            self.metrics.setdefault(name, []).append(scores)
            for number, reason in failed.items():
                self.failed.setdefault(chunk.start + number, reason)
        found = {"answers": chunk.codes, "right": chunk.right, "confidence": chunk.confidence}
        if dense is not None:
            found["divergence"] = divergence(self.task.divergence_kind, chunk.moved, dense.moved)
        for name, array in found.items():
            if array is not None:
                self.parts.setdefault(name, []).append(array)

    def scores(self, variant: str, hardware: str) -> ExampleScores:
        """All chunks together."""
        examples = len(self.task.examples.ids)
        if len(self.failed) == examples:
            raise InvalidError(f"None of {examples} examples could be scored", next(iter(self.failed.values()), ""))
        whole = {name: _joined(name, parts) for name, parts in self.metrics.items()}
        bad = sorted(self.failed)
        for scores in whole.values():
            scores[bad] = np.nan
        parts = {name: np.concatenate(arrays) for name, arrays in self.parts.items()}
        return ExampleScores(
            variant=variant,
            hardware=hardware,
            dataset_sha256=self.task.data.sha256,
            metrics=whole,
            failed={number: self.failed[number] for number in bad},
            answers=parts.get("answers"),
            right=parts.get("right"),
            confidence=parts.get("confidence"),
            divergence=parts.get("divergence"),
            divergence_kind=self.task.divergence_kind if "divergence" in parts else "",
        )


def _beside(chunk: Chunk, dense: Chunk | None) -> Rows:
    """The answers; where they are embeddings, with the baseline's beside, which for the baseline are its own."""
    if "embedding" not in chunk.answers:
        return chunk.answers
    own = chunk if dense is None else dense
    return {**chunk.answers, "dense": own.answers["embedding"]}


def _joined(name: str, parts: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """Scores of all chunks. Raises InvalidError for a metric that gives other shapes for some of them."""
    known = [part for part in parts if not np.isnan(part).all()]
    if len({part.shape[1:] for part in known}) > 1:
        shapes = " and ".join(dict.fromkeys(str(part.shape) for part in known))
        raise InvalidError(f"The metric {name} must give scores of one shape", f"it gave {shapes}")
    # How many numbers an example has cannot be told from a chunk in which every example failed.
    shape = known[0].shape[1:] if known else ()
    return np.concatenate([np.full((len(part), *shape), np.nan) if np.isnan(part).all() else part for part in parts])
