from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from xbench.stats.percentiles import required_samples, supported_percentile


@pytest.mark.parametrize(("percentile", "needed"), [(0.90, 64), (0.99, 662)])
def test_reproduces_the_floors_that_loadgen_publishes(percentile, needed):
    assert required_samples(percentile) == needed


@pytest.mark.parametrize("percentile", [0.5, 0.75, 0.95, 0.97, 0.999])
@pytest.mark.parametrize("confidence", [0.9, 0.99])
def test_is_the_smallest_number_by_the_binomial_itself(percentile, confidence):
    needed = required_samples(percentile, confidence)
    assert stats.binom.cdf(1, needed, 1 - percentile) <= 1 - confidence
    assert stats.binom.cdf(1, needed - 1, 1 - percentile) > 1 - confidence


def test_the_lower_tail_needs_as_much_as_the_upper():
    assert required_samples(0.1) == required_samples(0.9)


def test_below_the_floor_there_is_no_value_but_the_number_needed():
    assert supported_percentile(np.arange(63), 0.9) == (None, 63, 64)
    assert supported_percentile([], 0.99) == (None, 0, 662)


def test_at_the_floor_the_value_is_one_of_the_samples():
    assert supported_percentile(np.arange(1, 101), 0.9) == (90.0, 100, 64)
    assert supported_percentile(np.arange(1000, 0, -1), 0.99).value == 990.0


@pytest.mark.parametrize("percentile", [0.0, 1.0, 50, float("nan")])
def test_a_percentile_in_per_cent_is_refused(percentile):
    with pytest.raises(ValueError, match="percentile"):
        required_samples(percentile)


def test_samples_that_are_not_finite_are_refused():
    with pytest.raises(ValueError, match="not finite"):
        supported_percentile([1.0] * 63 + [math.nan], 0.9)
