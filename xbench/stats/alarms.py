"""Alarms over many slices: p-values that are adjusted for how many were looked at."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from .checks import Floats, finite_vector


def holm(p_values: ArrayLike) -> Floats:
    """Adjusted p-values of Holm (1979), Scandinavian Journal of Statistics 6:65-70, in the order they came.

    Alarms below 5 % are all true with a chance of at least 95 %, however the tests depend on each other: the
    smallest of m is multiplied by m, the next by m - 1, and none is below the one before it.

    Raises ValueError for an empty list, and for a p-value that is not between 0 and 1.
    """
    p = _shares(p_values)
    order = np.argsort(p, kind="stable")
    factors = np.arange(p.size, 0, -1)
    return _put_back(order, np.maximum.accumulate(factors * p[order]))


def benjamini_hochberg(p_values: ArrayLike) -> Floats:
    """Adjusted p-values of Benjamini and Hochberg (1995), J. Royal Statistical Society B 57:289-300, in order.

    Of the alarms below 5 %, at most 5 % are false on average, for tests that are independent, or depend on each
    other positively as slices that overlap do. More alarms than `holm`, and a weaker promise.

    Raises ValueError for an empty list, and for a p-value that is not between 0 and 1.
    """
    p = _shares(p_values)
    order = np.argsort(p, kind="stable")
    raised = p.size / np.arange(1, p.size + 1) * p[order]
    return _put_back(order, np.minimum.accumulate(raised[::-1])[::-1])


def _shares(p_values: ArrayLike) -> Floats:
    p = finite_vector(p_values, "p-values")
    if p.min() < 0 or p.max() > 1:
        raise ValueError(f"p-values lie between 0 and 1, not from {p.min()} to {p.max()}")
    return p


def _put_back(order: NDArray[np.intp], adjusted: Floats) -> Floats:
    found = np.empty(adjusted.size)
    found[order] = np.minimum(adjusted, 1.0)
    return found
