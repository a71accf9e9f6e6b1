"""The metric of embeddings without labels: how near each stays to the dense model's own."""

from __future__ import annotations

import numpy as np

from ..protocols import Rows
from .shape import Array, mean_metric


def _cosine(answers: Rows, targets: Rows) -> Array:
    """The cosine of both embeddings; NaN where one of them is zero, since it has no direction then."""
    mine, dense = (np.asarray(answers[name], np.float64) for name in ("embedding", "dense"))
    product = (mine * dense).sum(axis=1)
    with np.errstate(invalid="ignore"):
        cosine: Array = product / (np.linalg.norm(mine, axis=1) * np.linalg.norm(dense, axis=1))
    return np.clip(cosine, -1.0, 1.0)


METRICS = (
    mean_metric(
        "cosine_to_dense",
        ("embedding",),
        "higher",
        2.0,
        _cosine,
        "cosine of the embedding and the dense model's own, -1 to 1",
    ),
)
