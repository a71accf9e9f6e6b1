"""Answers and outputs of a candidate against the baseline's, example by example."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ..records.quality import Divergence, ExampleScores, Flips
from ..stats.means import mean_interval
from ..stats.proportions import wilson_interval

Rows = NDArray[np.bool_]


def flips(scores: ExampleScores, baseline: ExampleScores, rows: Rows) -> Flips | None:
    """Counts over the examples `rows`, (examples,); None where either has no answers, or there are no examples."""
    if scores.answers is None or scores.right is None or baseline.answers is None or baseline.right is None:
        return None
    count = int(rows.sum())
    if count == 0:
        return None
    before, after = baseline.right[rows], scores.right[rows]
    same = baseline.answers[rows] == scores.answers[rows]
    return Flips(
        examples=count,
        right_to_wrong=int((before & ~after).sum()),
        wrong_to_right=int((~before & after).sum()),
        wrong_to_other_wrong=int((~before & ~after & ~same).sum()),
        agreement=wilson_interval(int(same.sum()), count),
    )


def divergence(scores: ExampleScores, rows: Rows, seed: int) -> Divergence | None:
    """Mean and 99th percentile over the examples `rows`; None where there is none."""
    if scores.divergence is None or not scores.divergence_kind or not rows.any():
        return None
    values = scores.divergence[rows]
    # A cosine is 2 at most; the other has no bound, and the range of what was seen takes its place.
    span = 2.0 if scores.divergence_kind == "cosine" else math.inf
    alike = values.min() == values.max()
    return Divergence(
        kind=scores.divergence_kind,
        mean=float(values.mean()),
        interval=None if alike else mean_interval(values, span, seed=seed),
        p99=float(np.quantile(values, 0.99)),
        examples=len(values),
    )
