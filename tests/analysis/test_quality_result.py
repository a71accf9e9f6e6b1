"""Values, drops, flips and errors of one variant against the baseline."""

from __future__ import annotations

import math

import numpy as np
import pytest
from quality_kit import Correlation, Mean, answered, facts, plain

from xbench.analysis.dropping import drop
from xbench.analysis.quality import QualityOptions, quality_result
from xbench.stats.means import mean_interval
from xbench.stats.metric_bootstrap import drop_interval, value_interval
from xbench.stats.paired import paired_bootstrap, tango_interval
from xbench.stats.proportions import wilson_interval

RANDOM = np.random.default_rng(0)
OPTIONS = QualityOptions(seed=3)
RANKS = 1 / RANDOM.integers(1, 9, (2, 200))


def compared(candidate, baseline, *metrics, examples=None):
    return quality_result(candidate, baseline, examples, {metric.name: metric for metric in metrics}, OPTIONS)


def test_the_drop_of_right_and_wrong_is_tangos_and_of_others_the_bootstraps():
    base = (RANDOM.random(200) < 0.8).astype(np.float64)
    other = np.where(RANDOM.random(200) < 0.1, 1 - base, base)
    lost, won = int(((base == 1) & (other == 0)).sum()), int(((base == 0) & (other == 1)).sum())
    found = compared(plain("p", accuracy=other), plain("dense", accuracy=base), Mean()).metrics[0]
    assert found.drop == tango_interval(lost, won, 200, confidence=0.90)
    assert found.drop.point == pytest.approx(base.mean() - other.mean())
    assert found.interval == wilson_interval(int(other.sum()), 200)
    found = compared(plain("p", mrr=RANKS[1]), plain("dense", mrr=RANKS[0]), Mean("mrr")).metrics[0]
    assert found.drop == paired_bootstrap(*RANKS, confidence=0.90, seed=3)
    assert (found.value, found.interval) == (RANKS[1].mean(), mean_interval(RANKS[1], 1.0, seed=3))


def test_scores_of_before_are_means_of_which_more_is_better():
    """Those of recorded runs, whose metrics nobody names any more."""
    found = compared(plain("p", mrr=RANKS[1]), plain("dense", mrr=RANKS[0])).metrics[0]
    assert found.drop == paired_bootstrap(*RANKS, confidence=0.90, seed=3)
    assert (found.value, found.better, found.note) == (RANKS[1].mean(), "higher", "")
    assert not compared(plain("dense", mrr=RANKS[0]), None).metrics[0].drop


@pytest.mark.parametrize("binary", [True, False])
def test_a_drop_is_how_much_worse_whichever_way_the_metric_points(binary):
    """Losses that are 1 less the gains: the same drop."""
    base, other = np.round(RANKS) if binary else RANKS
    gains = compared(plain("p", x=other), plain("dense", x=base), Mean("x")).metrics[0]
    losses = compared(plain("p", x=1 - other), plain("dense", x=1 - base), Mean("x", better="lower")).metrics[0]
    assert (losses.drop.point, losses.drop.low) == pytest.approx((gains.drop.point, gains.drop.low))
    assert losses.drop.point == pytest.approx(base.mean() - other.mean())
    assert losses.better == "lower"


def test_a_metric_that_is_no_mean_has_its_own_interval():
    truth = RANDOM.standard_normal(150)
    base, other = (np.stack((truth, truth + RANDOM.normal(0, noise, 150)), axis=1) for noise in (0.3, 0.6))
    metric = Correlation()
    found = compared(plain("p", pearson=other), plain("dense", pearson=base), metric).metrics[0]
    assert found.value == pytest.approx(np.corrcoef(other.T)[0, 1])
    assert found.interval == value_interval(metric.value, other, seed=3)
    assert found.drop == drop_interval(metric.value, base, other, better="higher", confidence=0.90, seed=3)
    assert found.drop.point == pytest.approx(np.corrcoef(base.T)[0, 1] - np.corrcoef(other.T)[0, 1])


def test_a_metric_that_is_not_defined_has_a_note_and_no_drop():
    fine, same = RANDOM.standard_normal((20, 2)), np.ones((20, 2))
    found = compared(plain("p", pearson=same), plain("dense", pearson=fine), Correlation()).metrics[0]
    assert (found.value, found.drop, found.interval) == (None, None, None)
    assert found.note == "pearson is not defined on 20 examples: all numbers are equal"
    found = compared(plain("p", pearson=fine), plain("dense", pearson=same), Correlation()).metrics[0]
    assert found.interval is not None
    assert (found.drop, found.note) == (None, "pearson has no drop: all numbers are equal")
    found = compared(plain("p", pearson=fine), plain("dense", other=fine), Correlation()).metrics[0]
    assert found.note == "pearson has no drop: the baseline has no scores of it"
    found = compared(plain("p", gone=fine), None).metrics[0]
    assert "what makes a value of these scores is not installed here" in found.note


def test_without_a_bound_an_example_might_move_as_far_as_scores_lie_apart():
    base = np.asarray([0.0, 3.0, 1.0, 8.0] * 10)
    unchanged = drop(base, base, 0, math.inf)
    assert unchanged == paired_bootstrap(base, base, confidence=0.90, seed=0, span=8.0)
    assert unchanged.high > 0, "that nothing changed is no proof that nothing can"
    with pytest.raises(ValueError, match="the same score"):
        drop(np.ones(5), np.ones(5), 0, math.inf)


def test_rare_breaks_of_a_metric_without_a_bound_are_covered():
    """A fifth of the few that change get far worse, the rest a little better: mostly none of the former is seen.

    With the largest change that was seen in its place, 33 in 100 intervals would reach the truth.
    """
    random, runs, reached = np.random.default_rng(0), 200, 0
    truth = 0.05 * (0.2 * 2 - 0.8 * 0.1) * math.sqrt(2 / math.pi)
    for seed in range(runs):
        before = np.abs(random.normal(0, 1, 50))
        broken = before + 2 * np.abs(random.normal(0, 1, 50))
        after = np.where(random.random(50) < 0.2, broken, 0.9 * before)
        after = np.where(random.random(50) < 0.05, after, before)
        reached += drop(-before, -after, seed, math.inf).high >= truth
    assert reached >= 0.95 * runs


def test_one_example_has_a_value_and_no_bootstrap():
    found = compared(plain("p", x=[0.5]), plain("dense", x=[0.7]), Mean("x")).metrics[0]
    assert (found.value, found.drop, found.interval) == (0.5, None, None)
    assert "x has no interval" in found.note
    assert "x has no drop" in found.note
    found = compared(plain("p", x=[0]), plain("dense", x=[1]), Mean("x")).metrics[0]
    assert found.drop == tango_interval(1, 0, 1, confidence=0.90)


@pytest.mark.parametrize("value", [0, 1])
def test_all_the_same(value):
    scores = np.full(30, float(value))
    found = compared(plain("p", accuracy=scores), plain("dense", accuracy=scores), Mean()).metrics[0]
    assert found.drop == tango_interval(0, 0, 30, confidence=0.90)
    assert found.interval.low < found.interval.high


def test_other_data_are_not_compared():
    here, there = "1a" * 32, "2b" * 32
    found = compared(plain("p", here, accuracy=[1, 0]), plain("dense", there, accuracy=[1, 0]))
    assert not found.metrics
    assert found.failure == (
        "the data differ from the baseline's: its digest is 2b2b2b2b2b2b, and that of these is 1a1a1a1a1a1a"
    )
    found = compared(plain("p", accuracy=[1, 0]), plain("dense", accuracy=[1, 0, 1]))
    assert found.failure == "there are scores of 2 examples, and of 3 of the baseline"
    found = compared(plain("p", accuracy=[1, 0]), plain("dense", accuracy=[1, 0]), examples=facts(3))
    assert found.failure == "there are scores of 2 examples, and the data have 3"


def test_examples_that_failed_are_left_out_of_both_sides_and_listed():
    labels = [0, 1, 0, 1, 0, 1]
    base = answered("dense", [0, 1, 0, 0, 0, 1], labels, failed={4: "the metric raised"})
    other = answered("p", [1, 1, 0, 1, 0, 0], labels, failed={0: "NaN"})
    found = compared(other, base, Mean(), examples=facts(6))
    metric = found.metrics[0]
    # Of 1, 2, 3 and 5: the baseline has 1, 1, 0, 1 right, the candidate 1, 1, 1, 0.
    assert (metric.value, metric.examples, metric.drop.point) == (0.75, 4, 0.0)
    assert (found.flips.examples, found.flips.right_to_wrong, found.flips.wrong_to_right) == (4, 1, 1)
    assert [(e.index, e.id, e.reason) for e in found.errors] == [
        (0, "e0", "NaN"),
        (4, "e4", "of the baseline: the metric raised"),
    ]
    assert found.error_count == 2
    assert compared(base, None, Mean()).metrics[0].value == 0.8


def test_a_score_that_is_no_number_is_an_error_though_nobody_said_so():
    found = compared(plain("p", accuracy=[1, math.nan, 1]), plain("dense", accuracy=[1, 0, math.inf]))
    assert (found.error_count, found.metrics[0].examples, found.metrics[0].value) == (2, 1, 1.0)
    assert found.errors[0].reason == "its score of accuracy is no finite number"


def test_where_nothing_could_be_scored_there_is_a_failure():
    bad = plain("p", accuracy=[math.nan] * 30)
    found = compared(bad, plain("dense", accuracy=[1] * 30))
    assert "none of 30 examples could be scored; the first: its score" in found.failure
    assert (len(found.errors), found.error_count) == (20, 30)


def test_flips_are_those_of_two_confusion_tables():
    metrics = pytest.importorskip("sklearn.metrics")
    labels, before, after = RANDOM.integers(0, 4, (3, 300))
    base, other = answered("dense", before, labels), answered("p", after, labels)
    found = compared(other, base, Mean()).flips
    (both_wrong, gained), (lost, both_right) = metrics.confusion_matrix(before == labels, after == labels)
    assert (found.right_to_wrong, found.wrong_to_right, found.flips) == (lost, gained, lost + gained)
    answers = metrics.confusion_matrix(before, after)
    assert found.agreement == wilson_interval(int(answers.trace()), 300)
    assert found.wrong_to_other_wrong == both_wrong - (answers.trace() - both_right)


def test_without_answers_there_are_no_flips():
    found = compared(plain("p", mae=[1, 2, 3]), plain("dense", mae=[1, 1, 1]), Mean("mae", "lower", math.inf))
    assert (found.flips, found.divergence, found.exemplars, found.exemplar_count) == (None, None, (), 0)


def moved_by(moved):
    return compared(
        answered("p", [0] * len(moved), [0] * len(moved), divergence=moved, divergence_kind="kl"),
        answered("dense", [0] * len(moved), [0] * len(moved)),
    ).divergence


def test_the_divergence_is_a_mean_with_its_interval():
    special = pytest.importorskip("scipy.special")
    dense, other = RANDOM.dirichlet(np.ones(5), (2, 80))
    moved = special.rel_entr(dense, other).sum(axis=1)
    found = moved_by(moved)
    assert (found.mean, found.p99, found.examples) == (pytest.approx(moved.mean()), np.quantile(moved, 0.99), 80)
    assert found.interval.low < found.mean < found.interval.high


def test_outputs_that_did_not_move_have_a_divergence_and_no_interval():
    found = moved_by(np.zeros(80))
    assert (found.mean, found.interval, found.p99) == (0, None, 0)
