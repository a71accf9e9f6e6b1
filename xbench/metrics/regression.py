"""Metrics of predicted numbers. Several for each example are averaged, each counting the same, as in scikit-learn."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..protocols import Rows
from .shape import Array, ShippedMetric, mean_metric

NUMBERS = ("regression",)
RELATED = ("similarity", "regression")


def _errors(answers: Rows, targets: Rows) -> Array:
    """Prediction less truth, (examples, k)."""
    predicted, truth = _both(answers, targets)
    return np.subtract(predicted, truth)


def _absolute(answers: Rows, targets: Rows) -> Array:
    return np.abs(_errors(answers, targets))


def _squared(answers: Rows, targets: Rows) -> Array:
    return np.square(_errors(answers, targets))


def _pairs(answers: Rows, targets: Rows) -> Array:
    """(examples, 2 k): the predictions, and the true values."""
    return np.hstack(_both(answers, targets))


def _both(answers: Rows, targets: Rows) -> tuple[Array, Array]:
    """Predictions and true values, (examples, k) each. Raises ValueError where one has more than the other."""
    predicted, truth = np.asarray(answers["prediction"], np.float64), np.asarray(targets["target"], np.float64)
    if predicted.ndim != 2 or predicted.shape != truth.shape:
        raise ValueError(f"predictions have shape {predicted.shape}, and true values {truth.shape}")
    return predicted, truth


def _root_mean_square(scores: Array, weights: Array) -> float:
    """The mean over the k outputs of each one's own root, as in scikit-learn's root_mean_squared_error."""
    return float(np.sqrt(np.average(scores, axis=0, weights=_some(weights))).mean())


def _median(scores: Array, weights: Array) -> float:
    from sklearn.metrics import median_absolute_error

    counted = _some(weights) > 0
    truth = np.zeros_like(scores[counted])
    return float(median_absolute_error(truth, scores[counted], sample_weight=weights[counted]))


def _some(weights: Array) -> Array:
    if not weights.sum() > 0:
        raise ValueError("an error of no example is not defined")
    return weights


def _over_outputs(one: Callable[[Array, Array, Array], float], scores: Array, weights: Array) -> float:
    predicted, truth = np.split(scores.T, 2)
    return sum(one(*pair, _some(weights)) for pair in zip(predicted, truth, strict=True)) / len(truth)


def _explained(predicted: Array, truth: Array, weights: Array) -> float:
    if not _varies(truth, weights):
        raise ValueError("r2 where all true values are the same is not defined")
    missed, spread = np.square(predicted - truth), np.square(_centred(truth, weights))
    return 1 - float(weights @ missed) / float(weights @ spread)


def _correlation(predicted: Array, truth: Array, weights: Array) -> float:
    if not (_varies(predicted, weights) and _varies(truth, weights)):
        raise ValueError("a correlation where all values are the same is not defined")
    first, second = _centred(predicted, weights), _centred(truth, weights)
    product = float(weights @ np.square(first)) * float(weights @ np.square(second))
    return float(weights @ (first * second)) / math.sqrt(product)


def _rank_correlation(predicted: Array, truth: Array, weights: Array) -> float:
    return _correlation(_ranks(predicted, weights), _ranks(truth, weights), weights)


def _centred(values: Array, weights: Array) -> Array:
    centred: Array = values - float(weights @ values) / float(weights.sum())
    return centred


def _varies(values: Array, weights: Array) -> bool:
    counted = values[weights > 0]
    return bool(np.ptp(counted) > 0)


def _ranks(values: Array, weights: Array) -> Array:
    """The mean rank of each value, where each stands there `weights` times."""
    _, group = np.unique(values, return_inverse=True)
    size = np.bincount(group, weights)
    mean: Array = (size.cumsum() - size / 2)[group]
    return mean


METRICS = (
    mean_metric(
        "mae",
        NUMBERS,
        "lower",
        math.inf,
        lambda answers, targets: _absolute(answers, targets).mean(axis=1),
        "mean absolute error",
        "sklearn mean_absolute_error",
    ),
    mean_metric(
        "mse",
        NUMBERS,
        "lower",
        math.inf,
        lambda answers, targets: _squared(answers, targets).mean(axis=1),
        "mean squared error",
        "sklearn mean_squared_error",
    ),
    ShippedMetric(
        "rmse",
        NUMBERS,
        "lower",
        None,
        _squared,
        _root_mean_square,
        "root of the mean squared error",
        "sklearn root_mean_squared_error",
    ),
    ShippedMetric(
        "median_absolute_error",
        NUMBERS,
        "lower",
        None,
        _absolute,
        _median,
        "median absolute error",
        "sklearn median_absolute_error",
        "sklearn",
    ),
    ShippedMetric(
        "r2",
        NUMBERS,
        "higher",
        None,
        _pairs,
        lambda scores, weights: _over_outputs(_explained, scores, weights),
        "share of the variance that is explained",
        "sklearn r2_score",
    ),
    ShippedMetric(
        "pearson",
        RELATED,
        "higher",
        None,
        _pairs,
        lambda scores, weights: _over_outputs(_correlation, scores, weights),
        "correlation of prediction and truth",
        "scipy pearsonr",
    ),
    ShippedMetric(
        "spearman",
        RELATED,
        "higher",
        None,
        _pairs,
        lambda scores, weights: _over_outputs(_rank_correlation, scores, weights),
        "correlation of their ranks; ties have their mean rank",
        "scipy spearmanr",
    ),
)
