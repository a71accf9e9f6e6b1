"""Whether a series has two modes: two speeds, and no single figure that stands for both."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from .checks import Floats, finite_vector

MIN_VALUES = 20
"""Fewer values cannot show a dip between modes that are as unequal as 75 to 25."""

_LEAST_SHARE = 0.1  # less is a tail, and percentiles tell it better
_LEAST_COUNT = 4  # of 20 values from a heavy tail, two or three often lie close together far out
_LEAST_GAP = math.log(1.03)  # 3 %: closer modes hardly move a median
_LEAST_D = 2.0  # Ashman, Bird and Zepf (1994): clean separation
# Separation that needs no test of the dip. The halves of a uniform distribution have a D of 3.46; at 20 values
# it exceeds 7 in at most 0.4 % of samples from uniform, exponential, lognormal and t3 distributions.
_PLAIN_D = 7.0
_MAD_TO_SIGMA = 1.482602  # of a normal distribution
# Heights at which `_excess_mass` cuts the density, in units of a uniform one over the same range: from below
# the height at which a mode of a tenth of the values pays for the gap, to above any valley that matters.
_HEIGHTS = np.geomspace(0.05, 64, 128)


class TwoModes(NamedTuple):
    """The medians of the two modes, in the unit of the values, and the share of values in the upper one."""

    low: float
    high: float
    share_high: float


def two_modes(values: ArrayLike) -> TwoModes | None:
    """The two modes of some 20 to a few thousand positive values, or None if there is only one.

    The values are split in two on the log scale where the sum of squares about the two means is least. The
    two parts are modes if all of this holds:

    - each has at least 10 % of the values, and 4, and their medians differ by at least 3 %;
    - Ashman's D = sqrt(2) |m1 - m2| / sqrt(s1**2 + s2**2) is above 2 (Ashman, Bird and Zepf 1994, Astronomical
      J. 108:2348-2361), with medians for means and scaled MADs for standard deviations;
    - the density dips between them more than it does in 99 % of samples of a uniform distribution: the
      excess mass of two intervals over that of one (Mueller and Sawitzki 1991, JASA 86:738-746), which is
      twice the dip of Hartigan and Hartigan (1985, Annals of Statistics 13:70-84). Of all distributions with
      one mode the uniform has the largest dip, so heavy tails and plain spread pass no more often. That needs
      hundreds of values for a mode of 15 %; so it is also enough that D is above 7 with plain standard
      deviations, in which every value between the modes counts.

    Ahead of it all, outliers are drawn in to the median +- 3 (p90 - p10). Fewer than 20 values have no modes.
    False alarms are rarer than 2 % where neighbours in time are alike too, up to an autocorrelation of 0.9; a
    speed that wanders more slowly than that does have its levels. A clock whose ticks are 3 % of the values
    makes modes of its own.

    Raises ValueError for values that are empty, not finite or not positive.
    """
    vector = finite_vector(values, "values")
    if not (vector > 0).all():
        raise ValueError("values must be positive")
    if vector.size < MIN_VALUES:
        return None
    logs = _without_outliers(np.sort(np.log(vector)))
    split = _best_split(logs)
    low, high = logs[:split], logs[split:]
    gap = float(np.median(high) - np.median(low))
    if gap < _LEAST_GAP or not _apart(gap, _scale(low), _scale(high), _LEAST_D):
        return None
    plain = _apart(gap, float(low.std(ddof=1)), float(high.std(ddof=1)), _PLAIN_D)
    if not (plain or _excess_mass(logs) > critical_excess_mass(logs.size)):
        return None
    return TwoModes(math.exp(np.median(low)), math.exp(np.median(high)), high.size / logs.size)


def critical_excess_mass(count: int) -> float:
    """What the excess mass of `count` values from a uniform distribution exceeds in 1 % of samples.

    A fit to twice the 99 % quantiles of the dip that M. Maechler's R package diptest tabulates (qDiptab, a
    million samples each), within 1 % of them from 20 values to 72,000.
    """
    return 1.265 / math.sqrt(count) - 0.82 / count


def _without_outliers(logs: Floats) -> Floats:
    low, middle, high = np.quantile(logs, (0.1, 0.5, 0.9))
    return np.clip(logs, middle - 3 * (high - low), middle + 3 * (high - low))


def _best_split(logs: Floats) -> int:
    """How many of the sorted values are in the lower part: two means, each of at least a tenth and four."""
    least = max(_LEAST_COUNT, math.ceil(_LEAST_SHARE * logs.size))
    below = np.arange(least, logs.size - least + 1)
    sums = np.cumsum(logs - logs.mean())
    between = sums[below - 1] ** 2 * (1 / below + 1 / (logs.size - below))  # all but the sum of squares within
    return int(below[np.argmax(between)])


def _apart(gap: float, low_scale: float, high_scale: float, least: float) -> bool:
    """Whether Ashman's D is above `least`, also where both scales are 0."""
    return math.sqrt(2) * gap > least * math.hypot(low_scale, high_scale)


def _scale(part: Floats) -> float:
    return _MAD_TO_SIGMA * float(np.median(np.abs(part - np.median(part))))


def _excess_mass(logs: Floats) -> float:
    """How much more of the sorted values two intervals hold above a height of the density than one does, at most.

    The excess of an interval at height h is its share of the values less h times its length, the whole range
    having length 1. Heights are on a grid, so that this is at most the exact value.
    """
    count = logs.size
    place = (logs - logs[0]) / max(float(logs[-1] - logs[0]), np.finfo(np.float64).tiny)
    ends = np.arange(1, count + 1) / count - _HEIGHTS[:, None] * place
    begins = _HEIGHTS[:, None] * place - np.arange(count) / count
    before = np.maximum.accumulate(ends + np.maximum.accumulate(begins, axis=1), axis=1)
    after = begins + np.maximum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    after = np.maximum.accumulate(after[:, ::-1], axis=1)[:, ::-1]
    two = (before[:, :-1] + after[:, 1:]).max(axis=1)
    return float((two - before[:, -1]).max())
