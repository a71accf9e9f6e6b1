"""Worlds with a known truth: log ratios of interleaved blocks, as (repetitions, process sets, rounds).

The second half are worlds of three sides in the same rounds, a baseline, its copy and a candidate that is the same
once more: log times, as (3, repetitions, process sets, rounds).
"""

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


def three_calm(generator, repetitions, sets, rounds, process=0.002):
    shape = (3, repetitions, sets, rounds)
    return generator.normal(0, process, (*shape[:3], 1)) + generator.normal(0, NOISE, shape)


def three_autocorrelated(generator, repetitions, sets, rounds, rho=0.9):
    shape = (3, repetitions, sets, rounds)
    steps = generator.normal(0, NOISE, shape)
    series = steps.copy()
    for now in range(1, rounds):
        series[..., now] = rho * series[..., now - 1] + np.sqrt(1 - rho**2) * steps[..., now]
    return series + generator.normal(0, 0.002, (*shape[:3], 1))


def three_heavy_tails(generator, repetitions, sets, rounds):
    shape = (3, repetitions, sets, rounds)
    return NOISE * generator.standard_t(3, shape) + generator.normal(0, 0.002, (*shape[:3], 1))


def begun(generator, repetitions, sets, rounds):
    """When each block begins, in blocks since the run began: the order of the three is drawn for each round."""
    order = generator.random((3, repetitions, sets, rounds)).argsort(axis=0).argsort(axis=0)
    return order + 3 * np.arange(sets * rounds).reshape(sets, rounds)


def three_drift(generator, repetitions, sets, rounds):
    """All gets 5 % slower over the run."""
    done = begun(generator, repetitions, sets, rounds) / (3 * sets * rounds)
    return three_calm(generator, repetitions, sets, rounds) + 0.05 * done


def three_on_and_off(generator, repetitions, sets, rounds, set_seconds=2.5):
    """A neighbour takes a core for 5 s and leaves it for 5 s: all are slowed 1.5 times and scatter thrice as much.

    A block that it comes or goes in is slowed by its share, and the others of its round by all or nothing.
    """
    block = set_seconds / (3 * rounds)
    since = block * begun(generator, repetitions, sets, rounds) + generator.uniform(0, 10, (repetitions, 1, 1))

    def seconds_on(until):
        return 5 * (until // 10) + np.minimum(until % 10, 5)

    on = (seconds_on(since + block) - seconds_on(since)) / block
    noise = generator.normal(0, NOISE, since.shape) * (1 + 2 * on)
    return generator.normal(0, 0.002, (*since.shape[:3], 1)) + noise + np.log1p(on / 2)


def three_disturbed(generator, repetitions, sets, rounds):
    """A neighbour slows one side 1.5 times, in bursts, and each of them some 10 % of the time."""
    bursts = [neighbour(generator, repetitions, sets, rounds, share=0.1) for _ in range(3)]
    return three_calm(generator, repetitions, sets, rounds) + np.maximum(np.stack(bursts), 0)


THREE = (three_calm, three_autocorrelated, three_heavy_tails, three_drift, three_on_and_off, three_disturbed)
