"""One figure of each process set, and the mean of them all on the log scale."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from ..records.estimate import Estimate
from .checks import finite_vector, open_share
from .ratio import MIN_SETS


def over_sets(values: ArrayLike, confidence: float, freedom: float, widening: float = 0.0) -> Estimate:
    """exp(mean +- (t * s / sqrt(K) + widening)) of the logarithms of K positive figures, in their own unit.

    `freedom` are t's degrees of freedom, `widening` is on the log scale. Figures that are all the same come out as
    they are, not by way of their logarithm. Raises ValueError for fewer than 2 figures, and for one that is not
    positive and finite.
    """
    open_share(confidence, "confidence")
    count = np.size(values)
    if count < MIN_SETS:
        raise ValueError(f"{count} process set(s): an interval needs at least {MIN_SETS}")
    figures = finite_vector(values, "figures of process sets")
    if not (figures > 0).all():
        raise ValueError(f"a figure of {figures.min()}: it must be positive")
    alike = figures.min() == figures.max()
    logs = np.log(figures)
    centre = float(logs[0] if alike else np.mean(logs))
    spread = 0.0 if alike else float(np.std(logs, ddof=1))
    t = float(special.stdtrit(freedom, 0.5 + confidence / 2))
    half_width = t * spread / math.sqrt(count) + widening
    low, point, high = (math.exp(centre + shift) for shift in (-half_width, 0.0, half_width))
    if alike:
        point = float(figures[0])
        low, high = (low, high) if widening else (point, point)
    return Estimate(
        point=point,
        low=low,
        high=high,
        confidence=confidence,
        method=f"mean of {count} process sets, log scale, t with {freedom:g} d.f.",
    )
