"""How far the outputs of a variant are from the baseline's, example by example."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from .tasks import DivergenceKind

_TINY = float(np.finfo(np.float32).tiny)


def divergence(
    kind: DivergenceKind, moved: NDArray[Any] | None, dense: NDArray[Any] | None
) -> NDArray[np.float64] | None:
    """For each example, (examples,); None where the task has none.

    `kl`: the Kullback-Leibler divergence of the candidate's probabilities Q from the baseline's P, sum of
    P (ln P - ln Q), in nats, as in arXiv 2407.09141. Probabilities are kept as float32 and clipped at its smallest
    normal number, 1.2e-38: one class adds 87 nats at most. `cosine`: 1 less the cosine of the two embeddings.

    Raises InvalidError where the two have not the same width.
    """
    if not kind or moved is None or dense is None:
        return None
    if moved.shape != dense.shape:
        raise InvalidError(
            "The outputs cannot be compared with the baseline's",
            f"they have {moved.shape[1]} values for each example, and the baseline's {dense.shape[1]}",
            "all variants must have the same outputs",
        )
    ours, theirs = moved.astype(np.float64), dense.astype(np.float64)
    if kind == "kl":
        return _kullback_leibler(theirs, ours)
    return 1 - _cosine(ours, theirs)


def _kullback_leibler(p: NDArray[np.float64], q: NDArray[np.float64]) -> NDArray[np.float64]:
    logs = np.log(np.maximum(p, _TINY)) - np.log(np.maximum(q, _TINY))
    # Never below zero but by rounding.
    return np.asarray(np.maximum((p * logs).sum(axis=1), 0))


def _cosine(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """The cosine of each two rows; 0 where one of them is all zeros, unless both are: then 1."""
    lengths = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    cosine = np.divide((a * b).sum(axis=1), lengths, out=np.zeros(len(a)), where=lengths > 0)
    same = (a == b).all(axis=1)
    return np.where(same, 1.0, np.clip(cosine, -1, 1))
