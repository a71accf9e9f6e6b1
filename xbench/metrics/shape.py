"""What the shipped metrics are made of: a name, a function to scores, and a function from scores to a value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..protocols import Rows
from ..records.quality import Better

Array = NDArray[np.float64]
Scoring = Callable[[Rows, Rows], Array]
"""Scores of some examples, out of their answers and targets."""

Valuing = Callable[[Array, Array], float]
"""A value out of scores, (examples, ...), and weights, (examples,)."""


def weighted_mean(scores: Array, weights: Array) -> float:
    """The mean of scores (examples,), each counted `weights` times. Raises ValueError where nothing is left."""
    return ratio(float(weights @ scores), float(weights.sum()), "the mean of no example")


def ratio(part: float, whole: float, what: str) -> float:
    """`part / whole`. Raises ValueError where it is not defined: `what` says what of."""
    if whole == 0:
        raise ValueError(f"{what} is not defined")
    return part / whole


@dataclass(frozen=True, slots=True)
class ShippedMetric:
    """A metric that comes with xbench; see `xbench.protocols.Metric`.

    `scoring` gives the scores, and `valuing` the value. `what` says in a line what it is, and `source` by whose
    definition, as docs/metrics.md tells them. `needs` is the module that it needs beside the base install.
    """

    name: str
    tasks: tuple[str, ...]
    better: Better
    span: float | None
    scoring: Scoring
    valuing: Valuing
    what: str
    source: str = ""
    needs: str = ""

    def scores(self, answers: Rows, targets: Rows) -> Array:
        """Float64, (examples,) where the value is their mean, else (examples, k)."""
        return np.asarray(self.scoring(answers, targets), dtype=np.float64)

    def value(self, scores: Array, weights: Array) -> float:
        """The value of examples with these scores. Raises ValueError where it is not defined."""
        return self.valuing(np.asarray(scores, np.float64), np.asarray(weights, np.float64))


def mean_metric(
    name: str, tasks: tuple[str, ...], better: Better, span: float, scoring: Scoring, what: str, source: str = ""
) -> ShippedMetric:
    """One whose value is the mean of its scores."""
    return ShippedMetric(name, tasks, better, span, scoring, weighted_mean, what, source)
