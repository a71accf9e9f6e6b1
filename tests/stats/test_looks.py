"""Several looks at a growing sample share one error: their intervals, taken together, are wrong no more often."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from xbench.stats.looks import error_each, two_sided


def test_the_looks_share_the_error_equally():
    assert error_each(0.975, 1) == pytest.approx(0.025)
    assert 3 * error_each(0.95, 3) == pytest.approx(0.05)
    assert two_sided(0.975, 1) == pytest.approx(0.95)
    assert two_sided(0.95, 5) == pytest.approx(0.98)
    # Pocock (1977), table 1: three looks at 5 % two-sided take 2.21 % each, where they are jointly normal.
    assert error_each(0.975, 3) < 0.0221 / 2


@pytest.mark.parametrize(("confidence", "looks"), [(1.0, 1), (0.0, 1), (97.5, 1), (0.95, 0), (0.4, 1)])
def test_what_is_no_confidence_or_no_look_is_refused(confidence, looks):
    with pytest.raises(ValueError, match=r"must lie between 0 and 1|there is at least one"):
        two_sided(confidence, looks)


def passes(samples, ends, level):
    """Whether the lower end of Student's interval of the first n is ever above the truth, 0."""
    ever = np.zeros(len(samples), bool)
    for n in ends:
        some = samples[:, :n]
        error = some.std(axis=1, ddof=1) / np.sqrt(n)
        ever |= some.mean(axis=1) - stats.t.ppf(0.5 + level / 2, n - 1) * error > 0
    return ever.mean()


def test_to_look_again_makes_no_pass():
    """Six sets, then six more, and so on: five looks in all, the true effect being none."""
    repetitions, ends, confidence = 20_000, (6, 12, 18, 24, 30), 0.975
    samples = np.random.default_rng(1).normal(size=(repetitions, ends[-1]))
    error = 3 * np.sqrt(0.025 * 0.975 / repetitions)
    assert passes(samples, ends, two_sided(confidence, len(ends))) < 0.025
    assert passes(samples, ends[:1], two_sided(confidence, 1)) == pytest.approx(0.025, abs=error)
    assert passes(samples, ends, two_sided(confidence, 1)) > 0.06, "each look at the full confidence does make some"
