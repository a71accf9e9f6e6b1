"""One figure of each process set: peaks of memory, and quotients of what was measured in two runs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from xbench.records.estimate import Estimate
from xbench.stats.freedom import degrees_of_freedom
from xbench.stats.over_sets import over_sets
from xbench.stats.peaks import peak_estimate, peak_ratio
from xbench.stats.quotients import quotient


def estimate(point, low, high, confidence=0.95):
    return Estimate(point=point, low=low, high=high, confidence=confidence, method="by hand")


def test_peaks_have_students_interval_on_the_log_scale():
    peaks = [101.0, 99.5, 104.0, 100.0]
    one = peak_estimate(peaks, 0.9)
    logs = np.log(peaks)
    low, high = stats.t.interval(0.9, 3, logs.mean(), stats.sem(logs))
    assert (one.point, one.low, one.high) == pytest.approx(tuple(np.exp([logs.mean(), low, high])))
    ratio = peak_ratio([200.0, 201.0, 199.0, 205.0], peaks)
    logs = np.log(np.array(peaks) / [200.0, 201.0, 199.0, 205.0])
    assert ratio.low == pytest.approx(math.exp(stats.t.interval(0.95, 3, logs.mean(), stats.sem(logs))[0]))


def test_figures_that_are_all_the_same_come_out_as_they_are():
    """exp(ln 143.7) is not 143.7, and a gate at that very bound would not hold."""
    one = peak_estimate([143.7] * 6)
    assert (one.low, one.point, one.high) == (143.7, 143.7, 143.7)
    assert peak_ratio([100.0, 110.0], [50.0, 55.0]).high == 0.5
    wide = over_sets([2.0, 2.0], 0.95, 1, widening=0.1)
    assert (wide.low, wide.high) == (pytest.approx(2 * math.exp(-0.1)), pytest.approx(2 * math.exp(0.1)))


@pytest.mark.parametrize("broken", [[], [1.0], [1.0, 0.0], [1.0, -1.0], [1.0, math.nan]])
def test_too_little_and_nothing_are_refused(broken):
    with pytest.raises(ValueError):
        peak_estimate(broken)
    with pytest.raises(ValueError):
        peak_ratio(broken, [1.0] * len(broken))


def test_peaks_come_in_pairs():
    with pytest.raises(ValueError, match="in pairs"):
        peak_ratio([1.0, 2.0], [1.0])


def test_a_quotient_adds_the_logarithms_in_quadrature():
    one = quotient(estimate(2.0, 2 / 1.03, 2 * 1.03), estimate(1.6, 1.6 / 1.04, 1.6 * 1.04))
    half = math.hypot(math.log(1.03), math.log(1.04))
    assert one.point == pytest.approx(1.25)
    assert (math.log(one.high / 1.25), math.log(1.25 / one.low)) == (pytest.approx(half), pytest.approx(half))
    known = quotient(estimate(2.0, 1.9, 2.2), estimate(1.0, 1.0, 1.0))
    assert (known.low, known.high) == (pytest.approx(1.9), pytest.approx(2.2))


def test_the_far_end_of_one_meets_the_near_end_of_the_other():
    one = quotient(estimate(1.0, 0.9, 1.0), estimate(1.0, 1.0, 1.2))
    assert one.high == 1.0
    assert math.log(one.low) == pytest.approx(-math.hypot(math.log(0.9), math.log(1.2)))


@pytest.mark.parametrize(("first", "second"), [(2, 6), (3, 3), (3, 12), (6, 6), (12, 3), (12, 12)])
@pytest.mark.parametrize("spread", [1, 4])
def test_a_quotient_covers_where_few_sets_know_their_own_scatter_badly(first, second, spread):
    """The problem of Behrens and Fisher; Welch's interval covers 92.7 % of these at worst."""
    generator = np.random.default_rng(71)
    covered = []
    for _ in range(1500):
        ends = []
        for count, scatter in ((first, 1), (second, spread)):
            drawn = np.exp(generator.normal(0.3, 0.01 * scatter, count))
            ends.append(over_sets(drawn, 0.95, degrees_of_freedom(count)))
        one = quotient(*ends)
        covered.append(one.low <= 1 <= one.high)
    print(f"coverage: quotient {first} {second} x{spread}: {np.mean(covered):.3f}")
    assert np.mean(covered) >= 0.94


@pytest.mark.parametrize(
    ("above", "below"),
    [
        (estimate(1, 0.9, 1.1), estimate(1, 0.9, 1.1, confidence=0.99)),
        (estimate(1, 0.0, 1.1), estimate(1, 0.9, 1.1)),
        (estimate(1, 0.9, 1.1), estimate(1, 0.9, math.inf)),
        (estimate(1, 1.05, 1.1), estimate(1, 0.9, 1.1)),
    ],
)
def test_intervals_that_cannot_be_joined_are_refused(above, below):
    with pytest.raises(ValueError):
        quotient(above, below)
