"""The interval of a proportion and of a mean score, of one model alone."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xbench.stats.means import mean_interval
from xbench.stats.proportions import wilson_interval


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 3000), st.data(), st.sampled_from([0.8, 0.9, 0.95, 0.99]))
def test_wilson_is_scipys(n, data, confidence):
    k = data.draw(st.integers(0, n))
    found = wilson_interval(k, n, confidence)
    expected = stats.binomtest(k, n).proportion_ci(confidence, method="wilson")
    assert (found.low, found.high) == (pytest.approx(expected.low), pytest.approx(expected.high))
    assert 0 <= found.low <= found.point == k / n <= found.high <= 1


@pytest.mark.parametrize(("k", "n", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 0, 0.95), (1, 2, 95)])
def test_wilson_refuses_what_cannot_be(k, n, confidence):
    with pytest.raises(ValueError):
        wilson_interval(k, n, confidence)


@pytest.mark.parametrize(("n", "share"), [(50, 0.02), (50, 0.9), (275, 0.02), (275, 0.9)])
def test_wilson_covers_on_average_and_never_misses_by_much(n, share):
    """Exactly: the sum over all outcomes. With 2 % of 50 it is 0.92 (lattice), never far below."""
    ks = np.arange(n + 1)
    held = [found.low <= share <= found.high for found in (wilson_interval(int(k), n) for k in ks)]
    assert stats.binom.pmf(ks, n, share)[held].sum() >= 0.915


RANKS = np.append(1 / np.arange(1, 20), 0.0)
EASY = np.append([0.97, 0.01], np.full(18, 0.02 / 18))
HARD = np.append([0.47, 0.14, 0.08, 0.05, 0.03], np.full(15, 0.23 / 15))


def brier(generator, n):
    sure = generator.beta(5, 1, n)
    return np.where(generator.random(n) < sure, 2 * (1 - sure) ** 2, 2 * sure**2)


SCORES = {
    "reciprocal ranks": (lambda g, n: g.choice(RANKS, n, p=HARD), 1.0, float(RANKS @ HARD)),
    "nearly all first": (lambda g, n: g.choice(RANKS, n, p=EASY), 1.0, float(RANKS @ EASY)),
    # E 2 (p (1-p)^2 + (1-p) p^2) = 2 E p (1-p), of Beta(5, 1): 2 * 5 / (6 * 7)
    "brier": (brier, 2.0, 10 / 42),
    "ndcg": (lambda g, n: np.where(g.random(n) < 0.6, 1.0, g.random(n)), 1.0, 0.8),
    "absolute errors": (lambda g, n: np.abs(g.normal(0, 1, n)), math.inf, math.sqrt(2 / math.pi)),
}


@pytest.mark.parametrize("n", [20, 275])
@pytest.mark.parametrize("kind", SCORES)
def test_a_mean_covers(kind, n):
    drawn, span, truth = SCORES[kind]
    generator = np.random.default_rng(71)
    found = [mean_interval(drawn(generator, n), span, resamples=400) for _ in range(300)]
    covered = np.mean([one.low <= truth <= one.high for one in found])
    print(f"coverage: {kind} {n}: {covered:.3f}")
    assert covered >= stats.binom.ppf(0.001, 300, 0.95) / 300


def test_right_and_wrong_is_wilsons():
    assert mean_interval([1, 1, 0, 1.0], 1.0) == wilson_interval(3, 4)
    assert mean_interval([1.0], 1.0) == wilson_interval(1, 1)
    assert "bootstrap" in mean_interval([1, 1, 0, 1.0], 2.0).method, "0 and 1 are not all that there can be"


def test_scores_that_are_all_the_same_are_no_proof():
    found = mean_interval(np.full(50, 0.5), 1.0)
    assert found.low < 0.49
    assert found.high > 0.51
    assert mean_interval(np.full(50, 0.99), 1.0).high <= 1


def test_cosines_below_zero_have_a_range_around_them():
    cosines = np.random.default_rng(72).uniform(-0.2, 0.9, 100)
    found = mean_interval(cosines, 2.0)
    assert found.low < cosines.mean() < found.high


def test_the_seed_decides():
    scores = np.random.default_rng(73).random(30)
    assert mean_interval(scores, 1.0) == mean_interval(scores, 1.0)
    assert mean_interval(scores, 1.0) != mean_interval(scores, 1.0, seed=1)


@pytest.mark.parametrize(
    ("scores", "span"), [([], 1.0), ([0.5], 1.0), ([0.5, np.nan], 1.0), ([0.5, 0.2], 0.0), ([2.0, 2.0], math.inf)]
)
def test_what_has_no_interval_is_refused(scores, span):
    with pytest.raises(ValueError):
        mean_interval(scores, span)
