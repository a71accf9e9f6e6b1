"""What is foretold of a larger budget, against runs that had it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import speed_scenarios as worlds
from scipy import stats

from xbench.records.estimate import Estimate
from xbench.stats.planning import half_width_after, seconds_to_settle, smallest_effect
from xbench.stats.ratio import speedup_estimate
from xbench.stats.verdict import decide, noise_floor

RESAMPLES = 50
MARGIN = 0.02


def around(centre: float, half_width: float) -> Estimate:
    """An interval on the log scale."""
    low, point, high = (math.exp(centre + sign * half_width) for sign in (-1, 0, 1))
    return Estimate(point=point, low=low, high=high, confidence=0.95, method="by hand")


def test_the_half_width_shrinks_like_t_over_the_root_of_the_sets():
    expected = stats.t.ppf(0.975, 10) / math.sqrt(12) / (stats.t.ppf(0.975, 4) / math.sqrt(6))
    assert half_width_after(0.02, 6, 2) == pytest.approx(0.02 * expected)
    assert half_width_after(0.02, 6, 1) == 0.02
    from_two_to_three = 4.30265273 / 12.7062047 * math.sqrt(2 / 3)  # the quantiles of t with 2 and 1 d.f.
    assert half_width_after(0.02, 2, 1.5) == pytest.approx(0.02 * from_two_to_three)


def test_the_half_width_after_is_that_of_simulated_runs():
    runs = worlds.nearly_only_process_effects(np.random.default_rng(31), 400, 12, 6)

    def typical(sets):
        return np.mean(
            [math.asinh(speedup_estimate(list(run[:sets]), resamples=2).relative_half_width) for run in runs]
        )

    assert half_width_after(typical(6), 6, 2) == pytest.approx(typical(12), rel=0.05)


@pytest.mark.parametrize(
    ("centre", "half_width", "floor"),
    [
        (0.03, 0.025, 0.02),  # will be faster
        (-0.03, 0.025, 0.02),  # will be slower
        (0.001, 0.03, 0.02),  # will be the same
        (0.001, 0.01, 0.04),  # the same, once the floor has shrunk into the margin
        (0.019, 0.02, 0.001),  # near the margin's end: clear of 1 sooner
        (0.05, 0.3, 0.25),  # takes long
    ],
)
@pytest.mark.parametrize("sets", [3, 6, 12])
def test_with_so_many_sets_there_is_a_verdict_and_with_one_less_there_is_none(centre, half_width, floor, sets):
    seconds = seconds_to_settle(around(centre, half_width), floor, MARGIN, 2.5 * sets, sets)
    more = round(seconds / 2.5)

    def verdict(total):
        shrunk = half_width_after(1.0, sets, total / sets)
        return decide(around(centre, half_width * shrunk), math.expm1(shrunk * math.log1p(floor)), MARGIN)[0]

    assert seconds == pytest.approx(2.5 * more)
    assert verdict(sets) == verdict(sets + more - 1) == "inconclusive"
    assert verdict(sets + more) != "inconclusive"


def test_nothing_more_is_needed_for_what_is_settled():
    assert seconds_to_settle(around(0.1, 0.01), 0.01, MARGIN, 30, 6) == 0
    assert seconds_to_settle(around(0.0, 0.01), 0.01, MARGIN, 30, 6) == 0
    assert seconds_to_settle(around(0.0, 0.0), 0.0, MARGIN, 30, 6) == 0


@pytest.mark.parametrize(
    ("speedup", "floor", "seconds"),
    [
        (around(0.0, 0.5), 0.01, 30),  # more than 100 times the time
        (around(math.log(1.02), 0.3), 0.3, 30),  # at the margin, and far from clear of 1
        (around(0.0, 0.03), 0.01, 0.0),
        (around(0.0, 0.03), math.inf, 30),
        (Estimate(point=1.0, low=0.0, high=2.0, confidence=0.95, method="by hand"), 0.01, 30),
        (Estimate(point=1.0, low=math.nan, high=2.0, confidence=0.95, method="by hand"), 0.01, 30),
    ],
)
def test_says_nothing_rather_than_nonsense(speedup, floor, seconds):
    assert seconds_to_settle(speedup, floor, MARGIN, seconds, 6) is None


def two_runs(world, seed, repetitions, sets, rounds=12, **how):
    """Of a candidate that is the same, and of the copy."""
    times = world(np.random.default_rng(seed), repetitions, sets, rounds, **how)
    return times[0] - times[2], times[0] - times[1]


def test_most_inconclusive_runs_are_settled_when_foretold():
    candidates, copies = two_runs(worlds.three_calm, 32, 120, 60, rounds=6, process=0.004)
    settled = []
    for candidate, copy in zip(candidates - math.log(1.02), copies, strict=True):

        def judged(sets, candidate=candidate, copy=copy):
            one, aa = (speedup_estimate(list(run[:sets]), resamples=RESAMPLES) for run in (candidate, copy))
            return one, noise_floor(aa), decide(one, noise_floor(aa), MARGIN)[0]

        speedup, floor, verdict = judged(6)
        more = seconds_to_settle(speedup, floor, MARGIN, 6.0, 6)
        if verdict == "inconclusive" and more <= 54:
            settled.append(judged(6 + round(more))[2] != "inconclusive")
    assert len(settled) > 40
    print(f"settled: {np.mean(settled):.3f} of {len(settled)}")
    assert np.mean(settled) >= 0.6


@pytest.mark.parametrize("sets", [6, 8, 12])
@pytest.mark.parametrize("world", [worlds.three_calm, worlds.three_autocorrelated, worlds.three_on_and_off])
def test_nine_of_ten_runs_see_the_smallest_effect_of_another_run(world, sets):
    candidates, copies = two_runs(world, 33, 400, sets)
    found = [speedup_estimate(list(run), resamples=RESAMPLES) for run in candidates]
    floors = [noise_floor(speedup_estimate(list(run), resamples=RESAMPLES)) for run in copies]
    smallest = np.array(
        [smallest_effect(one.relative_half_width, floor) for one, floor in zip(found, floors, strict=True)]
    )

    def power(effects):
        return np.mean(
            [
                decide(around(math.log(one.point / (1 + effect)), math.log(one.high / one.point)), floor, MARGIN)[0]
                == "slower"
                for one, floor, effect in zip(found, floors, effects, strict=True)
            ]
        )

    seen, half = power(np.roll(smallest, 1)), power(np.roll(smallest, 1) / 2)
    print(f"power: {world.__name__} {sets} sets: {seen:.3f}, of half of it {half:.3f}")
    assert 0.84 <= seen <= 0.96
    assert half < 0.5


def test_the_smallest_effect_by_hand():
    assert smallest_effect(0.0, 0.0) == 0
    assert smallest_effect(0.0, 0.01) == pytest.approx(0.01)
    assert smallest_effect(0.005, 0.005) == pytest.approx(0.016, rel=0.01)


@pytest.mark.parametrize(
    "call",
    [
        lambda: half_width_after(0.01, 1, 2),
        lambda: half_width_after(0.01, 6, 0),
        lambda: half_width_after(math.nan, 6, 2),
        lambda: half_width_after(0.01, 6, 2, confidence=95),
        lambda: seconds_to_settle(around(0, 0.03), -0.01, MARGIN, 30, 6),
        lambda: seconds_to_settle(around(0, 0.03), 0.01, 0.0, 30, 6),
        lambda: seconds_to_settle(around(0, 0.03), 0.01, MARGIN, -1, 6),
        lambda: seconds_to_settle(around(0, 0.03), 0.01, MARGIN, 30, 1),
        lambda: smallest_effect(-0.01, 0.01),
        lambda: smallest_effect(0.01, math.inf),
    ],
)
def test_impossible_figures_are_refused(call):
    with pytest.raises(ValueError):
        call()
