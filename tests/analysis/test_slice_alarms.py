"""Slices and classes: their figures, and alarms that are true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from quality_kit import Correlation, Mean, answered, facts, plain

from xbench.analysis.quality import QualityOptions, quality_result
from xbench.stats.alarms import benjamini_hochberg, holm
from xbench.stats.paired import tango_interval
from xbench.stats.worse import worse_p_value

RANDOM = np.random.default_rng(1)


def sliced(candidate, baseline, examples, metric=None, **options):
    metrics = {} if metric is None else {metric.name: metric}
    return quality_result(candidate, baseline, examples, metrics, QualityOptions(**options)).slices


def models(count, changed=0.2, seed=0):
    """Labels, and the answers of a dense and a pruned model, 80 % right, of which a share differs at random."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 4, count)
    dense, other = (np.where(random.random(count) < 0.8, labels, (labels + 1) % 4) for _ in range(2))
    return labels, dense, np.where(random.random(count) < changed, other, dense)


def test_figures_of_a_slice_and_of_a_class():
    metrics = pytest.importorskip("sklearn.metrics")
    labels, dense, pruned = models(400)
    half = np.arange(400) < 200
    found = sliced(
        answered("p", pruned, labels),
        answered("dense", dense, labels),
        facts(400, labels, ("a", "b", "c"), half=half),
    )
    assert [(one.slice, one.kind) for one in found] == [
        ("half", "slice"),
        *(("a", "class"), ("b", "class"), ("c", "class"), ("3", "class")),
    ]
    first = found[0]
    lost = int(((dense == labels) & (pruned != labels))[:200].sum())
    won = int(((dense != labels) & (pruned == labels))[:200].sum())
    assert first.drop == tango_interval(lost, won, 200, confidence=0.90)
    assert (first.flips.right_to_wrong, first.flips.wrong_to_right, first.flips.examples) == (lost, won, 200)
    assert (first.value, first.examples) == (metrics.accuracy_score(labels[:200], pruned[:200]), 200)
    recall = metrics.recall_score(labels, pruned, average=None)
    assert [one.value for one in found[1:]] == pytest.approx(recall.tolist()), "accuracy on a class is its recall"
    assert [one.baseline for one in found[1:]] == pytest.approx(
        metrics.recall_score(labels, dense, average=None).tolist()
    )


@pytest.mark.parametrize(("correction", "adjust"), [("holm", holm), ("benjamini-hochberg", benjamini_hochberg)])
def test_alarms_are_corrected_over_all_slices_and_classes(correction, adjust):
    labels, dense, pruned = models(300)
    pruned[labels == 2] = 3
    both = answered("p", pruned, labels), answered("dense", dense, labels)
    found = sliced(*both, facts(300, labels, odd=np.arange(300) % 2 == 1), correction=correction)
    rows = [np.arange(300) % 2 == 1, *(labels == number for number in range(4))]
    p_values = [worse_p_value((dense == labels)[r].astype(float), (pruned == labels)[r].astype(float)) for r in rows]
    assert [one.p_value for one in found] == pytest.approx(p_values)
    assert [one.adjusted_p for one in found] == pytest.approx(adjust(p_values).tolist())
    assert [one.slice for one in found if one.alarm] == [one.slice for one in found if one.adjusted_p < 0.05]
    assert found[3].alarm


def test_what_got_better_is_no_alarm():
    labels, dense, pruned = models(300, changed=0)
    pruned = np.where(labels == 1, labels, pruned)
    found = sliced(answered("p", pruned, labels), answered("dense", dense, labels), facts(300, labels))
    assert found[1].drop.high < 0
    assert not any(one.alarm for one in found)


def test_slices_without_enough_examples_say_so_and_count_for_no_correction():
    labels, dense, pruned = models(200)
    failed = {number: "NaN" for number in range(4)}
    cases = {"empty": [], "lost": range(4), "few": range(4, 8), "five": range(4, 9), "rest": range(4, 200)}
    slices = {name: np.isin(np.arange(200), list(members)) for name, members in cases.items()}
    found = sliced(
        answered("p", pruned, labels, failed=failed), answered("dense", dense, labels), facts(200, **slices)
    )
    by_name = {one.slice: one for one in found}
    assert [by_name[name].note for name in ("empty", "lost", "few")] == [
        "0 examples",
        "none of 4 examples could be scored",
        "4 examples: too few for an alarm, which takes 5",
    ]
    assert [by_name[name].value is None for name in ("empty", "lost", "few")] == [True, True, False]
    tested = [one for one in found if one.p_value is not None]
    assert [one.slice for one in tested] == ["five", "rest"]
    assert tested[1].adjusted_p <= 2 * tested[1].p_value


def test_four_examples_that_all_got_worse_would_not_have_been_an_alarm():
    assert worse_p_value(np.ones(4), np.zeros(4)) > 0.05 > worse_p_value(np.ones(5), np.zeros(5))


def test_a_metric_of_which_less_is_better_alarms_where_it_rises():
    base = RANDOM.random(100)
    worse = base + np.where(np.arange(100) < 50, 0.5, -0.5)
    metric = Mean("mae", "lower", math.inf)
    rows = {"up": np.arange(100) < 50, "down": np.arange(100) >= 50}
    up, down = sliced(plain("p", mae=worse), plain("dense", mae=base), facts(100, **rows), metric)
    assert (up.alarm, down.alarm) == (True, False)
    assert up.drop.point == pytest.approx(0.5)
    assert down.drop.point == pytest.approx(-0.5)


def test_what_is_no_mean_is_tested_by_right_answers_or_not_at_all():
    labels, dense, pruned = models(120)
    pruned[labels == 0] = 1
    columns = RANDOM.standard_normal((2, 120, 2))
    scores = [answered(name, answers, labels) for name, answers in (("p", pruned), ("dense", dense))]
    for one, values in zip(scores, columns, strict=True):
        one.metrics.clear()
        one.metrics["pearson"] = values
    whole = np.ones(120, bool)
    found = sliced(*scores, facts(120, labels, all=whole), Correlation())
    right = (dense == labels).astype(float), (pruned == labels).astype(float)
    assert (found[0].metric, found[0].p_value) == ("pearson", worse_p_value(*right))
    assert [one.metric for one in found[1:]] == ["right"] * 4, "a correlation within one class says nothing of it"
    assert (found[1].value, found[1].alarm) == (0.0, True)
    bare = [plain(one.variant, pearson=one.metrics["pearson"]) for one in scores]
    (untested,) = sliced(*bare, facts(120, all=whole), Correlation())
    assert untested.drop is not None
    assert (untested.p_value, untested.alarm) == (None, False)
    assert untested.note == ("not tested: pearson is no mean of the examples, and the task has no right answers")


def test_a_slice_of_one_example_has_a_value_and_no_drop():
    (found,) = sliced(plain("p", x=[0.3, 0.4]), plain("dense", x=[0.5, 0.4]), facts(2, one=[1, 0]), Mean("x"))
    assert (found.examples, found.value, found.baseline, found.drop) == (1, 0.3, 0.5, None)
    assert found.note.startswith("x has no drop: 1 ")
    assert found.note.endswith("; 1 example: too few for an alarm, which takes 5")


def test_a_slice_in_which_the_metric_is_not_defined_keeps_its_note():
    fine, same = RANDOM.standard_normal((40, 2)), np.ones((40, 2))
    half = np.arange(40) < 20
    columns = np.where(half[:, None], same, fine)
    (found,) = sliced(plain("p", pearson=columns), plain("dense", pearson=fine), facts(40, half=half), Correlation())
    assert (found.value, found.drop) == (None, None)
    assert "pearson is not defined on 20 examples: all numbers are equal" in found.note


@pytest.mark.parametrize("correction", ["holm", "benjamini-hochberg"])
def test_where_nothing_got_worse_alarms_are_rare(correction):
    """200 runs of 16 slices and classes that overlap; without a correction a third of them would alarm falsely."""
    false, uncorrected, runs, count = 0, 0, 200, 1000
    for seed in range(runs):
        labels, dense, pruned = models(count, changed=0.5, seed=seed)
        random = np.random.default_rng((seed, 1))
        slices = {f"s{number}": random.random(count) < random.uniform(0.1, 0.4) for number in range(12)}
        found = sliced(
            answered("p", pruned, labels),
            answered("dense", dense, labels),
            facts(count, labels, **slices),
            correction=correction,
        )
        false += any(one.alarm for one in found)
        uncorrected += any(one.p_value is not None and one.p_value < 0.05 for one in found)
    assert uncorrected > 0.25 * runs
    assert false <= 0.05 * runs


@pytest.mark.parametrize("correction", ["holm", "benjamini-hochberg"])
def test_a_slice_that_lost_ten_points_of_a_hundred_is_found_among_sixteen(correction):
    """200 of 1,000 examples lose a tenth of their answers; 5 % of all change at random beside. 100 runs."""
    found, runs, count = 0, 100, 1000
    for seed in range(runs):
        labels, dense, pruned = models(count, changed=0.05, seed=seed)
        random = np.random.default_rng((seed, 2))
        slices = {"hurt": np.arange(count) < 200}
        slices |= {f"s{number}": np.arange(count) % 11 == number for number in range(11)}
        pruned = np.where(slices["hurt"] & (random.random(count) < 0.125), (labels + 2) % 4, pruned)
        both = answered("p", pruned, labels), answered("dense", dense, labels)
        alarms = [
            one.slice for one in sliced(*both, facts(count, labels, **slices), correction=correction) if one.alarm
        ]
        found += "hurt" in alarms
    assert found >= 0.9 * runs


def test_value_drop_and_flips_of_a_row_are_of_the_same_examples_where_some_failed():
    labels, dense, pruned = models(120, 0.5)
    half = np.arange(120) < 60
    (first,) = sliced(
        answered("p", pruned, labels, failed={3: "no answer", 70: "no answer"}),
        answered("dense", dense, labels, failed={n: "no answer" for n in range(20, 30)}),
        facts(120, half=half),
    )
    assert first.examples == first.flips.examples == 60 - 11
    assert first.baseline - first.value == pytest.approx(first.drop.point)
    assert first.drop.method.endswith("of 49 pairs")
