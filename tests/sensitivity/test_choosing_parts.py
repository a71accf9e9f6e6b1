"""Halves, ranking and proposals: what is chosen on some examples is told on others."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from xbench.errors import InputError
from xbench.records.quality import ExampleScores
from xbench.records.recipe import MagnitudeRecipe, NMRecipe, StructuredRecipe
from xbench.records.sensitivity import SensitivePart
from xbench.sensitivity.halves import halves
from xbench.sensitivity.judging import Judge, ranked
from xbench.sensitivity.proposing import at_as_many_zeros, fewest, ladder, sparing

SHARE = SimpleNamespace(name="accuracy", better="higher", span=1.0)
ERROR = SimpleNamespace(name="mae", better="lower", span=10.0)


def scores_of(values, right=None, failed=None):
    return ExampleScores("v", "here", "0" * 64, {"m": np.asarray(values, float)}, failed or {}, right=right)


def judge_of(metric, dense, pruned, choosing):
    ids = np.array([f"e{n}" for n in range(len(choosing))])
    return Judge("m", metric, dense, pruned, choosing, ~choosing, ids, 0)


def part(name, point=0.0, p=None, back=1):
    gain = {"point": point, "low": point, "high": point, "confidence": 0.9, "method": "by hand"}
    row = {"name": name, "kind": "weights", "layers": (name,), "weights_back": back, "weights_share": 0.1}
    return SensitivePart.model_validate(row | {"gain": gain, "p_value": p})


def test_halves_are_fixed_and_alike_in_every_class():
    labels = np.repeat([0, 1, 2, -1], (31, 8, 1, 10))
    choosing, confirming = halves(50, labels, seed=4)
    assert (choosing ^ confirming).all()
    assert choosing.sum() == 25
    for label in set(labels):
        mine = labels == label
        assert abs(int(choosing[mine].sum()) - int(confirming[mine].sum())) <= 1
    assert (halves(50, labels, seed=4)[0] == choosing).all()
    assert (halves(50, labels, seed=5)[0] != choosing).any()


def test_too_few_examples_are_refused():
    with pytest.raises(InputError, match="19 examples are too few"):
        halves(19, None, 0)


def test_what_is_chosen_by_chance_looks_good_where_it_was_chosen_and_nowhere_else():
    """Thirty layers that do nothing, two hundred times: the best of them."""
    rng = np.random.default_rng(1)
    chose, told, covered, beyond = [], [], 0, 0
    for _ in range(200):
        pruned = rng.random(200) < 0.7
        undone = np.where(rng.random((30, 200)) < 0.15, rng.random((30, 200)) < 0.7, pruned)
        choosing, _ = halves(200, pruned.astype(np.int64), int(rng.integers(1 << 30)))
        judge = judge_of(SHARE, scores_of(pruned), scores_of(pruned), choosing)
        rows = [
            part(str(n), judge.value(scores_of(one), choosing), judge.p_value(scores_of(one), judge.pruned, choosing))
            for n, one in enumerate(undone)
        ]
        first = ranked(rows)[0]
        scores = scores_of(undone[int(first.name)])
        beyond += any(one.beyond_chance for one in ranked(rows))
        chose.append(judge.gain(scores, judge.pruned, choosing).point)
        gain = judge.gain(scores, judge.pruned, judge.confirming)
        told.append(gain.point)
        covered += gain.low <= 0 <= gain.high
    assert np.mean(chose) > 0.03
    assert abs(np.mean(told)) < 0.01
    assert covered >= 170, "a 90 % interval"
    assert beyond <= 20, "5 % of 200 runs at most, but for chance"


def test_gains_point_up_where_lower_is_better():
    choosing = np.arange(60) % 2 == 0
    dense, pruned = scores_of(np.zeros(60)), scores_of(np.full(60, 3.0))
    undone = scores_of(np.full(60, 1.0))
    judge = judge_of(ERROR, dense, pruned, choosing)
    assert judge.gain(undone, pruned, choosing).point == pytest.approx(2.0)
    assert judge.gain(dense, undone, choosing).point == pytest.approx(1.0)
    assert judge.p_value(undone, pruned, choosing) < 1e-4
    assert judge.p_value(scores_of(np.full(60, 4.0)), pruned, choosing) > 0.9
    assert judge.shown(dense, undone, choosing)
    assert not judge.shown(undone, dense, choosing)


def test_answers_won_are_counted_where_both_were_scored():
    choosing = np.array([True] * 5 + [False] * 5)
    before, after = np.zeros(10, bool), np.ones(10, bool)
    after[1] = False
    before[1] = True
    values = np.ones(10)
    values[0] = np.nan
    judge = judge_of(SHARE, scores_of(np.ones(10)), scores_of(np.zeros(10), before), choosing)
    assert judge.answers(scores_of(values, after, {0: "raised"})) == (3, 1, ("e2", "e3", "e4"))


def test_ranking_corrects_for_all_parts():
    rows = [part("a", 0.01, 0.02), part("b", 0.3, 0.001), part("c", 0.3, 0.5, back=0), part("d", 0.0, 0.6)]
    found = ranked(rows)
    assert [one.name for one in found] == ["c", "b", "a", "d"]
    assert {one.name: one.beyond_chance for one in found} == {"a": False, "b": True, "c": False, "d": False}
    assert found[2].adjusted_p == pytest.approx(0.06), "0.02 is below 5 %, three times it is not"


@pytest.mark.parametrize(
    ("helping", "parts", "counts"),
    [
        (0, 9, ()),
        (5, 1, ()),
        (5, 2, (1,)),
        (9, 9, (1, 2, 3, 4)),
        (3, 30, (1, 2, 3)),
        (40, 80, (1, 2, 3, 5, 8, 13, 21, 34, 40)),
    ],
)
def test_the_ladder_ends_at_half_of_all(helping, parts, counts):
    assert ladder(helping, parts) == counts


def test_the_fewest_that_the_best_is_not_shown_to_beat():
    tries = [(1, 0.80), (2, 0.90), (3, 0.91), (5, 0.89)]
    assert fewest(tries, lambda one: one[1], lambda a, b: a[1] - b[1] > 0.05) == (2, 0.90)
    assert fewest(tries, lambda one: one[1], lambda a, b: a[1] > b[1]) == (3, 0.91)


def test_names_in_exclude_are_meant_literally():
    recipe = MagnitudeRecipe(method="magnitude", sparsity=0.5, exclude=("head*",))
    assert sparing(recipe, ["a.b", "odd[0]"]).exclude == ("head*", "a.b", "odd[[]0]")
    widths = StructuredRecipe(method="structured", widths={"a": 3, "b": 4})
    assert sparing(widths, ["a"]).widths == {"b": 4}


def test_as_many_zeros_by_pruning_the_others_more():
    recipe = MagnitudeRecipe(method="magnitude", sparsity=0.5, exclude=("a",))
    raised, _ = at_as_many_zeros(recipe, taken=400, wanted=600)
    assert raised.sparsity == 0.75
    assert raised.exclude == ("a",)
    assert "all of their weights" in at_as_many_zeros(recipe, taken=200, wanted=600)[1]
    assert "no share of weights" in at_as_many_zeros(NMRecipe(method="n:m"), taken=400, wanted=600)[1]
