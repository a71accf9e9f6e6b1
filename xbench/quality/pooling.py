"""One vector for each text, out of the vectors of its tokens."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Outputs
from .tasks import Batch, first_output


def pool(vectors: NDArray[Any], mask: NDArray[Any], how: str) -> NDArray[np.float32]:
    """One vector of length 1 for each text. `vectors`: (batch, tokens, width); `mask`: (batch, tokens)."""
    if how == "cls":
        pooled = vectors[:, 0].astype(np.float32)
    else:
        weights = mask[..., None].astype(np.float32)
        pooled = (vectors * weights).sum(axis=1) / np.maximum(weights.sum(axis=1), 1e-9)
    norms = np.linalg.norm(pooled, axis=1, keepdims=True)
    return np.asarray(pooled / np.maximum(norms, 1e-12), dtype=np.float32)


def pooled_output(batch: Batch, outputs: Outputs, mask: NDArray[Any], how: str) -> NDArray[np.float32]:
    """`pool` of the first output. Raises InvalidError where that is no vector for each token."""
    vectors = first_output(batch, outputs)
    mask = mask[: batch.count]
    if vectors.ndim != 3 or vectors.shape[:2] != mask.shape:
        raise InvalidError(
            "The task needs token vectors as the first output, shape (batch, tokens, width)",
            f"the model gave {vectors.shape} for {mask.shape} tokens",
        )
    pooled = pool(vectors, mask, how)
    if not np.isfinite(pooled).all():
        raise InvalidError("The embeddings of texts are not finite", "vectors overflow when they are pooled")
    return pooled
