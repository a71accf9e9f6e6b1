"""Percentiles: how many samples one needs, and what it is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special

from .checks import finite_vector, open_share

LOADGEN_CONFIDENCE = 0.99


class SupportedPercentile(NamedTuple):
    """A percentile in the unit of the samples, or None where `have` samples are fewer than `needed`."""

    value: float | None
    have: int
    needed: int


def required_samples(percentile: float, confidence: float = LOADGEN_CONFIDENCE) -> int:
    """The fewest samples that support a percentile (a share: 0.99 for p99). p90 needs 64, p99 662.

    The rule is that of MLPerf LoadGen for SingleStream (github.com/mlcommons/inference, loadgen/
    early_stopping.cc and results.cc: `MinPassingQueriesFinder` with one overlatency query, confidence 0.99,
    tolerance 0). It is the smallest h + 1 such that, if a share `percentile` of all queries were fast, at
    most one slow query in h + 1 would have a probability of at most 1 - confidence; the binomial sum is
    the regularised incomplete beta function I_percentile(h, 2). Below the median the tail is the lower
    one, and p10 needs what p90 needs.

    Raises ValueError if either argument is not strictly between 0 and 1.
    """
    open_share(percentile, "percentile")
    allowed = 1 - open_share(confidence, "confidence")
    share = max(percentile, 1 - percentile)
    enough = 1
    while special.betainc(enough, 2, share) > allowed:
        enough *= 2
    too_few = enough // 2
    while enough - too_few > 1:
        middle = (enough + too_few) // 2
        if special.betainc(middle, 2, share) > allowed:
            too_few = middle
        else:
            enough = middle
    return enough + 1


def supported_percentile(
    samples: ArrayLike, percentile: float, confidence: float = LOADGEN_CONFIDENCE
) -> SupportedPercentile:
    """The percentile (a share: 0.99 for p99) if there are samples enough for it, else None and the number.

    The value is one of the samples: the smallest that at least this share of them do not exceed (the
    nearest-rank definition, type 1 of Hyndman and Fan 1996, The American Statistician 50:361-365).
    No samples at all are too few, not an error. Raises ValueError for samples that are not finite and for
    shares that are not strictly between 0 and 1.
    """
    needed = required_samples(percentile, confidence)
    have = int(np.size(samples))
    if have < needed:
        return SupportedPercentile(None, have, needed)
    return SupportedPercentile(_nearest_rank(samples, percentile), have, needed)


def _nearest_rank(samples: ArrayLike, percentile: float) -> float:
    return float(np.quantile(finite_vector(samples, "samples"), percentile, method="inverted_cdf"))
