"""What a number of examples can show: the formula against simulated tests."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from xbench.stats.detecting import decidable, smallest_drop
from xbench.stats.paired import non_inferior, paired_bootstrap, samples_for_margin, tango_interval


@pytest.mark.parametrize(("n", "changed"), [(275, 0.1), (275, 0.2), (1000, 0.05), (5000, 0.02), (5000, 0.2)])
def test_the_smallest_drop_is_found_with_the_power_asked_for(n, changed):
    drop = smallest_drop(n, changed)
    worse, better = (changed + drop) / 2, (changed - drop) / 2
    pairs = np.random.default_rng(91).multinomial(n, [worse, better, 1 - changed], 2000)
    low = {(b, c): tango_interval(b, c, n, 0.90).low for b, c in {(b, c) for b, c, _ in pairs.tolist()}}
    power = np.mean([low[b, c] > 0 for b, c, _ in pairs.tolist()])
    print(f"power: {n} {changed}: drop {drop:.4f}, {power:.3f}")
    assert 0.76 <= power <= 0.84


def test_the_smallest_drop_is_the_sample_size_of_connor_backwards():
    z, z_power = stats.norm.ppf([0.95, 0.8])
    for n, changed in [(275, 0.1), (5000, 0.05)]:
        drop = smallest_drop(n, changed)
        needed = (z * math.sqrt(changed) + z_power * math.sqrt(changed - drop**2)) ** 2 / drop**2
        assert needed == pytest.approx(n)


def test_more_examples_find_less_and_more_change_hides_more():
    assert smallest_drop(5000, 0.05) < smallest_drop(275, 0.05) < smallest_drop(275, 0.2)
    assert smallest_drop(275, 0.05, power=0.9) > smallest_drop(275, 0.05)
    assert smallest_drop(275, 0.05, confidence=0.99) > smallest_drop(275, 0.05)
    assert smallest_drop(1000, 1) > 0


def test_so_few_changes_show_nothing():
    assert smallest_drop(275, 0.01) == math.inf
    assert smallest_drop(1, 0.5) == math.inf


def test_near_the_sample_size_of_a_margin():
    """Of the same square root: what n examples pass at power 80 % is about what they find."""
    assert smallest_drop(samples_for_margin(0.05, 0.01), 0.05) == pytest.approx(0.01, rel=0.02)


@pytest.mark.parametrize("broken", [(0, 0.1), (10, 0), (10, 1.1), (10, 0.1, 95), (10, 0.1, 0.95, 0)])
def test_what_cannot_be_is_refused(broken):
    with pytest.raises(ValueError):
        smallest_drop(*broken)


@pytest.mark.parametrize("n", [20, 100, 275])
def test_decidable_is_what_the_gate_says_of_equal_answers(n):
    z2 = stats.norm.ppf(0.95) ** 2
    end = z2 / (n + z2)
    assert not decidable(n, end * 0.999)
    assert decidable(n, end * 1.001)
    same = np.full(n, 0.4)
    for margin in (1 / n, 2 / n, 4 / n):
        passes = non_inferior(paired_bootstrap(same, same, 0.90), margin) == "pass"
        assert decidable(n, margin, binary=False) == passes
        assert decidable(n, 2 * margin, binary=False, span=2) == passes


def test_decidable_refuses_what_cannot_be():
    for broken in [(0, 0.01), (10, 0.01, 95)]:
        with pytest.raises(ValueError):
            decidable(*broken)
