"""One speed or two: how often noise passes for two modes, and how often two modes are seen."""

from __future__ import annotations

import math

import numpy as np
import pytest

from xbench.stats.modes import critical_excess_mass, two_modes


def correlated(generator, count, kept=0.9, scale=0.03):
    steps = generator.normal(0, scale * math.sqrt(1 - kept**2), count)
    steps[0] = generator.normal(0, scale)
    return np.array(
        [*np.frompyfunc(lambda before, step: kept * before + step, 2, 1).accumulate(steps.astype(object))]
    )


ONE_MODE = {
    "normal": lambda g, n: g.normal(0, 0.05, n),
    "lognormal": lambda g, n: np.exp(g.normal(0, 0.5, n)),
    "t3": lambda g, n: 0.05 * g.standard_t(3, n),
    "uniform": lambda g, n: g.uniform(0, 0.3, n),
    "exponential": lambda g, n: g.exponential(0.1, n),
    "exponential tail": lambda g, n: g.normal(0, 0.02, n) + g.exponential(0.2, n),
    "a tenth slower": lambda g, n: g.normal(0, 0.02, n) + (g.random(n) < 0.1) * g.exponential(0.1, n),
    "autocorrelated": correlated,
}


def mixture(generator, count, share=0.3, apart=0.2, noise=0.02):
    return math.log1p(apart) * (generator.random(count) < share) + generator.normal(0, noise, count)


def share_of_two(make, repetitions):
    return np.mean([two_modes(np.exp(make())) is not None for _ in range(repetitions)])


@pytest.mark.parametrize("count", [20, 60, 300, 2000])
@pytest.mark.parametrize("name", ONE_MODE)
def test_one_mode_is_rarely_taken_for_two(name, count):
    generator = np.random.default_rng(51)
    repetitions = 300 if count < 2000 else 20
    alarms = share_of_two(lambda: ONE_MODE[name](generator, count).astype(float), repetitions)
    print(f"false_alarms: {name} {count}: {alarms:.4f}")
    assert alarms <= 0.02


@pytest.mark.parametrize(
    ("count", "share", "apart", "noise", "wanted"),
    [
        (20, 0.3, 0.2, 0.02, 0.8),
        (30, 0.3, 0.2, 0.02, 0.9),
        (60, 0.3, 0.2, 0.02, 0.97),
        (200, 0.3, 0.2, 0.02, 1.0),
        (200, 0.15, 0.2, 0.02, 0.95),
        (100, 0.5, 0.1, 0.02, 0.9),
        (500, 0.3, 0.1, 0.02, 0.9),
        (60, 0.3, 0.05, 0.005, 0.97),
    ],
)
def test_two_modes_are_seen(count, share, apart, noise, wanted):
    generator = np.random.default_rng(52)
    power = share_of_two(lambda: mixture(generator, count, share, apart, noise), 100)
    print(f"power: {count} values, {share} of them {apart} apart, noise {noise}: {power:.3f}")
    assert power >= wanted


def test_two_modes_are_seen_among_outliers_of_a_hundred_times():
    generator = np.random.default_rng(53)
    assert share_of_two(lambda: mixture(generator, 200) + math.log(100) * (generator.random(200) < 0.02), 100) >= 0.97


def test_the_levels_and_the_share_are_told_in_the_unit_of_the_values():
    generator = np.random.default_rng(54)
    found = two_modes(4e6 * np.exp(mixture(generator, 1000)))
    assert found.low == pytest.approx(4e6, rel=0.005)
    assert found.high == pytest.approx(4.8e6, rel=0.005)
    assert found.share_high == pytest.approx(0.3, abs=0.04)
    assert two_modes([1.0] * 30 + [2.0] * 10) == (1.0, 2.0, 0.25)


@pytest.mark.parametrize(
    "values",
    [
        [1.0] * 50,  # one level
        [1.0] * 50 + [2.0] * 5,  # less than 10 % are a tail
        [1.0] * 30 + [1.02] * 20,  # less than 3 % apart
        [1.0] * 10 + [2.0] * 9,  # fewer than 20
    ],
)
def test_what_is_too_little_for_two_modes(values):
    assert two_modes(values) is None


@pytest.mark.parametrize("values", [[], [0.0] * 30, [1.0, -1.0] * 15, [math.nan] * 30, np.ones((5, 5))])
def test_broken_values_are_refused(values):
    with pytest.raises(ValueError, match="values"):
        two_modes(values)


@pytest.mark.parametrize(
    ("count", "quantile"),
    # The 99 % quantiles of the dip, from the table qDiptab of the R package diptest (M. Maechler)
    [
        (20, 0.12062),
        (50, 0.08120),
        (100, 0.05902),
        (200, 0.04269),
        (1000, 0.01961),
        (10_000, 0.00628),
        (72_000, 0.002358),
    ],
)
def test_the_critical_value_is_that_of_the_published_table(count, quantile):
    """Excess mass is twice the dip (Mueller and Sawitzki 1991)."""
    assert critical_excess_mass(count) == pytest.approx(2 * quantile, rel=0.01)
