"""Does the interval of a latency percentile hold what it promises, where the calls of a process are alike?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from latency_worlds import BASE_MS, autocorrelated, heavy_tails, neighbour, skewed, tails_of_their_own
from scipy import stats

from xbench.stats.percentiles import percentile_interval, required_samples, supported_percentile

PROCESS = 0.01


def latencies(world, seed, repetitions, processes, calls, spread=PROCESS):
    """In ms, as (repetitions, processes, calls)."""
    generator = np.random.default_rng(seed)
    shape = (repetitions, processes, calls)
    return BASE_MS * np.exp(generator.normal(0, spread, (*shape[:2], 1)) + world(generator, shape))


def truth(world, percentile, spread=PROCESS):
    return np.quantile(latencies(world, 999, 1, 3000, 500, spread), percentile)


def found(world, percentile, processes, calls, spread=PROCESS, repetitions=300):
    runs = latencies(world, 51, repetitions, processes, calls, spread)
    return [percentile_interval(list(run), percentile) for run in runs]


@pytest.mark.parametrize(
    ("percentile", "processes", "calls"),
    [(0.5, 6, 50), (0.9, 6, 200), (0.9, 12, 64), (0.99, 6, 662), (0.99, 12, 662)],
)
@pytest.mark.parametrize("world", [skewed, autocorrelated, heavy_tails, tails_of_their_own, neighbour])
def test_covers(world, percentile, processes, calls):
    true = truth(world, percentile)
    intervals = found(world, percentile, processes, calls)
    given = [one for one in intervals if one is not None]
    covered = np.mean([one.low <= true <= one.high for one in given])
    print(f"coverage: p{100 * percentile:g} {world.__name__} {processes}x{calls}: {covered:.3f} of {len(given)}")
    assert covered >= 0.93
    assert len(given) >= 0.75 * len(intervals)


@pytest.mark.parametrize("world", [skewed, heavy_tails, tails_of_their_own, neighbour])
def test_covers_with_just_enough_samples_for_p99(world):
    """56 calls a process cannot have a p99 of their own; together they have one."""
    true = truth(world, 0.99)
    given = [one for one in found(world, 0.99, 12, 56, repetitions=500) if one is not None]
    assert np.mean([one.low <= true <= one.high for one in given]) >= 0.93
    assert len(given) >= 0.75 * 500


def test_says_nothing_where_the_slowest_calls_are_those_of_one_process():
    """The p99 of processes that differ by more than their calls is not to be had from a dozen of them."""
    apart = found(lambda generator, shape: skewed(generator, shape) / 10, 0.99, 12, 200, spread=0.05)
    assert np.mean([one is None for one in apart]) >= 0.9
    assert found(lambda generator, shape: skewed(generator, shape) / 10, 0.5, 12, 200, spread=0.05)[0] is not None


def test_pooled_calls_would_not_cover():
    """Why the processes are asked at all: the textbook interval on the same world."""
    true = truth(autocorrelated, 0.9)
    pooled = np.sort(latencies(autocorrelated, 51, 300, 12, 64).reshape(300, -1), axis=1)
    low, high = stats.binom.ppf((0.025, 0.975), pooled.shape[1], 0.9).astype(int)
    assert np.mean((pooled[:, low - 1] <= true) & (true <= pooled[:, high])) < 0.6


def test_where_calls_are_independent_it_is_little_wider_than_the_binomial_interval():
    runs = latencies(skewed, 52, 40, 12, 400, spread=0.0)
    ours, theirs = [], []
    for run in runs:
        one = percentile_interval(list(run), 0.9)
        other = stats.quantile_test(run.ravel(), p=0.9).confidence_interval(0.95)
        ours.append(one.high - one.low)
        theirs.append(other.high - other.low)
    assert 1.0 < np.mean(ours) / np.mean(theirs) < 1.4


def test_the_point_is_what_is_shown_and_lies_inside():
    run = list(latencies(neighbour, 53, 1, 8, 100)[0])
    for percentile in (0.5, 0.9, 0.99):
        one = percentile_interval(run, percentile)
        assert one.point == supported_percentile(np.concatenate(run), percentile).value
        assert one.low <= one.point <= one.high
    assert "800 calls, 8 processes" in one.method


def test_hand_calculation():
    """Three processes of 1, e and e**2 ms; t of one degree of freedom at 75 % is 1.

    Sectioning: logarithms -1, 0 and 1 about the pooled one, sqrt(2 / 2 / 3) = 0.577. The jackknife: 1, 0 and 0
    are left, sqrt(2 * 2 / 9) = 0.667, and rules.
    """
    one = percentile_interval([np.full(5, math.exp(power)) for power in (0, 1, 2)], 0.5, confidence=0.5)
    assert one.point == pytest.approx(math.e)
    assert math.log(one.high) == pytest.approx(1 + 2 / 3)
    assert one.low * one.high == pytest.approx(one.point**2)


def test_the_unit_does_not_matter():
    run = latencies(skewed, 54, 1, 6, 64)[0]
    ms, ns = percentile_interval(list(run), 0.9), percentile_interval(list(run * 1e6), 0.9)
    assert (ns.low, ns.high) == (pytest.approx(1e6 * ms.low), pytest.approx(1e6 * ms.high))


def test_nothing_below_the_floor_or_from_two_processes():
    needed = required_samples(0.9)
    calls = np.linspace(1, 2, needed)
    assert percentile_interval([calls[first::4] for first in range(4)], 0.9) is not None
    assert percentile_interval([calls[first:-1:4] for first in range(4)], 0.9) is None
    assert percentile_interval([calls, calls], 0.9) is None
    assert percentile_interval([], 0.9) is None


@pytest.mark.parametrize("broken", [[0.0, 1.0], [-1.0, 1.0], [math.nan], []])
def test_broken_latencies_are_refused(broken):
    with pytest.raises(ValueError):
        percentile_interval([np.ones(40), np.ones(40), np.array(broken)], 0.9)


def test_shares_in_per_cent_are_refused():
    with pytest.raises(ValueError, match="confidence"):
        percentile_interval([np.ones(40)] * 3, 0.9, confidence=95)
    with pytest.raises(ValueError, match="percentile"):
        percentile_interval([np.ones(40)] * 3, 90)
