"""Intervals of metrics that are no means: what they promise, simulated, and where there is none."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xbench.stats.metric_bootstrap import drop_interval, value_interval
from xbench.stats.paired import paired_bootstrap


def f1_macro(scores, weights):
    """Of (answer, target); classes that occur nowhere are left out."""
    answer, target = scores.astype(int).T
    right = np.bincount(target, weights * (answer == target), 5)
    both = np.bincount(answer, weights, 5) + np.bincount(target, weights, 5)
    return float(np.mean(2 * right[both > 0] / both[both > 0]))


def auc(scores, weights):
    """Of (score, target), by ranks; the scores have no ties."""
    order = np.argsort(scores[:, 0])
    true, count = scores[order, 1], weights[order]
    positive, negative = count * true, count * (1 - true)
    if positive.sum() == 0 or negative.sum() == 0:
        raise ValueError("one class is missing")
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below / (positive.sum() * negative.sum()))


def ece(scores, weights):
    """Of (confidence, right), in 10 bins."""
    bins = np.minimum((scores[:, 0] * 10).astype(int), 9)
    return float(np.abs(np.bincount(bins, weights * (scores[:, 1] - scores[:, 0]), 10)).sum() / weights.sum())


def rmse(scores, weights):
    return float(np.sqrt(weights @ scores / weights.sum()))


def r2(scores, weights):
    """Of (prediction, truth)."""
    predicted, truth = scores.T
    centred = truth - weights @ truth / weights.sum()
    return float(1 - weights @ (predicted - truth) ** 2 / (weights @ centred**2))


def mean(scores, weights):
    return float(weights @ scores / weights.sum())


def classes(generator, n, changed):
    target = generator.choice(5, n, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    before = np.where(generator.random(n) < 0.9, target, generator.integers(0, 5, n))
    anew = np.where(generator.random(n) < 0.7, generator.integers(0, 5, n), target)
    after = np.where(generator.random(n) < changed, anew, before)
    return np.column_stack([before, target]), np.column_stack([after, target])


def ranked(generator, n, changed):
    target = generator.random(n) < 0.3
    before = target * 1.5 + generator.normal(0, 1, n)
    after = np.where(generator.random(n) < changed, target * 0.5 + generator.normal(0, 1, n), before)
    return np.column_stack([before, target]), np.column_stack([after, target])


def confident(generator, n, changed):
    sure = 0.5 + generator.beta(6, 1.5, n) / 2
    right = generator.random(n) < sure - 0.05
    hit = generator.random(n) < changed
    now_right = np.where(hit, generator.random(n) < sure - 0.2, right)
    return np.column_stack([sure, right]), np.column_stack([np.where(hit, (sure + 1) / 2, sure), now_right])


def squared(generator, n, changed):
    error = generator.normal(0, 1, n)
    after = np.where(generator.random(n) < changed, error + generator.normal(0, 0.7, n), error)
    return error**2, after**2


def predicted(generator, n, changed):
    """Of a good model: an error of an eighth of the spread."""
    truth = generator.normal(0, 1, n)
    before = truth + generator.normal(0, 0.125, n)
    after = before + (generator.random(n) < changed) * generator.normal(0, 0.15, n)
    return np.column_stack([before, truth]), np.column_stack([after, truth])


METRICS = {
    "f1_macro": (f1_macro, classes, "higher"),
    "auc": (auc, ranked, "higher"),
    "ece": (ece, confident, "lower"),
    "rmse": (rmse, squared, "lower"),
    "r2": (r2, predicted, "higher"),
}
POPULATION, REPETITIONS, RESAMPLES = 500_000, 100, 200


def true_drop(name, changed):
    value, drawn, better = METRICS[name]
    before, after = drawn(np.random.default_rng(80), POPULATION, changed)
    drop = value(before * 1.0, np.ones(POPULATION)) - value(after * 1.0, np.ones(POPULATION))
    return drop if better == "higher" else -drop


@pytest.mark.parametrize("changed", [0.02, 0.2])
@pytest.mark.parametrize("name", METRICS)
def test_a_drop_covers(name, changed):
    """Too low is what a gate would pass by mistake: 5 % by name."""
    value, drawn, better = METRICS[name]
    truth, generator = true_drop(name, changed), np.random.default_rng(81)
    pairs = [drawn(generator, 200, changed) for _ in range(REPETITIONS)]
    found = [drop_interval(value, *pair, better, resamples=RESAMPLES) for pair in pairs]
    too_low, too_high = np.mean([one.high < truth for one in found]), np.mean([one.low > truth for one in found])
    print(f"coverage: {name} {changed}: {1 - too_low - too_high:.3f}, above it {too_low:.3f}")
    assert too_low <= stats.binom.ppf(0.999, REPETITIONS, 0.06) / REPETITIONS
    assert too_low + too_high <= stats.binom.ppf(0.999, REPETITIONS, 0.11) / REPETITIONS


@pytest.mark.parametrize("name", METRICS)
def test_a_value_covers(name):
    value, drawn, _ = METRICS[name]
    truth = value(drawn(np.random.default_rng(82), POPULATION, 0)[0] * 1.0, np.ones(POPULATION))
    generator = np.random.default_rng(83)
    found = [value_interval(value, drawn(generator, 200, 0)[0], resamples=RESAMPLES) for _ in range(REPETITIONS)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    print(f"coverage: {name}: {covered:.3f}")
    assert covered >= stats.binom.ppf(0.001, REPETITIONS, 0.94) / REPETITIONS


@pytest.mark.parametrize("name", METRICS)
def test_a_candidate_like_the_baseline_is_not_certain(name):
    value, drawn, better = METRICS[name]
    scores, _ = drawn(np.random.default_rng(84), 275, 0)
    found = drop_interval(value, scores, scores, better)
    assert found.point == 0
    assert found.low < 0 < found.high
    fewer = drop_interval(value, scores[:100], scores[:100], better)
    assert fewer.high > found.high, "fewer examples prove less"


def test_all_right_is_no_proof_either():
    scores = np.column_stack([np.arange(100) % 5] * 2)
    found = value_interval(f1_macro, scores)
    assert found.low < 0.99
    assert found.high == 1, "no resample is above it, and F1 cannot be"
    assert drop_interval(f1_macro, scores, scores, "higher").high > 0.01


def test_of_a_mean_it_is_the_paired_bootstrap():
    generator = np.random.default_rng(85)
    before = (generator.random(300) < 0.9) * 1.0
    after = np.where(generator.random(300) < 0.06, 1 - before, before)
    found, other = drop_interval(mean, before, after, "higher"), paired_bootstrap(before, after, 0.90)
    assert found.point == pytest.approx(other.point)
    assert (found.low, found.high) == (pytest.approx(other.low, abs=0.005), pytest.approx(other.high, abs=0.005))


def test_figures_that_belong_together_stay_together():
    """The prediction of one example with the truth of another is no change to be expected of a good model."""
    generator = np.random.default_rng(88)
    before, after = predicted(generator, 300, 1.0)
    drawn = [generator.integers(0, 300, 300) for _ in range(1000)]
    drops = [r2(before[one], np.ones(300)) - r2(after[one], np.ones(300)) for one in drawn]
    plain = np.ptp(np.quantile(drops, [0.05, 0.95]))
    found = drop_interval(r2, before, after, "higher")
    assert plain < found.high - found.low < 2 * plain
    truth = before[:, 1:].repeat(2, axis=1)
    assert drop_interval(r2, truth, truth, "higher").high > 0.001, "all right is no proof either"


def test_which_way_is_worse():
    before, after = squared(np.random.default_rng(86), 200, 0.9)
    worse = drop_interval(rmse, before, after, "lower")
    assert worse.point > 0
    assert drop_interval(rmse, after, before, "lower").point == -worse.point
    assert drop_interval(rmse, before, after, "higher").point == -worse.point


def test_the_seed_decides():
    scores, _ = ranked(np.random.default_rng(87), 60, 0)
    assert value_interval(auc, scores) == value_interval(auc, scores)
    assert value_interval(auc, scores) != value_interval(auc, scores, seed=1)


def test_resamples_without_a_class_are_drawn_anew_and_told():
    scores = np.column_stack([np.arange(40) / 40, np.arange(40) >= 38])
    found = value_interval(auc, scores)
    assert "drawn anew where the metric is not defined" in found.method
    assert found.usable


def test_a_metric_that_is_rarely_defined_has_no_interval():
    def picky(scores, weights):
        if (weights == 0).any():
            raise ValueError("each example is needed")
        return 1.0

    with pytest.raises(ValueError, match="more than half of the resamples: each example is needed"):
        value_interval(picky, np.arange(20.0))


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        (np.ones((4, 2)), np.ones((5, 2)), "cannot be paired"),
        (np.ones((4, 2)), np.ones((4, 3)), "cannot be paired"),
        (np.ones(1), np.ones(1), "at least 2"),
        ([1, np.nan], [1, 2], "not finite"),
        (np.ones(9), np.ones(9), "changes the metric"),
    ],
)
def test_what_has_no_drop_is_refused(before, after, why):
    with pytest.raises(ValueError, match=why):
        drop_interval(mean, before, after, "higher")


def test_a_value_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="value of all examples is nan"):
        value_interval(lambda scores, weights: float("nan"), np.arange(9.0))
