"""Does the interval of a ratio of percentiles hold what it promises, where sets drift and calls are alike?"""

from __future__ import annotations

import math

import numpy as np
import pytest
from latency_worlds import BASE_MS, autocorrelated, heavy_tails, neighbour, skewed, tails_of_their_own
from scipy import stats

from xbench.stats.percentile_ratio import percentile_ratio
from xbench.stats.percentiles import percentile_interval, required_samples

TRUE_RATIO = 0.7


def both(world, seed, repetitions, sets, calls, drift):
    """Latencies in ms of both, as (repetitions, sets, calls): each set is slowed as a whole by some `drift`."""
    generator = np.random.default_rng(seed)
    whole = np.exp(generator.normal(0, drift, (repetitions, sets, 1)))

    def one():
        process = generator.normal(0, 0.01, (repetitions, sets, 1))
        return BASE_MS * whole * np.exp(process + world(generator, (repetitions, sets, calls)))

    return one(), TRUE_RATIO * one()


def found(world, percentile, sets, calls, drift, repetitions=150):
    pairs = zip(*both(world, 61, repetitions, sets, calls, drift), strict=True)
    return [percentile_ratio(list(base), list(candidate), percentile) for base, candidate in pairs]


@pytest.mark.parametrize(
    ("percentile", "sets", "calls", "drift"), [(0.9, 12, 64, 0.0), (0.9, 6, 64, 0.05), (0.99, 6, 400, 0.02)]
)
@pytest.mark.parametrize("world", [skewed, heavy_tails, tails_of_their_own, neighbour])
def test_covers(world, percentile, sets, calls, drift):
    given = [one for one in found(world, percentile, sets, calls, drift) if one is not None]
    covered = np.mean([one.low <= TRUE_RATIO <= one.high for one in given])
    print(f"coverage: p{100 * percentile:g} {world.__name__} {sets}x{calls}: {covered:.3f} of {len(given)}")
    assert covered >= 0.93
    assert len(given) >= 35


@pytest.mark.parametrize(("percentile", "sets", "calls"), [(0.9, 12, 64), (0.99, 6, 662)])
def test_covers_where_calls_are_alike(percentile, sets, calls):
    given = [one for one in found(autocorrelated, percentile, sets, calls, drift=0.0) if one is not None]
    assert np.mean([one.low <= TRUE_RATIO <= one.high for one in given]) >= 0.93
    assert len(given) >= 75


def test_what_slows_a_whole_set_cancels():
    """Two intervals apart, joined in quadrature, would be several times as wide."""
    base, candidate = (list(one[0]) for one in both(skewed, 62, 1, 12, 200, drift=0.05))
    paired = percentile_ratio(base, candidate, 0.9)
    apart = [percentile_interval(one, 0.9) for one in (base, candidate)]
    unpaired = math.hypot(*(math.log(one.high / one.point) for one in apart))
    assert math.log(paired.high / paired.point) < unpaired / 2


def test_hand_calculation():
    """p50 of three sets of equal calls: dense 1, e, e**2 ms; the candidate twice, e times and once as slow.

    The pooled medians are e and e**2, the ratio is e. The logarithms of the sets' own are ln 2, 1 and 0 about 1:
    sectioning gives sqrt(((1 - ln 2)**2 + 1) / 2 / 3) = 0.4269. Without each set in turn the nearest ranks of both
    are e, 1, 1 and e**2, 2, 2: ratios of e, 2, 2 (logarithms 1, ln 2, ln 2), and the jackknife gives
    sqrt(2 * 2 / 9) * (1 - ln 2) = 0.2046. t of one degree of freedom at 75 % is 1.
    """
    dense = [np.full(5, math.exp(power)) for power in (0, 1, 2)]
    pruned = [dense[0] * 2, dense[1] * math.e, dense[2]]
    one = percentile_ratio(dense, pruned, 0.5, confidence=0.5)
    assert one.point == pytest.approx(math.e)
    assert math.log(one.high) == pytest.approx(1 + math.sqrt(((1 - math.log(2)) ** 2 + 1) / 6))
    assert one.low * one.high == pytest.approx(one.point**2)


def test_t_is_that_of_two_fewer_than_the_sets():
    base, candidate = (list(one[0]) for one in both(skewed, 63, 1, 7, 100, drift=0.0))
    widths = [
        math.log(one.high / one.low) for one in (percentile_ratio(base, candidate, 0.9, at) for at in (0.9, 0.99))
    ]
    assert widths[1] / widths[0] == pytest.approx(stats.t.ppf(0.995, 5) / stats.t.ppf(0.95, 5))


def test_none_where_either_has_no_interval():
    enough = np.linspace(1, 2, required_samples(0.9))
    whole, short = [enough[first::4] for first in range(4)], [enough[first:-1:4] for first in range(4)]
    assert percentile_ratio(whole, whole, 0.9).point == 1
    assert percentile_ratio(whole, short, 0.9) is None
    assert percentile_ratio(short, whole, 0.9) is None
    assert percentile_ratio([], [], 0.9) is None
    with pytest.raises(ValueError, match="in pairs"):
        percentile_ratio(whole, whole[:3], 0.9)
