"""Warm-ups of known truth: where do they end, and is what never ends told apart from what does?"""

from __future__ import annotations

import itertools
import math
import time

import numpy as np
import pytest
from scipy import stats

from xbench.stats.drift import drift_within_processes
from xbench.stats.levels import changes_of_level
from xbench.stats.steady import MIN_CALLS, find_steady_state

LEVEL = 250_000.0  # ns
LENGTHS = [12, 20, 100, 1000, 20_000]


def calm(generator, count, scale=0.02):
    return generator.normal(0, scale, count)


def noisy(generator, count):
    return calm(generator, count, 0.1)


def right_tails(generator, count):
    return 0.02 * np.abs(generator.standard_t(2.5, count)) + calm(generator, count, 0.01)


def spikes(generator, count):
    """Two calls in a hundred take up to 100 times as long."""
    return calm(generator, count) + (generator.random(count) < 0.02) * generator.uniform(0, math.log(100), count)


def rotating(generator, count):
    """Five sets of inputs that take turns, and differ by up to 40 %."""
    return calm(generator, count) + np.log1p(generator.uniform(0, 0.4, 5))[np.arange(count) % 5]


def wander(generator, count, memory, scale=0.02):
    """The machine's speed: it forgets where it was within `memory` calls."""
    kept = math.exp(-1 / memory)
    speed = np.empty(count)
    speed[0] = generator.normal(0, scale)
    steps = generator.normal(0, scale * math.sqrt(1 - kept**2), count)
    for now in range(1, count):
        speed[now] = kept * speed[now - 1] + steps[now]
    return speed


def found(logs):
    return find_steady_state(LEVEL * np.exp(logs))


def share_settled(make, repetitions):
    return np.mean([found(make()).settled for _ in range(repetitions)])


@pytest.mark.parametrize("noise", [calm, noisy, right_tails, spikes, rotating])
@pytest.mark.parametrize("count", LENGTHS)
def test_flat_is_settled_from_the_first_call_on(noise, count):
    generator = np.random.default_rng(31)
    repetitions = 300 if count < 10_000 else 40
    results = [found(noise(generator, count)) for _ in range(repetitions)]
    alarms = np.mean([not result.settled for result in results])
    late = np.mean([result.start > 0.1 * count for result in results])
    print(f"not settled: {noise.__name__} {count}: {alarms:.4f}, start later than a tenth: {late:.3f}")
    assert alarms <= 0.02
    assert late <= 0.15


@pytest.mark.parametrize("slowdown", [1.1, 1.3, 3, 50])
@pytest.mark.parametrize(("count", "slow"), [(50, 10), (50, 30), (200, 120), (1000, 100), (20_000, 12_000)])
def test_a_step_is_found_where_it_is(count, slow, slowdown):
    generator = np.random.default_rng(32)
    step = np.where(np.arange(count) < slow, math.log(slowdown), 0)
    results = [found(calm(generator, count) + step) for _ in range(40)]
    near = np.mean([result.settled and abs(result.start - slow) <= max(3, count / 200) for result in results])
    print(f"power: step of {slowdown} after {slow} of {count}: {near:.2f}")
    assert near >= 0.95
    assert np.allclose([result.level for result in results], LEVEL, rtol=0.02)


@pytest.mark.parametrize("count", [50, 200, 1000])
def test_a_step_that_came_too_late_is_not_settled(count):
    generator = np.random.default_rng(33)
    step = np.where(np.arange(count) < 0.85 * count, math.log(1.3), 0)
    result = found(calm(generator, count) + step)
    assert not result.settled
    assert result.reason.startswith("the calls still get faster, by ")
    assert share_settled(lambda: calm(generator, count) + step, 60) == 0


@pytest.mark.parametrize("count", [12, 30, 200, 201, 100_000])
def test_a_first_call_of_fifty_times_is_left_out(count):
    generator = np.random.default_rng(34)
    first = np.where(np.arange(count) < 1, math.log(50), 0)
    results = [found(calm(generator, count) + first) for _ in range(50 if count < 1000 else 5)]
    assert np.mean([result.settled and result.start >= 1 for result in results]) >= 0.95
    assert np.allclose([result.level for result in results], LEVEL, rtol=0.05)


@pytest.mark.parametrize("count", [15, 60, 200, 1000])
def test_single_outliers_change_nothing(count):
    generator = np.random.default_rng(35)
    for _ in range(40):
        logs = calm(generator, count)
        logs[generator.integers(1, count)] += math.log(100)
        result = found(logs)
        assert result.settled
        assert result.level == pytest.approx(LEVEL, rel=0.02)


@pytest.mark.parametrize("constant", [0.02, 0.1])
@pytest.mark.parametrize("count", [100, 1000])
def test_an_exponential_warm_up_is_left_behind(count, constant):
    """From twice the level; `constant` is a share of the series. The level is told to 2.5 %."""
    generator = np.random.default_rng(36)
    curve = np.log1p(np.exp(-np.arange(count) / count / constant))
    results = [found(calm(generator, count) + curve) for _ in range(60)]
    assert np.mean([result.settled for result in results]) >= 0.98
    assert np.allclose([result.level for result in results if result.settled], LEVEL, rtol=0.025)
    assert all(result.start > 0 for result in results)
    assert share_settled(lambda: calm(generator, count) + np.log1p(np.exp(-2 * np.arange(count) / count)), 60) == 0


@pytest.mark.parametrize("way", [-1, 1])
@pytest.mark.parametrize(("count", "noise"), [(50, 0.005), (200, 0.02), (2000, 0.02), (20_000, 0.1)])
def test_a_trend_that_never_ends_never_settles(count, noise, way):
    generator = np.random.default_rng(37)
    trend = way * np.linspace(0, math.log(1.2), count)
    assert share_settled(lambda: calm(generator, count, noise) + trend, 50 if count < 10_000 else 20) <= 0.05
    assert f"still get {'slower' if way > 0 else 'faster'}" in found(trend).reason


@pytest.mark.parametrize("dwell", [0.05, 0.1, 0.2, 0.3])
@pytest.mark.parametrize("count", [200, 2000])
def test_flipping_between_two_levels_never_settles(count, dwell):
    """In turns of a share of the series; within the tolerance of 5 % it is one level."""
    generator = np.random.default_rng(38)
    turn = int(dwell * count)

    def flips(apart):
        return calm(generator, count) + math.log1p(apart) * (
            (np.arange(count) + generator.integers(2 * turn)) // turn % 2
        )

    assert share_settled(lambda: flips(0.2), 40) == 0
    assert share_settled(lambda: flips(0.03), 40) >= 0.98
    assert "%" in found(flips(0.5)).reason


def test_a_level_that_was_left_must_be_held_for_longer():
    once = np.repeat([1.0, 1.3, 1.0], [20, 40, 40])
    generator = np.random.default_rng(39)
    result = found(np.log(once) + calm(generator, 100))
    assert not result.settled
    assert result.reason.startswith("the calls go back and forth between levels 3")
    longer = np.concatenate([once, np.ones(100)])
    assert found(np.log(longer) + calm(generator, 200)).settled


@pytest.mark.parametrize("memory", [5, 50, 250])
@pytest.mark.parametrize("count", [200, 1000])
def test_a_machine_that_wanders_by_two_per_cent_is_settled(count, memory):
    generator = np.random.default_rng(40)
    settled = share_settled(lambda: calm(generator, count) + wander(generator, count, memory), 100)
    print(f"settled: wandering {count} calls, memory {memory}: {settled:.2f}")
    assert settled >= 0.9


@pytest.mark.parametrize("count", [1, 2, MIN_CALLS - 1])
def test_a_short_series_is_not_settled_and_says_so(count):
    result = find_steady_state(np.full(count, 7.0))
    assert not result.settled
    assert result.level == 7.0
    assert 0 <= result.start < count
    assert result.reason == f"{count} call(s) are too few to tell: it takes {MIN_CALLS}"


def test_asked_again_with_more_calls_it_settles_once_and_stays_so():
    """60 slow calls of 1.5 times: a worker asks with ever longer series."""
    generator = np.random.default_rng(41)
    series = calm(generator, 2000) + np.where(np.arange(2000) < 60, math.log(1.5), 0)
    results = {count: found(series[:count]) for count in range(70, 2001, 7)}
    assert not any(result.settled for count, result in results.items() if count < 84)
    assert all(result.settled for count, result in results.items() if count > 100)
    assert all(abs(result.start - 60) <= 6 for count, result in results.items() if count > 100)
    assert all(0 <= result.start < count for count, result in results.items())


def test_equal_calls_and_a_clock_that_stands_still():
    assert find_steady_state(np.full(500, 1000)) == (True, 0, 1000.0, "")
    assert find_steady_state(np.zeros(50, dtype=np.int64)) == (True, 0, 0.0, "")


@pytest.mark.parametrize("durations", [[], [1.0, math.nan] * 10, [-1.0] * 20, np.ones((4, 5))])
def test_broken_durations_are_refused(durations):
    with pytest.raises(ValueError, match="durations"):
        find_steady_state(durations)


def test_the_partition_is_the_best_of_all():
    """Every one of the 2**11 partitions of twelve points, priced by hand."""
    generator = np.random.default_rng(42)
    for steps in ([], [5], [3, 8], [2, 5, 9]):
        points = generator.normal(0, 1, 12)
        for step in steps:
            points[step:] += generator.normal(0, 12)

        def price(cuts, points=points):
            segments = np.split(points, cuts)
            return sum(((one - one.mean()) ** 2).sum() + 15 * math.log(12) for one in segments)

        partitions = itertools.chain.from_iterable(itertools.combinations(range(1, 12), n) for n in range(12))
        assert changes_of_level(points, 1.0, 15.0)[1:-1] == list(min(partitions, key=price))


def test_is_quick():
    series = LEVEL * np.exp(np.linspace(0, -1, 200))
    begun = time.process_time()
    for _ in range(5):
        find_steady_state(series)
    assert (time.process_time() - begun) / 5 < 0.05


def rounds_of(generator, processes, rounds, faster=0.0):
    """Block medians of processes that differ by 1 %, on a machine that wanders by 2 %."""
    trend = -math.log1p(faster) * np.linspace(0, 1, rounds)
    return [
        np.exp(trend + wander(generator, rounds, 5) + calm(generator, rounds, 0.01) + generator.normal(0, 0.01))
        for _ in range(processes)
    ]


@pytest.mark.parametrize("processes", [3, 5, 8])
def test_drift_covers_where_there_is_none(processes):
    generator = np.random.default_rng(43)
    runs = [drift_within_processes(rounds_of(generator, processes, 20)) for _ in range(1000)]
    covered = np.mean([run.low <= 1 <= run.high for run in runs])
    print(f"coverage: drift, {processes} processes: {covered:.3f}")
    assert covered >= 0.93


def test_drift_finds_a_model_that_gets_ten_per_cent_faster():
    generator = np.random.default_rng(44)
    runs = [drift_within_processes(rounds_of(generator, 5, 20, faster=0.1)) for _ in range(300)]
    power = np.mean([run.low > 1 for run in runs])
    print(f"power: drift of 10 %: {power:.3f}")
    assert power >= 0.95
    assert np.median([run.point for run in runs]) == pytest.approx(1.1 ** (14 / 19), abs=0.005)


def test_drift_is_the_t_interval_of_the_log_ratios():
    series = [[4.0] * 3 + [9.0] * 3 + [last] * 3 for last in (2.0, 2.5, 2.2)]
    estimate = drift_within_processes([*series, [1.0] * 8])  # the last is too short, and left out
    logs = np.log(4 / np.array([2.0, 2.5, 2.2]))
    low, high = stats.t.interval(0.95, 2, logs.mean(), stats.sem(logs))
    assert (estimate.low, estimate.high) == (pytest.approx(math.exp(low)), pytest.approx(math.exp(high)))
    assert "3 processes" in estimate.method
    assert drift_within_processes([*series[:2], [1.0] * 8]) is None
    assert drift_within_processes([]) is None


def test_drift_refuses_what_is_not_a_duration():
    for bad in (0.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="block medians"):
            drift_within_processes([[1.0] * 8 + [bad]] * 3)
    with pytest.raises(ValueError, match="confidence"):
        drift_within_processes([[1.0] * 9] * 3, confidence=95)
