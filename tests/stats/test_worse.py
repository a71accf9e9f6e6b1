"""The p-value of an alarm: against scipy's tests, and its level and power, simulated."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from xbench.stats.alarms import holm
from xbench.stats.worse import worse_p_value


def outcomes(b, c, both):
    """Right or wrong: `b` only the baseline's, `c` only the candidate's, `both`."""
    return [1] * b + [0] * c + [1] * both, [0] * b + [1] * c + [1] * both


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 60), st.integers(0, 60), st.integers(1, 20))
def test_right_and_wrong_is_the_exact_test_of_mcnemar(b, c, both):
    expected = stats.binomtest(b, b + c, alternative="greater").pvalue if b + c else 1.0
    assert worse_p_value(*outcomes(b, c, both)) == pytest.approx(expected)


@pytest.mark.parametrize("seed", range(6))
def test_few_changes_are_enumerated_as_scipy_does(seed):
    generator = np.random.default_rng(seed)
    before, after = generator.random((2, 9)).round(1)  # ties among the sums, and differences of 0
    expected = stats.permutation_test(
        (before, after),
        lambda x, y: np.mean(x - y),
        permutation_type="samples",
        alternative="greater",
        n_resamples=np.inf,
    )
    assert worse_p_value(before, after) == pytest.approx(expected.pvalue)


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.1])
def test_many_changes_are_drawn_and_agree_with_the_normal_limit(shift):
    generator = np.random.default_rng(61)
    before = generator.random(400)
    after = before + generator.normal(0, 0.5, 400)
    drops = before - after
    after += drops.mean() - shift  # a drop of `shift` exactly
    drops = before - after
    limit = stats.norm.sf(drops.sum() / np.sqrt((drops**2).sum()))
    assert worse_p_value(before, after) == pytest.approx(limit, abs=0.015)


def test_the_smallest_p_value_still_alarms_among_a_hundred_slices():
    before = np.random.default_rng(62).uniform(0.5, 1, 300)
    p = worse_p_value(before, before - np.linspace(0.1, 0.4, 300))
    assert 0 < holm([p, *[1.0] * 99])[0] < 0.05


def test_the_seed_decides_what_is_drawn():
    before, after = np.random.default_rng(63).random((2, 50))
    assert worse_p_value(before, after) == worse_p_value(before, after)
    assert worse_p_value(before, after, seed=1) == pytest.approx(worse_p_value(before, after), abs=0.02)


def test_nothing_changed_is_no_alarm():
    assert worse_p_value([0.3], [0.3]) == 1.0
    assert worse_p_value([1, 0], [1, 0]) == 1.0
    assert worse_p_value([0], [1]) == 1.0


@pytest.mark.parametrize(("before", "after"), [([], []), ([1, 2], [1]), ([np.nan], [1]), ([[1]], [[1]])])
def test_what_cannot_be_paired_is_refused(before, after):
    with pytest.raises(ValueError):
        worse_p_value(before, after)


@pytest.mark.parametrize("n", [12, 40])
def test_reciprocal_ranks_that_are_no_worse_rarely_alarm(n):
    generator = np.random.default_rng(64)
    before, after = 1 / generator.integers(1, 6, (2, 400, n))
    changed = generator.random((400, n)) < 0.3
    found = [worse_p_value(x, np.where(c, y, x)) for x, y, c in zip(before, after, changed, strict=True)]
    rate = np.mean(np.array(found) < 0.05)
    print(f"level: {rate:.3f}")
    assert rate <= stats.binom.ppf(0.999, 400, 0.05) / 400


def test_a_slice_that_lost_its_answers_is_found():
    generator = np.random.default_rng(65)
    pairs = generator.multinomial(100, [0.12, 0.02, 0.86], 400)
    power = np.mean([worse_p_value(*outcomes(b, c, 1)) < 0.05 for b, c, _ in pairs.tolist()])
    print(f"power: {power:.3f}")
    assert power > 0.75
