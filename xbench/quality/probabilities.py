"""Probabilities out of a model's first output, as `evaluate.outputs` says what that is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError

# Half precision rounds each probability to 3 or 4 digits.
_TOLERANCE = 1e-3
# So many rows of logits do not add up to 1 by chance, all of them.
_TELLING_ROWS = 8


def class_probabilities(scores: NDArray[Any], kind: str) -> NDArray[np.float64]:
    """Rows of scores, (rows, classes), as probabilities that add up to 1: logits go through a softmax.

    Raises InvalidError where the scores are not what the suite says they are: then every figure of confidence,
    calibration and divergence would be wrong.
    """
    scores = scores.astype(np.float64)
    negative = bool((scores < 0).any())
    adding = bool((np.abs(scores.sum(axis=1) - 1) <= _TOLERANCE).all())
    if kind == "probabilities":
        if negative or not adding:
            raise InvalidError(
                "The suite says that the model's first output is probabilities",
                "some are negative" if negative else "there are rows that do not add up to 1",
                "set evaluate.outputs: logits, or name a model that ends with a softmax",
            )
        return np.asarray(scores / scores.sum(axis=1, keepdims=True))
    if adding and not negative and len(scores) >= _TELLING_ROWS and scores.shape[1] > 1:
        raise InvalidError(
            "The suite says that the model's first output is logits",
            "all rows add up to 1 and none is negative: they are probabilities already",
            "set evaluate.outputs: probabilities",
        )
    powers = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def label_probabilities(scores: NDArray[Any], kind: str) -> NDArray[np.float64]:
    """Scores of labels that hold or do not by themselves, (rows, labels): logits go through a sigmoid.

    Raises InvalidError for probabilities outside of 0 to 1.
    """
    scores = scores.astype(np.float64)
    if kind == "logits":
        # e^-|x| never overflows; both branches are 1 / (1 + e^-x).
        powers = np.exp(-np.abs(scores))
        return np.asarray(np.where(scores >= 0, 1, powers) / (1 + powers))
    if bool(((scores < -_TOLERANCE) | (scores > 1 + _TOLERANCE)).any()):
        raise InvalidError(
            "The suite says that the model's first output is probabilities",
            f"they go from {scores.min():.4g} to {scores.max():.4g}",
            "set evaluate.outputs: logits, or name a model that ends with a sigmoid",
        )
    return np.asarray(np.clip(scores, 0, 1))
