"""Similarity: the cosine of two texts' embeddings, against what people said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from ..protocols import Outputs
from .encoding import Encoder, text_values
from .kept import regrouped
from .reading import read
from .regression import numbers
from .rowtask import Ground
from .tasks import Chunk
from .texttask import TextTask


class SimilarityTask(TextTask):
    """Pairs of texts; the first and the second of each pair are fed one after the other."""

    def __init__(self, ground: Ground, encoder: Encoder, pooling: str, text: Sequence[str], target: str) -> None:
        """Raises InputError for a target that is no number."""
        super().__init__(ground, encoder, pooling, 2 * len(ground.examples.ids))
        self._columns = tuple(text)
        self._target = target
        for rows, ids in read(ground.dataset, (target,), ground.batch, self.examples.ids):
            numbers(rows, target, ids)

    def _texts(self) -> Iterator[str]:
        for rows, ids in read(self._ground.dataset, self._columns, self._ground.batch, self.examples.ids):
            first, second = (text_values(rows, column, ids) for column in self._columns)
            for pair in zip(first, second, strict=True):
                yield from pair

    def chunks(self, kept: Iterable[Outputs]) -> Iterator[Chunk]:
        """See `Task.chunks`. What diverges is the pair: the mean of the cosines of both."""
        size, start = self._ground.batch, 0
        again = read(self._ground.dataset, (self._target,), size, self.examples.ids)
        for outputs, (rows, ids) in zip(regrouped(kept, 2 * size, self.rows), again, strict=True):
            vectors = outputs["embedding"].astype(np.float64)
            first, second = vectors[0::2], vectors[1::2]
            yield Chunk(
                start=start,
                answers={"prediction": (first * second).sum(axis=1, keepdims=True)},
                targets={"target": numbers(rows, self._target, ids)},
                moved=np.concatenate([first, second], axis=1),
            )
            start += len(first)
