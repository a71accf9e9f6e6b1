"""Metrics of which class was taken for which: F1 and its kin.

They are for one right class each (classification) and for several (multi-label). A class that is neither right nor
answered anywhere has no F1 and is left out of a mean over classes, so that examples counted 0 times are as good as
not there. scikit-learn does so with one right class; with several it is its `zero_division=nan`.
"""

from __future__ import annotations

import math

import numpy as np

from ..protocols import Rows
from .probabilities import right_class
from .shape import Array, ShippedMetric, mean_metric, ratio

CLASSES = ("classification", "multi-label")


def counts(answers: Rows, targets: Rows) -> Array:
    """What the sums by class are made of.

    With one right class: (examples, 2), the numbers of the answer and of the right class. With several of L: 3 L
    columns of 0 and 1, whether each was answered rightly, was answered, and is right.
    """
    answer, target = answers["answer"], targets["target"]
    if target.ndim == 1:
        return np.column_stack([answer, right_class(targets)]).astype(np.float64)
    return np.hstack([answer * target, answer, target]).astype(np.float64)


def sums(scores: Array, weights: Array) -> tuple[Array, Array, Array]:
    """By class, (classes,): how often it was answered rightly, was answered, and is right."""
    if scores.shape[1] != 2:
        right, answered, true = np.split(weights @ scores, 3)
        return right, answered, true
    answer, target = scores.astype(np.int64).T
    classes = int(max(answer.max(initial=-1), target.max(initial=-1))) + 1
    tallies = ((target, weights * (answer == target)), (answer, weights), (target, weights))
    by_class = [np.asarray(np.bincount(numbers, how_often, classes), np.float64) for numbers, how_often in tallies]
    return by_class[0], by_class[1], by_class[2]


def _f1_by_class(scores: Array, weights: Array) -> tuple[Array, Array]:
    """F1 of each class that occurs, and how often it is right."""
    right, answered, true = sums(scores, weights)
    occurs = answered + true > 0
    return 2 * right[occurs] / (answered + true)[occurs], true[occurs]


def f1_macro(scores: Array, weights: Array) -> float:
    """The mean of F1 over the classes."""
    each, _ = _f1_by_class(scores, weights)
    return ratio(float(each.sum()), len(each), "F1 where nothing is right or answered")


def f1_weighted(scores: Array, weights: Array) -> float:
    """The mean of F1 over the classes, each as often as it is right."""
    each, true = _f1_by_class(scores, weights)
    return ratio(float(each @ true), float(true.sum()), "weighted F1 where nothing is right")


def f1_micro(scores: Array, weights: Array) -> float:
    """F1 of the sums over the classes."""
    right, answered, true = (part.sum() for part in sums(scores, weights))
    return ratio(2 * float(right), float(answered + true), "F1 where nothing is right or answered")


def balanced_accuracy(scores: Array, weights: Array) -> float:
    """The mean over the classes that are right somewhere of the share that was answered rightly."""
    right, _, true = sums(scores, weights)
    each = right[true > 0] / true[true > 0]
    return ratio(float(each.sum()), len(each), "the balanced accuracy of no example")


def matthews(scores: Array, weights: Array) -> float:
    """Correlation of answers and right classes, -1 to 1, by Gorodkin 2004 for any number of classes.

    0 where all answers are the same, as in scikit-learn. Raises ValueError where only one class is right.
    """
    right, answered, true = sums(scores, weights)
    total = float(weights.sum())
    spread = total**2 - float(true @ true)
    if spread <= 0:
        raise ValueError("the Matthews correlation where only one class is right is not defined")
    answer_spread = total**2 - float(answered @ answered)
    if answer_spread <= 0:
        return 0.0
    return (total * float(right.sum()) - float(true @ answered)) / math.sqrt(spread * answer_spread)


def _differing(answers: Rows, targets: Rows) -> Array:
    """The share of the labels that are wrongly given or wrongly left out."""
    return np.asarray(np.not_equal(answers["answer"], targets["target"]).mean(axis=1), np.float64)


def _exact(answers: Rows, targets: Rows) -> Array:
    """1 where all labels are as they should be, else 0."""
    return np.asarray(np.equal(answers["answer"], targets["target"]).all(axis=1), np.float64)


METRICS = (
    ShippedMetric(
        "f1_macro", CLASSES, "higher", None, counts, f1_macro, "F1, averaged over the classes", "sklearn f1_score"
    ),
    ShippedMetric(
        "f1_micro", CLASSES, "higher", None, counts, f1_micro, "F1 of all classes together", "sklearn f1_score"
    ),
    ShippedMetric(
        "f1_weighted",
        CLASSES,
        "higher",
        None,
        counts,
        f1_weighted,
        "F1, averaged over the classes as often as each is right",
        "sklearn f1_score",
    ),
    ShippedMetric(
        "balanced_accuracy",
        ("classification",),
        "higher",
        None,
        counts,
        balanced_accuracy,
        "share of right answers, averaged over the classes",
        "sklearn balanced_accuracy_score",
    ),
    ShippedMetric(
        "matthews_corrcoef",
        ("classification",),
        "higher",
        None,
        counts,
        matthews,
        "correlation of answers and truth, -1 to 1",
        "sklearn matthews_corrcoef",
    ),
    mean_metric(
        "hamming_loss",
        ("multi-label",),
        "lower",
        1.0,
        _differing,
        "share of labels wrongly given or left out",
        "sklearn hamming_loss",
    ),
    mean_metric(
        "exact_match",
        ("multi-label",),
        "higher",
        1.0,
        _exact,
        "share with all labels right",
        "sklearn accuracy_score",
    ),
)
