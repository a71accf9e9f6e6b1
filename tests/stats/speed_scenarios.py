"""Worlds with a known truth: log ratios of interleaved blocks, as (repetitions, process sets, rounds)."""

from __future__ import annotations

import numpy as np

TRUE_SPEEDUP = 1.3
NOISE = 0.01


def both_sides(generator, shape, scale):
    """The log ratio of two sides that vary alike."""
    return generator.normal(0, scale * np.sqrt(2), shape)


def iid(generator, repetitions, sets, rounds):
    return both_sides(generator, (repetitions, sets, rounds), NOISE)


def process_effects(generator, repetitions, sets, rounds):
    shape = (repetitions, sets, rounds)
    return both_sides(generator, (*shape[:2], 1), 0.01) + both_sides(generator, shape, NOISE)


def nearly_only_process_effects(generator, repetitions, sets, rounds):
    """The hardest for a stop by precision: nothing but the sets' own scatter, of the size asked for."""
    shape = (repetitions, sets, rounds)
    return both_sides(generator, (*shape[:2], 1), 0.01) + both_sides(generator, shape, 0.001)


def autocorrelated(generator, repetitions, sets, rounds, rho=0.7):
    steps = both_sides(generator, (repetitions, sets, rounds), NOISE)
    series = steps.copy()
    for now in range(1, rounds):
        series[:, :, now] = rho * series[:, :, now - 1] + np.sqrt(1 - rho**2) * steps[:, :, now]
    return series + both_sides(generator, (repetitions, sets, 1), 0.003)


def heavy_tails(generator, repetitions, sets, rounds):
    shape = (repetitions, sets, rounds)
    noise = generator.standard_t(3, shape) - generator.standard_t(3, shape)
    return NOISE * noise + both_sides(generator, (*shape[:2], 1), 0.003)


def neighbour(generator, repetitions, sets, rounds, share=0.3, length=4):
    """Someone slows one side 1.5 times, in bursts of `length` rounds on average, `share` of all rounds."""
    shape = (repetitions, sets, rounds)
    end = 1 / length
    begin = share * end / (1 - share)
    here = generator.random(shape[:2]) < share
    slowed = np.where(generator.random(shape[:2]) < 0.5, 1, -1)
    burst = np.empty(shape)
    for now in range(rounds):
        burst[:, :, now] = here * slowed
        chance = generator.random(shape[:2])
        comes = ~here & (chance < begin)
        slowed = np.where(comes, np.where(generator.random(shape[:2]) < 0.5, 1, -1), slowed)
        here = np.where(here, chance > end, comes)
    calm = both_sides(generator, shape, NOISE) + both_sides(generator, (*shape[:2], 1), 0.003)
    return calm + burst * np.log(1.5)


def drift(generator, repetitions, sets, rounds):
    """All gets 5 % slower over the run; which side goes first is drawn for each round."""
    shape = (repetitions, sets, rounds)
    one_block = 0.05 / (2 * sets * rounds)
    order = np.where(generator.random(shape) < 0.5, 1, -1)
    calm = both_sides(generator, shape, NOISE) + both_sides(generator, (*shape[:2], 1), 0.003)
    return calm + order * one_block


ALL = (iid, process_effects, nearly_only_process_effects, autocorrelated, heavy_tails, neighbour, drift)
