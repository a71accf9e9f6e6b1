"""Adjusted p-values: against scipy, against the closed test that Holm's is, and what they promise, simulated."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xbench.stats.alarms import benjamini_hochberg, holm
from xbench.stats.worse import worse_p_value

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=8)


def closed_test(p):
    """Bonferroni in every set of hypotheses that holds the one in question (Marcus, Peritz and Gabriel 1976)."""
    sets = [s for size in range(1, len(p) + 1) for s in itertools.combinations(range(len(p)), size)]
    return [max(min(1, len(s) * min(p[i] for i in s)) for s in sets if one in s) for one in range(len(p))]


@settings(max_examples=60, deadline=None)
@given(p_values)
def test_holm_is_the_closed_test(p):
    assert holm(p) == pytest.approx(closed_test(p))


@settings(max_examples=60, deadline=None)
@given(p_values)
def test_benjamini_hochberg_is_scipys(p):
    assert benjamini_hochberg(p) == pytest.approx(stats.false_discovery_control(p, method="bh"))


@settings(max_examples=60, deadline=None)
@given(p_values, st.randoms(use_true_random=False))
@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
def test_order_does_not_matter_and_none_gets_smaller(adjusted, p, random):
    order = list(range(len(p)))
    random.shuffle(order)
    found = adjusted(p)
    assert list(adjusted([p[i] for i in order])) == [found[i] for i in order]
    assert (found >= np.array(p)).all()
    assert (np.diff(found[np.argsort(p, kind="stable")]) >= 0).all()


@pytest.mark.parametrize("broken", [[], [0.5, float("nan")], [-0.1], [1.1], [[0.1, 0.2]]])
@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
def test_what_is_no_list_of_p_values_is_refused(adjusted, broken):
    with pytest.raises(ValueError):
        adjusted(broken)


def slices_that_overlap(generator, n=275, slices=20):
    """p-values of 20 slices of 275 examples, each with 4 to 40 % of them; nothing is worse."""
    member = generator.random((slices, n)) < generator.uniform(0.04, 0.4, slices)[:, None]
    before, after = generator.random((2, n)) < 0.7
    return [worse_p_value(before[one], after[one]) if one.any() else 1.0 for one in member]


@pytest.mark.parametrize("adjusted", [holm, benjamini_hochberg])
def test_where_nothing_is_worse_there_is_rarely_an_alarm(adjusted):
    generator = np.random.default_rng(51)
    alarms = [(adjusted(slices_that_overlap(generator)) < 0.05).any() for _ in range(600)]
    print(f"false alarms: {np.mean(alarms):.3f}")
    assert np.mean(alarms) <= 0.05


def test_of_the_alarms_few_are_false_and_benjamini_hochberg_has_more():
    """Independent slices, so that it is known which are worse: 5 of 20."""
    generator = np.random.default_rng(52)
    false, found = [], {holm: [], benjamini_hochberg: []}
    for _ in range(400):
        worse = generator.multinomial(100, [0.18, 0.02, 0.8], 5).tolist()
        same = generator.multinomial(100, [0.05, 0.05, 0.9], 15).tolist()
        p = [stats.binomtest(b, b + c, alternative="greater").pvalue if b + c else 1 for b, c, _ in worse + same]
        for adjusted, rates in found.items():
            rates.append((adjusted(p)[:5] < 0.05).mean())
        alarms = benjamini_hochberg(p) < 0.05
        false.append(alarms[5:].sum() / max(1, alarms.sum()))
    print(f"false share: {np.mean(false):.3f}; power {[np.mean(rates) for rates in found.values()]}")
    assert np.mean(false) <= 0.05
    assert 0.5 < np.mean(found[holm]) < np.mean(found[benjamini_hochberg])
