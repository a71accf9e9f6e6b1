"""The whole A/A procedure: how often it cries wolf, and how often it sees one."""

from __future__ import annotations

import math

import numpy as np
import pytest
import speed_scenarios as worlds

from xbench.records.estimate import Estimate
from xbench.stats.ratio import speedup_estimate
from xbench.stats.stopping import enough
from xbench.stats.verdict import decide, noise_floor

MARGIN = 0.02
RESAMPLES = 50


def ratio(low: float, high: float) -> Estimate:
    return Estimate(point=math.sqrt(abs(low * high)), low=low, high=high, confidence=0.95, method="by hand")


def three_sides(generator, repetitions, sets, rounds, process, noise, effect=0.0):
    """Log times of baseline, its copy and a candidate that is `effect` slower (log), in the same rounds."""
    shape = (repetitions, sets, rounds)
    times = [generator.normal(0, process, (*shape[:2], 1)) + generator.normal(0, noise, shape) for _ in range(3)]
    return times[0] - times[2] - effect, times[0] - times[1]


def verdict_of(candidate, copy):
    estimates = [speedup_estimate(list(run), resamples=RESAMPLES) for run in (candidate, copy)]
    return estimates, decide(estimates[0], noise_floor(estimates[1]), MARGIN)[0]


def verdicts(candidates, copies):
    return [verdict_of(candidate, copy)[1] for candidate, copy in zip(candidates, copies, strict=True)]


def share(found, *wanted):
    return np.mean([verdict in wanted for verdict in found])


@pytest.mark.parametrize(("sets", "rounds"), [(5, 6), (8, 12)])
@pytest.mark.parametrize(("process", "noise"), [(0.01, 0.01), (0.0, 0.01), (0.01, 0.001)])
def test_false_alarms_of_a_copy_are_rare(sets, rounds, process, noise):
    runs = three_sides(np.random.default_rng(21), 700, sets, rounds, process, noise)
    alarms = share(verdicts(*runs), "faster", "slower")
    print(f"false_alarms: {sets}x{rounds} process {process} noise {noise}: {alarms:.4f}")
    assert alarms <= 0.01


def test_false_alarms_are_rare_beside_a_neighbour():
    generator = np.random.default_rng(22)
    alarms = share(
        verdicts(worlds.neighbour(generator, 500, 5, 12), worlds.neighbour(generator, 500, 5, 12)),
        "faster",
        "slower",
    )
    assert alarms <= 0.01


def test_false_alarms_are_rare_with_the_stop_in_the_loop():
    candidates, copies = three_sides(np.random.default_rng(23), 700, 12, 8, 0.01, 0.005)
    found = []
    for candidate, copy in zip(candidates, copies, strict=True):
        for sets in range(5, 13):
            estimates, verdict = verdict_of(candidate[:sets], copy[:sets])
            if enough(estimates, 0.01):
                break
        found.append(verdict)
    print(f"false_alarms: stop: {share(found, 'faster', 'slower'):.4f}")
    assert share(found, "faster", "slower") <= 0.01


@pytest.mark.parametrize("sets", [5, 8])
def test_a_slowdown_of_five_per_cent_is_found(sets):
    runs = three_sides(np.random.default_rng(24), 500, sets, 12, 0.005, 0.01, effect=math.log(1.05))
    found = verdicts(*runs)
    print(f"power: {sets} sets: {share(found, 'slower'):.3f}")
    assert share(found, "slower") >= 0.90
    assert share(found, "faster", "same") == 0


@pytest.mark.parametrize("effect", [math.log(1 + MARGIN), -math.log(1 + MARGIN)])
@pytest.mark.parametrize("process", [0.003, 0.006, 0.009])
def test_a_difference_as_large_as_the_margin_is_rarely_called_the_same(effect, process):
    runs = three_sides(np.random.default_rng(25), 500, 8, 12, process, 0.005, effect=effect)
    called_same = share(verdicts(*runs), "same")
    print(f"same: process {process}: {called_same:.3f}")
    assert called_same <= 0.05


def test_a_copy_on_a_quiet_machine_is_called_the_same():
    runs = three_sides(np.random.default_rng(26), 200, 8, 12, 0.003, 0.005)
    assert share(verdicts(*runs), "same") >= 0.95


@pytest.mark.parametrize(
    ("low", "high", "floor", "verdict"),
    [
        (1.50, 1.60, 0.01, "faster"),
        (0.80, 0.90, 0.01, "slower"),
        (1.005, 1.008, 0.001, "faster"),  # small, but real
        (1.005, 1.04, 0.01, "inconclusive"),  # clear of 1, not of the floor
        (0.96, 0.991, 0.01, "inconclusive"),
        (0.99, 1.01, 0.005, "same"),
        (0.99, 1.01, 0.03, "inconclusive"),  # a machine that is off by 3 % cannot vouch for 2 %
        (0.97, 1.01, 0.005, "inconclusive"),
        (0.99, 1.03, 0.006, "inconclusive"),
        (float("nan"), 1.0, 0.01, "invalid"),
        (0.0, 1.0, 0.01, "invalid"),
        (0.9, float("inf"), 0.01, "invalid"),
        (0.9, 1.0, float("nan"), "invalid"),
    ],
)
def test_the_table_of_verdicts(low, high, floor, verdict):
    assert decide(ratio(low, high), floor, MARGIN)[0] == verdict


def test_the_reason_names_the_figures():
    assert decide(ratio(0.99, 1.03), 0.006, MARGIN)[1] == (
        "interval 0.99x to 1.03x is not clear of the noise floor (0.6 %) and not within the equivalence margin (2 %)"
    )
    assert decide(ratio(1.005, 1.008), 0.001, MARGIN)[1].startswith("interval 1.005x to 1.008x is above 1")
    assert "floor (14 %)" in decide(ratio(0.99, 1.01), 0.14, MARGIN)[1]


def test_noise_floor_is_the_farthest_reach_on_the_log_scale():
    assert noise_floor(ratio(0.8, 1.2)) == pytest.approx(0.25)
    assert noise_floor(ratio(0.99, 1.03)) == pytest.approx(0.03)
    assert noise_floor(ratio(1.01, 1.02)) == pytest.approx(0.02)
    assert noise_floor(ratio(1.0, 1.0)) == 0


@pytest.mark.parametrize("aa", [ratio(0.0, 1.0), ratio(float("nan"), 1.0), ratio(0.9, float("inf"))])
def test_no_noise_floor_from_a_broken_interval(aa):
    with pytest.raises(ValueError, match="A/A"):
        noise_floor(aa)


@pytest.mark.parametrize(("floor", "margin"), [(-0.01, 0.02), (0.01, 0.0), (0.01, float("nan"))])
def test_impossible_floor_or_margin_is_refused(floor, margin):
    with pytest.raises(ValueError):
        decide(ratio(0.9, 1.1), floor, margin)


def test_enough_looks_at_every_width_and_at_nothing_else():
    precise, wide = ratio(1.995, 2.005), ratio(0.9, 1.1)
    assert enough([precise], 0.01)
    assert not enough([precise, wide], 0.01)
    assert not enough([], 0.01)
    assert not enough([ratio(float("nan"), 1.0)], 0.01)
    with pytest.raises(ValueError):
        enough([precise], 0.0)
