"""Steps and creeps in series of runs: simulated with a known truth, and held against scipy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from xbench.stats.changepoint import CREEP_RUNS, ERROR, STEP_RUNS, Changes, alarm, changes, too_few

WEEKS = np.arange(200) * 7.0


def look(values, errors=0.0):
    found = alarm(values, WEEKS[: len(values)])
    told = changes(values, np.full(len(values), errors), WEEKS[: len(values)], found)
    return found, told if found.p_value <= ERROR else Changes()


def share(make, n, repetitions):
    generator = np.random.default_rng(7)
    found = [look(make(generator, n))[1] for _ in range(repetitions)]
    return np.mean([one.total is not None for one in found]), found


def calm(generator, n):
    return generator.normal(0, 0.01, n)


def tails(generator, n):
    return 0.01 * generator.standard_t(3, n)


def outlier(generator, n):
    values = calm(generator, n)
    values[generator.integers(n)] += 0.1
    return values


@pytest.mark.parametrize("make", [calm, tails, outlier])
@pytest.mark.parametrize("n", [CREEP_RUNS, STEP_RUNS, 20])
def test_false_alarms_are_at_most_five_in_a_hundred(make, n):
    repetitions = 300
    rate, _ = share(make, n, repetitions)
    assert rate <= ERROR + 3 * math.sqrt(ERROR * (1 - ERROR) / repetitions)


def test_the_scatter_does_not_matter():
    """What is called changed is the same in any unit, and however narrow the runs' own intervals say that they are."""
    values = calm(np.random.default_rng(3), 20)
    assert alarm(values, WEEKS[:20]) == alarm(values * 8, WEEKS[:20])


@pytest.mark.parametrize("at", [10, 17])
def test_a_jump_is_found_where_it_is(at):
    """In the middle, and from the third run behind it on."""
    rate, found = share(lambda g, n: calm(g, n) + np.where(np.arange(n) < at, 0, 0.05), 20, 60)
    assert rate >= 0.9
    right = [one for one in found if len(one.steps) == 1 and one.steps[0].at == at]
    assert len(right) >= 0.8 * 60
    assert {one.steps[0].day for one in right} == {WEEKS[at]}
    covered = [one.steps[0].change.low <= 0.05 <= one.steps[0].change.high for one in right]
    assert np.mean(covered) >= 0.85
    total = right[0].total
    assert total == right[0].steps[0].change


def test_a_creep_of_one_per_cent_a_week_is_found_and_called_so():
    rate, found = share(lambda g, n: calm(g, n) + 0.01 * np.arange(n), 12, 60)
    assert rate >= 0.8
    creeps = [one.creep.per_week for one in found if one.creep is not None]
    assert len(creeps) >= 0.85 * 60
    assert np.mean([one.low <= 0.01 <= one.high for one in creeps]) >= 0.85
    assert all(not one.steps for one in found if one.creep is not None)


def test_a_spell_that_passed_has_two_steps_and_no_total():
    rate, found = share(lambda g, n: calm(g, n) + np.where((np.arange(n) // 10) == 1, 0.03, 0), 30, 40)
    assert rate >= 0.9
    twice = [one for one in found if len(one.steps) == 2]
    assert len(twice) >= 0.75 * 40
    assert np.mean([one.total.low <= 0 <= one.total.high for one in twice]) >= 0.7


def test_the_creep_is_kendalls_and_theil_sens():
    generator = np.random.default_rng(5)
    values = calm(generator, 15) - 0.02 * np.arange(15)
    found, told = look(values)
    assert found.creep == pytest.approx(stats.kendalltau(WEEKS[:15], values).pvalue)
    slope, _, low, high = stats.theilslopes(values, WEEKS[:15], 0.95)
    per_week = told.creep.per_week
    assert (per_week.point, per_week.low, per_week.high) == pytest.approx((7 * slope, 7 * low, 7 * high))
    assert told.total.point == pytest.approx(14 * 7 * slope)


def test_the_p_value_is_that_of_all_orders():
    """9 runs, 5 low and 4 high, any gap: of 126 ways to choose the high ones, 2 are one behind the other."""
    values = np.array([0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 1.0])
    assert alarm(values, WEEKS[:9]).steps == pytest.approx(2 / 126, abs=0.005)


def test_levels_are_means_and_their_change_is_students():
    generator = np.random.default_rng(11)
    values = calm(generator, 24) + np.where(np.arange(24) < 12, 0, 0.1)
    _, told = look(values)
    (step,) = told.steps
    known = stats.ttest_ind(values[12:], values[:12])  # 22 degrees of freedom; the step's place takes one
    deviation = (values[12:].mean() - values[:12].mean()) / known.statistic * math.sqrt(22 / 21)
    half = stats.t.ppf(0.975, 21) * deviation
    assert (step.before.point, step.after.point) == pytest.approx((values[:12].mean(), values[12:].mean()))
    assert (step.change.high - step.change.low) / 2 == pytest.approx(half)


def test_runs_are_not_surer_of_a_level_than_of_themselves():
    values = np.repeat([0.0, 0.1], 10) + np.tile([0.0, 1e-6], 10)
    narrow, wide = look(values)[1], look(values, errors=0.02)[1]
    assert wide.total.high - wide.total.low > 1000 * (narrow.total.high - narrow.total.low)


@pytest.mark.parametrize("n", range(1, STEP_RUNS + 1))
def test_too_few_runs_say_so_and_raise_no_alarm(n):
    found = alarm(np.arange(n, dtype=float), WEEKS[:n])
    assert (found.creep <= ERROR / 2) == (n >= CREEP_RUNS)
    assert (found.steps < 1) == (n >= STEP_RUNS)
    assert bool(too_few(n)) == (n < STEP_RUNS)


def test_equal_runs_and_many_of_them():
    assert look(np.full(50, 0.25)) == ((1.0, 1.0), Changes())
    values = calm(np.random.default_rng(1), 200) + np.where(np.arange(200) < 130, 0, 0.02)
    _, told = look(values)
    assert abs(told.steps[0].at - 130) <= 2


def test_runs_of_one_moment_cannot_creep():
    found = alarm(np.arange(6, dtype=float), np.zeros(6))
    assert found == (1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "days", "said"),
    [
        ([0.0, math.nan], [0, 1], "values"),
        ([0.0, 1.0], [0, math.inf], "days"),
        ([0.0, 1.0], [0, 1, 2], "2 values and 3 days"),
        ([0.0, 1.0], [1, 0], "go back"),
        ([], [], "values"),
    ],
)
def test_broken_series_are_refused(values, days, said):
    with pytest.raises(ValueError, match=said):
        alarm(values, days)


@pytest.mark.parametrize("errors", [[0.1], [0.1, -0.1], [0.1, math.nan]])
def test_broken_errors_are_refused(errors):
    with pytest.raises(ValueError, match="errors"):
        changes([0.0, 1.0], errors, [0, 1], alarm([0.0, 1.0], [0, 1]))
