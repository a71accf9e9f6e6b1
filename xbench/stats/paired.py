"""How much worse a candidate is than the baseline on the same evaluation samples, and whether that may be."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import optimize, special

from ..records.estimate import Estimate, GateOutcome
from .checks import Floats, finite_vector, open_share

_CHUNK = 4_000_000  # numbers drawn at a time: 32 MB of indices, whatever the number of samples


def tango_interval(only_baseline_right: int, only_candidate_right: int, n: int, confidence: float = 0.95) -> Estimate:
    """The drop in accuracy, p_baseline - p_candidate (a share; above 0 is worse), from paired outcomes.

    `n` counts all samples, also those that both got right or both wrong. The interval is two-sided: a
    one-sided test at 95 % looks at the upper end of `confidence=0.90`.

    It is the score interval of Tango (1998), Statistics in Medicine 17:891-908: all d with
    |b - c - n d| <= z sqrt(n (2 q + d (1 - d))), where q is the maximum-likelihood estimate of the share
    that only the candidate got right, given the difference d. It holds where Wald's interval collapses:
    with no discordant pairs it is +- z**2 / (n + z**2), not +- 0.

    Raises ValueError for counts that cannot be and a confidence that is not strictly between 0 and 1.
    """
    b, c = only_baseline_right, only_candidate_right
    if n < 1 or b < 0 or c < 0 or b + c > n:
        raise ValueError(f"{b} and {c} discordant pairs of {n} samples cannot be")
    z = float(special.ndtri(0.5 + open_share(confidence, "confidence") / 2))
    return Estimate(
        point=(b - c) / n,
        low=_tango_low(b, c, n, z),
        high=-_tango_low(c, b, n, z),
        confidence=confidence,
        method=f"Tango score interval, {b} + {c} discordant of {n} pairs",
    )


def _tango_low(b: int, c: int, n: int, z: float) -> float:
    """The d below (b - c) / n at which the score statistic is z. Swapping b and c mirrors the interval."""
    if b + c == 0:
        return -z * z / (n + z * z)
    if c == n:
        return -1.0
    if b == n:  # the statistic is sqrt(n (1 - d) / (1 + d)), and 0 / 0 at the point itself
        return (n - z * z) / (n + z * z)

    def excess(d: float) -> float:
        return b - c - n * d - z * math.sqrt(max(_tango_variance(b, c, n, d), 0.0))

    return float(optimize.brentq(excess, -1.0, (b - c) / n, xtol=1e-14))


def _tango_variance(b: int, c: int, n: int, d: float) -> float:
    """The variance of b - c if the difference is d: n (2 q + d (1 - d))."""
    half = -b - c + (2 * n - b + c) * d
    root = math.sqrt(max(half * half + 8 * n * c * d * (1 - d), 0.0))
    q = (root - half) / (4 * n)
    return n * (2 * q + d * (1 - d))


def paired_bootstrap(
    baseline: ArrayLike,
    candidate: ArrayLike,
    confidence: float = 0.95,
    seed: int = 0,
    resamples: int = 10_000,
    span: float = 1.0,
) -> Estimate:
    """The drop of a per-sample metric, mean(baseline - candidate), in the metric's unit (above 0 is worse).

    Higher values must be better. The interval is two-sided: a one-sided test at 95 % looks at the upper
    end of `confidence=0.90`. `span` is the largest difference that one sample can make: 1 for accuracy,
    recall, reciprocal rank and all else between 0 and 1; if a larger one was seen, that one is taken.

    Pruning changes few samples, and a bootstrap knows only the changes that it saw: with 5 % of 100
    samples changed, a nominal 95 % interval of reciprocal ranks covers 88.7 % (percentile), 88.7 % (BCa)
    and 91.4 % (studentised), with 2 % changed 60 %, and what it misses lies above it: a false pass.
    So two samples of + span and two of - span are added before resampling, as Agresti and Coull (1998), The
    American Statistician 52:119-126, add two successes and two failures; and `ends` corrects for few
    and skewed changes. Where no change was seen, the upper end of a 90 % interval is then 3 spans by the number of
    samples, which is the rule of three (Hanley and Lippman-Hand 1983, JAMA 249:1743-1745). The point is the plain
    mean. docs/quality-statistics.md has the coverage.

    Raises ValueError for arrays that differ in length, hold fewer than 2 samples or are not finite.
    """
    drops = paired_drops(baseline, candidate)
    open_share(confidence, "confidence")
    if resamples < 2 or not 0 < span < math.inf:
        raise ValueError(f"resamples ({resamples}) must be at least 2, span ({span}) positive and finite")
    widest = max(span, float(np.abs(drops).max()))
    point = float(drops.mean())
    low, high = mean_ends(drops, (-widest, widest), confidence, seed, resamples)
    return Estimate(
        point=point,
        low=max(min(low, point), -widest),
        high=min(max(high, point), widest),
        confidence=confidence,
        method=f"bootstrap of {drops.size} pairs and four added ones, corrected percentiles, {resamples} resamples",
    )


def mean_ends(
    values: Floats, extremes: tuple[float, float], confidence: float, seed: int, resamples: int
) -> tuple[float, float]:
    """The interval of the mean of `values`, with two added values at each of the extremes, which leave its centre."""
    added = np.append(values, extremes * 2)
    means = bootstrap_means(added, seed, resamples) + (values.mean() - added.mean())
    return ends(means, values.size, confidence)


def ends(resampled: Floats, count: int, confidence: float) -> tuple[float, float]:
    """The two ends of an interval out of the values of resamples of `count` examples: which percentiles to take.

    Expanded for small n, where a bootstrap lies too close by sqrt((n - 1) / n) and by the difference of a normal and
    a t quantile (Hesterberg 2015, The American Statistician 69:371-386); and moved for skewness, as BCa moves them
    (Efron 1987, JASA 82:171-185) with both of its constants at a sixth of the skewness, which they are for a mean.
    """
    z = math.sqrt(count / (count - 1)) * float(special.stdtrit(count - 1, 0.5 + confidence / 2))
    deviations = resampled - resampled.mean()
    variance = float(np.mean(deviations**2))
    skewness = float(np.mean(deviations**3)) / variance**1.5 if variance > 0 else 0.0
    most = 0.5 / z  # so that 1 - a (a + z) stays above 0, also for the large z of few examples
    a = max(-most, min(most, skewness / 6))
    shares = [float(special.ndtr(a + (a + one) / (1 - a * (a + one)))) for one in (-z, z)]
    low, high = np.quantile(resampled, shares)
    return float(low), float(high)


def paired_drops(baseline: ArrayLike, candidate: ArrayLike, least: int = 2) -> Floats:
    """How much less each sample scores with the candidate; ValueError for what cannot be paired or too few."""
    first, second = finite_vector(baseline, "baseline values"), finite_vector(candidate, "candidate values")
    if first.size != second.size:
        raise ValueError(f"{first.size} baseline and {second.size} candidate values cannot be paired")
    if first.size < least:
        raise ValueError(f"{first.size} pair: an interval needs at least {least}")
    return first - second


def bootstrap_means(values: Floats, seed: int, resamples: int) -> Floats:
    """The means of `resamples` samples drawn with replacement, in chunks that fit into memory.

    Where few values differ, as where most examples did not change, it draws how often each of them comes, which
    is the same and far quicker.
    """
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    distinct, counts = np.unique(values, return_counts=True)
    few = distinct.size * 4 <= values.size
    step = max(1, _CHUNK // (distinct.size if few else values.size))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        if few:
            drawn = generator.multinomial(values.size, counts / values.size, rows) @ distinct / values.size
        else:
            drawn = values[generator.integers(0, values.size, (rows, values.size))].mean(1)
        means[start : start + rows] = drawn
    return means


def samples_for_margin(discordant: float, margin: float, confidence: float = 0.95, power: float = 0.8) -> int:
    """How many samples a non-inferiority gate needs to pass a candidate that is truly as good.

    `discordant` is the share of samples on which exactly one of the two models is right, `margin` the
    drop that is allowed (both shares: 0.01 is one point); `confidence` is one-sided (0.95 goes with the
    90 % two-sided interval), `power` the chance to pass. n = (z_confidence + z_power)**2 discordant /
    margin**2, the paired-sample formula for no true difference (Liu, Hsueh, Hsieh and Chen 2002, Statistics
    in Medicine 21:231-245). With 5 % discordant pairs a margin of one point needs 3,092.

    Raises ValueError unless all four lie strictly between 0 and 1 (`discordant` may be 1).
    """
    if discordant != 1:
        open_share(discordant, "discordant")
    open_share(margin, "margin")
    z = special.ndtri(open_share(confidence, "confidence")) + special.ndtri(open_share(power, "power"))
    return math.ceil(float(z) ** 2 * discordant / margin**2)


def non_inferior(drop: Estimate, margin: float) -> GateOutcome:
    """Whether a drop (above 0 is worse) stays within `margin`, in the drop's own unit.

    pass: the upper end of the interval is at most the margin. fail: the lower end is above it.
    inconclusive: the margin lies inside. invalid: the interval is not finite. "Not significantly worse" is
    no pass. The confidence of `drop` is two-sided: a gate at one-sided 95 % takes a 90 % interval, and a
    95 % interval makes it a gate at 97.5 %.

    Raises ValueError if the margin is negative or not finite.
    """
    if not 0 <= margin < math.inf:
        raise ValueError(f"the margin must not be negative, and finite, not {margin}")
    if not (math.isfinite(drop.low) and math.isfinite(drop.high) and drop.low <= drop.high):
        return "invalid"
    if drop.high <= margin:
        return "pass"
    return "fail" if drop.low > margin else "inconclusive"
