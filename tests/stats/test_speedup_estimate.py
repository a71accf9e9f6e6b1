"""Does the interval of a speedup hold what it promises, in worlds whose truth is known?"""

from __future__ import annotations

import math
import time

import numpy as np
import pytest
import speed_scenarios as worlds

from xbench.records.estimate import Estimate
from xbench.stats.ratio import speedup_estimate
from xbench.stats.stopping import enough

RESAMPLES = 50
"""Fewer than the default: they only feed the floor of the width, and the simulations must be quick."""

TRUTH = math.log(worlds.TRUE_SPEEDUP)


def covers(estimate: Estimate) -> bool:
    return estimate.low <= worlds.TRUE_SPEEDUP <= estimate.high


@pytest.mark.parametrize(("sets", "rounds"), [(5, 6), (5, 20), (8, 6), (8, 20)])
@pytest.mark.parametrize("world", worlds.ALL)
def test_covers_with_a_fixed_number_of_sets(world, sets, rounds):
    runs = TRUTH + world(np.random.default_rng(11), 500, sets, rounds)
    covered = np.mean([covers(speedup_estimate(list(run), resamples=RESAMPLES)) for run in runs])
    print(f"coverage: {world.__name__} {sets}x{rounds}: {covered:.3f}")
    assert covered >= 0.93


def measure_until_precise(run, precision=0.01, fewest=5):
    for sets in range(fewest, len(run) + 1):
        estimate = speedup_estimate(list(run[:sets]), resamples=RESAMPLES)
        if enough([estimate], precision):
            break
    return estimate


@pytest.mark.parametrize("rounds", [6, 15])
@pytest.mark.parametrize("world", worlds.ALL)
def test_covers_with_the_stop_in_the_loop(world, rounds):
    # The scatter between sets is where the stop bites: 93.9 % by 20,000 repetitions of the normal model.
    # It gets the repetitions that tell that from less than 93 %.
    repetitions = 2000 if "process" in world.__name__ else 400
    runs = TRUTH + world(np.random.default_rng(12), repetitions, 12, rounds)
    covered = np.mean([covers(measure_until_precise(run)) for run in runs])
    print(f"coverage: {world.__name__} stop x{rounds}: {covered:.4f}")
    assert covered >= 0.93


def test_covers_with_two_and_three_sets():
    for sets in (2, 3):
        runs = TRUTH + worlds.process_effects(np.random.default_rng(13), 500, sets, 6)
        covered = np.mean([covers(speedup_estimate(list(run), resamples=RESAMPLES)) for run in runs])
        assert covered >= 0.93


def test_a_plain_percentile_bootstrap_of_five_sets_would_not_cover():
    """Why there is a t quantile at all: the textbook method on the same worlds."""
    generator = np.random.default_rng(14)
    medians = np.median(worlds.process_effects(generator, 500, 5, 20), axis=2)
    drawn = np.take_along_axis(medians[:, None, :], generator.integers(0, 5, (500, 300, 5)), axis=2).mean(axis=2)
    low, high = np.quantile(drawn, (0.025, 0.975), axis=1)
    assert np.mean((low <= 0) & (high >= 0)) < 0.90


def test_median_is_narrower_than_the_mean_beside_a_neighbour_and_costs_little_when_calm():
    generator = np.random.default_rng(15)
    noisy = worlds.neighbour(generator, 300, 8, 20, share=0.1)
    calm = worlds.iid(generator, 300, 8, 20)

    def scatter(centres):
        return np.median(np.std(centres, axis=1, ddof=1))

    assert scatter(np.median(noisy, axis=2)) < 0.5 * scatter(noisy.mean(axis=2))
    assert scatter(np.median(calm, axis=2)) < 1.35 * scatter(calm.mean(axis=2))


def test_hand_calculation():
    """Three sets that agree within: s**2 rules, one degree of freedom, t = 12.706."""
    estimate = speedup_estimate([np.full(4, value) for value in (0.1, 0.2, 0.3)])
    assert estimate.point == pytest.approx(math.exp(0.2))
    assert estimate.high == pytest.approx(math.exp(0.2 + 12.7062047 * 0.1 / math.sqrt(3)))
    assert estimate.low * estimate.high == pytest.approx(estimate.point**2)
    assert "3 process sets" in estimate.method


def test_sets_that_agree_by_luck_do_not_make_a_narrow_interval():
    rounds = np.array([-0.1, -0.05, 0.0, 0.05, 0.1])
    assert speedup_estimate([rounds] * 5).relative_half_width > 0.02


def test_swapping_the_sides_inverts_the_estimate():
    run = worlds.process_effects(np.random.default_rng(16), 1, 6, 9)[0]
    there, back = speedup_estimate(list(run)), speedup_estimate(list(-run))
    assert there.point == pytest.approx(1 / back.point)
    assert there.low == pytest.approx(1 / back.high, rel=1e-9)


def test_wider_with_more_confidence_and_the_same_each_time():
    run = list(worlds.iid(np.random.default_rng(17), 1, 5, 6)[0])
    assert speedup_estimate(run, seed=3) == speedup_estimate(run, seed=3)
    wide, narrow = speedup_estimate(run, confidence=0.99), speedup_estimate(run, confidence=0.9)
    assert wide.low < narrow.low < narrow.point < narrow.high < wide.high


def test_sets_may_differ_in_length():
    estimate = speedup_estimate([np.array([0.0, 0.1]), np.array([0.1, 0.2, 0.3]), np.zeros(7)])
    assert estimate.point == pytest.approx(math.exp(0.25 / 3))


@pytest.mark.parametrize(
    ("sets", "message"),
    [
        ([], "0 process set"),
        ([np.zeros(5)], "1 process set"),
        ([np.zeros(5), np.zeros(1)], "1 round"),
        ([np.zeros(5), np.zeros(0)], "shape"),
        ([np.zeros(5), np.array([0.0, np.nan])], "not finite"),
        ([np.zeros(5), np.array([0.0, np.inf])], "not finite"),
        ([np.zeros((2, 2)), np.zeros(4)], "shape"),
    ],
)
def test_too_little_or_broken_is_refused(sets, message):
    with pytest.raises(ValueError, match=message):
        speedup_estimate(sets)


def test_a_confidence_in_per_cent_is_refused():
    with pytest.raises(ValueError, match="confidence"):
        speedup_estimate([np.zeros(5)] * 3, confidence=95)


def test_is_quick():
    run = list(worlds.iid(np.random.default_rng(18), 1, 8, 20)[0])
    begun = time.process_time()
    for _ in range(5):
        speedup_estimate(run)
    assert (time.process_time() - begun) / 5 < 0.05
