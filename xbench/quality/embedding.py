"""Embeddings without labels: how near each stays to the dense model's own."""

from __future__ import annotations

import numpy as np

from ..errors import InvalidError
from ..protocols import Outputs, Rows
from .feeding import Feeder
from .pooling import pooled_output
from .rowtask import Ground, RowTask, fed_of
from .tasks import Batch, Chunk, DivergenceKind, first_output


class EmbeddingTask(RowTask):
    """Rows that become one vector each. What is right is the baseline's answer, which the scoring puts beside."""

    divergence_kind: DivergenceKind = "cosine"

    def __init__(self, ground: Ground, feeder: Feeder, pooling: str) -> None:
        super().__init__(ground, feeder)
        self._pooling = pooling

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """One vector for each row, float32: pooled from those of the tokens, or the first output as it is."""
        if self._pooling != "none":
            mask = fed_of(batch).mask
            assert mask is not None  # noqa: S101 - the suite pools texts alone
            return {"embedding": pooled_output(batch, outputs, mask, self._pooling)}
        vectors = first_output(batch, outputs)
        if vectors.ndim != 2:
            raise InvalidError(
                "The embedding task with pooling none needs vectors as the first output, shape (batch, width)",
                f"the model gave shape {vectors.shape}",
            )
        return {"embedding": vectors.astype(np.float32)}

    def _chunk(self, start: int, kept: Outputs, targets: Rows) -> Chunk:
        vectors = kept["embedding"]
        return Chunk(start=start, answers={"embedding": vectors}, targets={}, moved=vectors)
