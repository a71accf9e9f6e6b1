"""Metrics of classification that look at the probabilities of the classes."""

from __future__ import annotations

import functools
import math

import numpy as np
from numpy.typing import NDArray

from ..protocols import Rows
from .shape import Array, ShippedMetric, mean_metric, ratio

ONE_CLASS = ("classification",)
BINS = 15
"""Bins of the calibration error, as in Guo et al. 2017."""


def right_class(targets: Rows) -> NDArray[np.int64]:
    """The number of the right class, (examples,). Raises ValueError where there is none: it is below 0."""
    target: NDArray[np.int64] = targets["target"]
    if (target < 0).any():
        raise ValueError("no class is right")
    return target


def _right_probability(answers: Rows, targets: Rows) -> Array:
    """The probability of the right class, (examples,)."""
    target = right_class(targets)
    right: Array = answers["probabilities"][np.arange(len(target)), target]
    return right


def accuracy(answers: Rows, targets: Rows) -> Array:
    """1 where the answer is the right class, else 0."""
    return np.equal(answers["answer"], right_class(targets)).astype(np.float64)


def top(k: int) -> ShippedMetric:
    """Whether the right class is among the `k` most probable ones. Ties count as ranked before the right class.

    Its scores raise ValueError where there are no more than `k` classes: all answers would be right.
    """
    return mean_metric(
        f"top_{k}_accuracy",
        ONE_CLASS,
        "higher",
        1.0,
        functools.partial(_among_top, k=k),
        f"share with the right class among the {k} most probable ones",
        "sklearn top_k_accuracy_score",
    )


def _among_top(answers: Rows, targets: Rows, k: int) -> Array:
    probabilities = answers["probabilities"]
    classes = probabilities.shape[1]
    if classes <= k:
        raise ValueError(f"top_{k}_accuracy needs more than {k} classes, and there are {classes}")
    rank = (probabilities >= _right_probability(answers, targets)[:, None]).sum(axis=1)
    return np.asarray(rank <= k, np.float64)


def log_loss(answers: Rows, targets: Rows) -> Array:
    """Minus the logarithm of the right class's probability, in nats.

    Probabilities are kept the spacing of float64 at 1 (2.2e-16) away from 0 and 1, as scikit-learn does.
    """
    least = np.finfo(np.float64).eps
    clipped: Array = np.clip(_right_probability(answers, targets), least, 1 - least)
    return np.negative(np.log(clipped))


def brier(answers: Rows, targets: Rows) -> Array:
    """The sum over all classes of (probability - truth)^2, 0 to 2; twice what is called so for two classes alone.

    Brier 1950, Verification of forecasts expressed in terms of probability, equation 2.
    """
    probabilities = answers["probabilities"]
    right = _right_probability(answers, targets)
    total: Array = np.square(probabilities).sum(axis=1) - np.square(right) + np.square(1 - right)
    return total


def confidence_and_right(answers: Rows, targets: Rows) -> Array:
    """(examples, 2): the probability of the answer, and whether it is right."""
    answer = answers["answer"]
    confidence = answers["probabilities"][np.arange(len(answer)), answer]
    return np.column_stack([confidence, accuracy(answers, targets)])


def calibration_error(scores: Array, weights: Array) -> float:
    """Expected calibration error of `confidence_and_right`: by how much confidence misses accuracy, on average.

    15 bins of equal width, each without its lower end and with its upper one: Guo et al. 2017 (arXiv 1706.04599),
    equations 2 to 5.
    """
    bins: NDArray[np.intp] = np.clip(np.ceil(scores[:, 0] * BINS).astype(np.intp) - 1, 0, BINS - 1)
    gaps = np.bincount(bins, weights * (scores[:, 1] - scores[:, 0]), minlength=BINS)
    return ratio(float(np.abs(gaps).sum()), float(weights.sum()), "the calibration error of no example")


METRICS = (
    mean_metric("accuracy", ONE_CLASS, "higher", 1.0, accuracy, "share of right answers", "sklearn accuracy_score"),
    mean_metric(
        "log_loss",
        ONE_CLASS,
        "lower",
        math.inf,
        log_loss,
        "minus the logarithm of the right class's probability, in nats",
        "sklearn log_loss",
    ),
    mean_metric(
        "brier",
        ONE_CLASS,
        "lower",
        2.0,
        brier,
        "squared distance of the probabilities from the truth, over all classes, 0 to 2",
        "Brier 1950; sklearn brier_score_loss(scale_by_half=False)",
    ),
    ShippedMetric(
        "ece",
        ONE_CLASS,
        "lower",
        None,
        confidence_and_right,
        calibration_error,
        f"expected calibration error, {BINS} bins of equal width",
        "Guo et al. 2017, arXiv 1706.04599",
    ),
)
