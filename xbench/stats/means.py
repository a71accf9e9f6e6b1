"""The mean of a score over examples, with its interval."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ..records.estimate import Estimate
from .checks import Floats, finite_vector, open_share
from .paired import mean_ends
from .proportions import wilson_interval


def mean_interval(
    values: ArrayLike, span: float, confidence: float = 0.95, seed: int = 0, resamples: int = 10_000
) -> Estimate:
    """The mean of the scores of examples, (examples,), in their own unit; the interval is two-sided.

    Where all scores are 0 or 1, and `span` is 1, it is Wilson's. Otherwise it is a bootstrap with four added
    examples, two at each end of what a score can be, for the same reason as in `paired_bootstrap`: it knows only the
    scores that it saw, and 50 reciprocal ranks of 1 or 1/2 are no proof that none is 0. `span` is the difference
    between the largest and the smallest score that there can be: they are taken to lie from 0 to `span`, where the
    interval ends too; or if one lies outside, that far around those seen. Where it is `math.inf`, the two are the
    smallest and the largest score seen.

    Raises ValueError for scores that are not finite, a `span` that is not positive, fewer than 2 scores that are not
    0 or 1, and scores that are all the same where `span` is `math.inf`.
    """
    scores = finite_vector(values, "scores")
    open_share(confidence, "confidence")
    if resamples < 2 or not span > 0:
        raise ValueError(f"resamples ({resamples}) must be at least 2, span ({span}) positive")
    if span == 1 and np.isin(scores, (0.0, 1.0)).all():
        return wilson_interval(int(scores.sum()), scores.size, confidence)
    if scores.size < 2:
        raise ValueError("1 score: an interval needs at least 2")
    least, most = _extremes(scores, span)
    if least == most:
        raise ValueError(f"all {scores.size} scores are {least:g}, and one that was not seen may be anything")
    low, high = mean_ends(scores, (least, most), confidence, seed, resamples)
    if (least, most) == (0.0, span):
        low, high = max(low, 0.0), min(high, span)
    point = float(scores.mean())
    return Estimate(
        point=point,
        low=min(low, point),
        high=max(high, point),
        confidence=confidence,
        method=f"bootstrap of {scores.size} scores and four added ones, corrected percentiles, {resamples} resamples",
    )


def _extremes(scores: Floats, span: float) -> tuple[float, float]:
    """The smallest and the largest score that an example not seen could have."""
    least, most = float(scores.min()), float(scores.max())
    if not math.isfinite(span) or most - least >= span:
        return least, most
    if least >= 0 and most <= span:
        return 0.0, span
    centre = (least + most) / 2
    return centre - span / 2, centre + span / 2
