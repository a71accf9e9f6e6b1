"""Refusals that the functions of this package share."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]


def finite_vector(values: ArrayLike, what: str) -> Floats:
    """`values` as a one-dimensional array of floats; ValueError if it is not one, is empty or holds NaN."""
    vector = np.asarray(values, dtype=np.float64)
    if vector.ndim != 1 or vector.size == 0:
        raise ValueError(f"{what} must be a list of numbers, not an array of shape {vector.shape}")
    if not np.isfinite(vector).all():
        raise ValueError(f"{what} hold a number that is not finite")
    return vector


def open_share(value: float, what: str) -> float:
    """`value` if it lies strictly between 0 and 1; ValueError otherwise, so that 95 is not taken for 0.95."""
    if not 0.0 < value < 1.0:
        raise ValueError(f"{what} must lie between 0 and 1, both excluded, not {value}")
    return value
