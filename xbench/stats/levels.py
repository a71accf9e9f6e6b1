"""Levels of a series: its noise, and where it goes from one level to another. Imports no scipy, as workers need."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .checks import Floats


def noise_of(points: Floats, least: float, outer: float = 0.25) -> float:
    """The standard deviation of the points about their level; `least` where it is less.

    From the quartiles of their first differences, which trends and steps hardly touch, or from the quantiles `outer`
    and 1 - `outer`: farther out, they see more of values that are mostly equal, and more of the steps.
    """
    low, high = np.quantile(np.diff(points), (outer, 1 - outer))
    return max(float(high - low) / (2 * NormalDist().inv_cdf(1 - outer)) / math.sqrt(2), least)


def without_spikes(points: Floats, noise: float) -> Floats:
    """The points, none farther than three times the noise from the median of the five about it."""
    around = np.median(sliding_window_view(np.pad(points, 2, mode="reflect"), 5), axis=1)
    return np.clip(points, around - 3 * noise, around + 3 * noise)


def changes_of_level(points: Floats, noise: float, penalty: float, least: int = 1) -> list[int]:
    """Where segments begin, with 0 in front and the number of points behind; none is shorter than `least`.

    Optimal partitioning (Jackson et al. 2005, IEEE Signal Processing Letters 12:105-108; PELT of Killick, Fearnhead
    and Eckley 2012, JASA 107:1590-1598, finds the same optimum, and at some hundreds of points needs no pruning):
    best[t] = min over s < t of best[s] + cost(s, t) + penalty ln n, where the cost of a segment is its sum of squares
    about its mean, in units of the noise.
    """
    count = points.size
    each = penalty * math.log(count)
    scaled = (points - points.mean()) / noise
    sums = np.concatenate(([0.0], np.cumsum(scaled)))
    squares = np.concatenate(([0.0], np.cumsum(scaled**2)))
    best = np.full(count + 1, np.inf)
    best[0] = 0.0
    begins = np.zeros(count + 1, dtype=np.intp)
    lengths = np.arange(count, 0, -1)
    for end in range(least, count + 1):
        starts = end - least + 1  # so many places where the last segment may begin
        cost = squares[end] - squares[:starts] - (sums[end] - sums[:starts]) ** 2 / lengths[count - end :][:starts]
        total = best[:starts] + cost + each
        begins[end] = np.argmin(total)
        best[end] = total[begins[end]]
    bounds = [count]
    while bounds[-1]:
        bounds.append(int(begins[bounds[-1]]))
    return bounds[::-1]
