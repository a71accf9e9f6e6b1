"""Worlds of calls within a process: logarithms of how much longer each takes than the fastest could."""

from __future__ import annotations

import math

import numpy as np

BASE_MS = 12.0


def skewed(generator, shape):
    return 0.05 * generator.exponential(1, shape)


def autocorrelated(generator, shape, rho=0.9):
    steps = generator.normal(0, 0.03, shape)
    series = steps.copy()
    for now in range(1, shape[-1]):
        series[..., now] = rho * series[..., now - 1] + math.sqrt(1 - rho**2) * steps[..., now]
    return series


def heavy_tails(generator, shape):
    return 0.02 * np.abs(generator.standard_t(3, shape))


def tails_of_their_own(generator, shape):
    return skewed(generator, shape) * np.exp(generator.normal(0, 0.2, (*shape[:-1], 1)))


def neighbour(generator, shape, share=0.3, length=10):
    """Slows calls 1.5 times, in bursts of `length` calls on average, `share` of all calls."""
    end = 1 / length
    begin = share * end / (1 - share)
    here = generator.random(shape[:-1]) < share
    slowed = np.empty(shape)
    for now in range(shape[-1]):
        slowed[..., now] = here
        chance = generator.random(shape[:-1])
        here = np.where(here, chance > end, chance < begin)
    return skewed(generator, shape) + slowed * math.log(1.5)
