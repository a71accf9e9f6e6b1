"""Metrics of how probabilities rank the examples: areas under curves, of each class against the rest.

The arithmetic is scikit-learn's, in NumPy, since a bootstrap calls it some thousand times; tests hold it equal.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..protocols import Rows
from .probabilities import right_class
from .shape import Array, ShippedMetric

CLASSES = ("classification", "multi-label")


def ranked(answers: Rows, targets: Rows) -> Array:
    """(examples, 2 m): `m` probabilities, and whether each is right: 0 or 1.

    With two classes, one of them right, `m` is 1: the second class. Else it is the number of classes, so that this
    takes 16 bytes for each class of each example.
    """
    probabilities, target = answers["probabilities"], targets["target"]
    if target.ndim == 2:
        return np.hstack([probabilities, target]).astype(np.float64)
    truth = right_class(targets)[:, None] == np.arange(probabilities.shape[1])
    first = 1 if probabilities.shape[1] == 2 else 0
    return np.hstack([probabilities[:, first:], truth[:, first:]]).astype(np.float64)


def _steps(probabilities: Array, truth: Array, weights: Array) -> tuple[Array, Array]:
    """Sums of weights, right and not, of all examples at least as probable as each value that occurs, falling."""
    order = np.argsort(probabilities)[::-1]
    order = order[weights[order] > 0]
    sorted_probabilities, right = probabilities[order], (weights * truth)[order].cumsum()
    wrong = (weights * (1 - truth))[order].cumsum()
    last = np.append(np.diff(sorted_probabilities) != 0, True)[: len(order)]
    return right[last], wrong[last]


def _area(probabilities: Array, truth: Array, weights: Array) -> float:
    """Area under the ROC curve: by the trapezium rule, so that ties count half."""
    right, wrong = _steps(probabilities, truth, weights)
    if not len(right) or right[-1] == 0 or wrong[-1] == 0:
        raise ValueError("the ROC curve where all examples are of one class is not defined")
    return float(np.trapezoid(np.append(0, right), np.append(0, wrong)) / (right[-1] * wrong[-1]))


def _precision(probabilities: Array, truth: Array, weights: Array) -> float:
    """Average precision: precision at each step, weighted by what recall gains there."""
    right, wrong = _steps(probabilities, truth, weights)
    if not len(right) or right[-1] == 0:
        raise ValueError("the average precision where no example is right is not defined")
    return float((right / (right + wrong)) @ np.diff(right, prepend=0.0) / right[-1])


def _over_classes(one: Callable[[Array, Array, Array], float], scores: Array, weights: Array) -> float:
    probabilities, truth = np.split(scores.T, 2)
    return sum(one(*pair, weights) for pair in zip(probabilities, truth, strict=True)) / len(truth)


def roc_auc(scores: Array, weights: Array) -> float:
    """The mean over the classes of the area under the curve. ValueError where one is right never, or always."""
    return _over_classes(_area, scores, weights)


def average_precision(scores: Array, weights: Array) -> float:
    """The mean over the classes of average precision. Raises ValueError where a class is never right."""
    return _over_classes(_precision, scores, weights)


METRICS = (
    ShippedMetric(
        "roc_auc",
        CLASSES,
        "higher",
        None,
        ranked,
        roc_auc,
        "area under the ROC curve of each class against the rest, averaged",
        "sklearn roc_auc_score(multi_class='ovr')",
    ),
    ShippedMetric(
        "average_precision",
        CLASSES,
        "higher",
        None,
        ranked,
        average_precision,
        "precision averaged over recall, of each class against the rest, averaged",
        "sklearn average_precision_score",
    ),
)
