from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from xbench.records.estimate import Estimate
from xbench.stats.paired import non_inferior, paired_bootstrap, samples_for_margin, tango_interval


@pytest.mark.parametrize(
    ("b", "c", "n", "confidence", "low", "high", "digits"),
    [
        # R contingencytables::Tango_asymptotic_score_CI_paired_2x2 (Fagerland, Lydersen and Laake 2017,
        # "Statistical Analysis of Contingency Tables", chapter 8), its test of Cavo et al. 2012
        (6, 16, 161, 0.95, -0.1240, -0.0054, 4),
        # the same book's Bentur et al. 2009, as in the source of R ratesci
        (1, 7, 21, 0.95, -0.517, -0.026, 3),
        # R PropCIs::scoreci.mp(25, 28, 618, 0.90), whose difference is (second - first) / n
        (28, 25, 618, 0.90, -0.0148, 0.0247, 4),
    ],
)
def test_tango_agrees_with_published_figures(b, c, n, confidence, low, high, digits):
    estimate = tango_interval(b, c, n, confidence)
    assert round(estimate.low, digits) == low
    assert round(estimate.high, digits) == high


def likelihood_share(b, c, n, d):
    """The share of "only the candidate right" that makes the counts likeliest if the drop is d."""
    lowest, highest = max(0.0, -d), (1 - d) / 2

    def loss(q):
        shares = np.clip([q + d, q, 1 - 2 * q - d], 1e-300, 1)
        return -float(np.dot([b, c, n - b - c], np.log(shares)))

    found = optimize.minimize_scalar(loss, bounds=(lowest, highest), method="bounded", options={"xatol": 1e-12})
    return min([lowest, highest, float(found.x)], key=loss)


@pytest.mark.parametrize(
    ("b", "c", "n"), [(6, 16, 161), (1, 7, 21), (3, 2, 10), (5, 0, 40), (0, 3, 8), (4, 4, 8), (9, 1, 10)]
)
@pytest.mark.parametrize("confidence", [0.8, 0.9, 0.95, 0.99])
def test_tango_agrees_with_a_direct_maximisation_of_the_likelihood(b, c, n, confidence):
    z = stats.norm.ppf(0.5 + confidence / 2)

    def score(d):
        q = likelihood_share(b, c, n, d)
        return (b - c - n * d) / math.sqrt(n * (2 * q + d - d * d))

    estimate = tango_interval(b, c, n, confidence)
    point = (b - c) / n
    low = optimize.brentq(lambda d: score(d) - z, -1 + 1e-9, point - 1e-9)
    high = optimize.brentq(lambda d: score(d) + z, point + 1e-9, 1 - 1e-9)
    assert estimate.low == pytest.approx(low, abs=2e-6)
    assert estimate.high == pytest.approx(high, abs=2e-6)


def test_tango_at_the_edges():
    z2 = stats.norm.ppf(0.975) ** 2
    none = tango_interval(0, 0, 44)
    assert (none.low, none.point) == (pytest.approx(-z2 / (44 + z2)), 0)
    assert none.high == -none.low
    all_lost = tango_interval(5, 0, 5)
    assert (all_lost.point, all_lost.high) == (1, 1)
    assert all_lost.low == pytest.approx((5 - z2) / (5 + z2))
    one = tango_interval(0, 1, 1)
    assert (one.point, one.low) == (-1, -1)
    assert one.high == pytest.approx((z2 - 1) / (1 + z2))


counts = st.tuples(st.integers(0, 400), st.integers(0, 400), st.integers(0, 400)).filter(lambda abc: sum(abc) > 0)


@settings(max_examples=150, deadline=None)
@given(counts, st.floats(0.5, 0.999))
def test_tango_holds_the_point_stays_in_range_and_mirrors(abc, confidence):
    b, c, rest = abc
    there, back = (
        tango_interval(b, c, b + c + rest, confidence),
        tango_interval(c, b, b + c + rest, confidence),
    )
    assert -1 <= there.low <= there.point <= there.high <= 1
    assert there.low < there.high
    assert (there.low, there.high) == (pytest.approx(-back.high), pytest.approx(-back.low))


@pytest.mark.parametrize(("b", "c", "n"), [(-1, 0, 5), (3, 3, 5), (0, 0, 0)])
def test_impossible_counts_are_refused(b, c, n):
    with pytest.raises(ValueError, match="cannot be"):
        tango_interval(b, c, n)


def discordant_counts(generator, repetitions, n, worse, better):
    drawn = generator.multinomial(n, [worse, better, 1 - worse - better], repetitions)
    return [(int(b), int(c)) for b, c, _ in drawn]


@pytest.mark.parametrize(
    ("n", "worse", "better"),
    [(30, 0.2, 0.1), (100, 0.03, 0.02), (275, 0.02, 0.02), (275, 0.15, 0.05), (1000, 0.03, 0.02)],
)
def test_tango_covers(n, worse, better):
    pairs = discordant_counts(np.random.default_rng(41), 2000, n, worse, better)
    interval = {pair: tango_interval(*pair, n) for pair in set(pairs)}
    covered = np.mean([interval[pair].low <= worse - better <= interval[pair].high for pair in pairs])
    print(f"coverage: {n} {worse} {better}: {covered:.3f}")
    assert covered >= 0.93


def gate_passes(n, worse, better, margin):
    pairs = discordant_counts(np.random.default_rng(42), 2000, n, worse, better)
    outcome = {pair: non_inferior(tango_interval(*pair, n, 0.90), margin) for pair in set(pairs)}
    return np.mean([outcome[pair] == "pass" for pair in pairs])


def test_a_gate_passes_what_is_as_good_with_the_power_asked_for():
    n = samples_for_margin(0.05, 0.01)
    power = gate_passes(n, 0.025, 0.025, 0.01)
    print(f"power: {power:.3f}")
    assert 0.77 <= power <= 0.84


def test_a_gate_rarely_passes_what_is_worse_by_the_margin():
    passed = gate_passes(3092, 0.03, 0.02, 0.01)
    print(f"false_pass: {passed:.3f}")
    assert passed <= 0.06


def test_samples_for_margin_is_the_figure_of_the_design():
    assert samples_for_margin(0.05, 0.01) == 3092
    assert samples_for_margin(0.05, 0.02) == 773
    assert samples_for_margin(1, 0.5) > 0
    for broken in [(0, 0.01), (0.05, 0), (5, 0.01), (0.05, 1)]:
        with pytest.raises(ValueError):
            samples_for_margin(*broken)


RANKED = np.append(1 / np.arange(1, 20), 0.0)
FOUND_AT = np.append([0.47, 0.14, 0.08, 0.05, 0.03], np.full(15, 0.23 / 15))


def reciprocal_ranks(generator, repetitions, n, changed):
    """Reciprocal ranks of a baseline, and of a candidate that ranks a share of them anew, and worse."""
    before = generator.choice(20, (repetitions, n), p=FOUND_AT)
    anew = generator.choice(20, (repetitions, n), p=FOUND_AT) + generator.integers(0, 6, (repetitions, n))
    after = np.where(generator.random((repetitions, n)) < changed, np.clip(anew, 0, 19), before)
    return RANKED[before], RANKED[after]


def true_drop(changed):
    anew = sum(RANKED[np.clip(np.arange(20) + worse, 0, 19)] / 6 for worse in range(6))
    return changed * float(FOUND_AT @ (RANKED - anew))


@pytest.mark.parametrize("n", [30, 100, 275])
@pytest.mark.parametrize("changed", [0.01, 0.05, 0.2, 0.6])
def test_paired_bootstrap_covers_reciprocal_ranks(n, changed):
    before, after = reciprocal_ranks(np.random.default_rng(43), 1000, n, changed)
    truth = true_drop(changed)
    found = [paired_bootstrap(x, y, resamples=300) for x, y in zip(before, after, strict=True)]
    covered = np.mean([estimate.low <= truth <= estimate.high for estimate in found])
    too_low = np.mean([estimate.high < truth for estimate in found])
    print(f"coverage: n {n} changed {changed}: {covered:.3f}, above it {too_low:.3f}")
    assert covered >= 0.93
    assert too_low <= 0.05  # what a gate would pass by mistake; 0.025 by name


@pytest.mark.parametrize("lost", [2, 5, 10, 40])
@pytest.mark.parametrize("n", [50, 1000])
def test_a_few_lost_answers_are_rarely_passed_by_mistake(n, lost):
    """All changes for the worse, the hardest case: one-sided 5 % by name, and counts are a lattice."""
    counts = np.random.default_rng(46).binomial(n, lost / n, 1000)
    same = np.zeros(n)
    high = {int(b): paired_bootstrap(np.arange(n) < b, same, 0.90, resamples=3000).high for b in np.unique(counts)}
    too_low = np.mean([high[int(b)] < lost / n for b in counts])
    print(f"too low: {n} {lost}: {too_low:.3f}")
    assert too_low <= stats.binom.ppf(0.999, 1000, 0.06) / 1000


def test_no_drop_is_beyond_what_one_sample_can_change():
    found = paired_bootstrap([1, 0.5, 1], [0, 0, 1], 0.99)
    assert -1 <= found.low < found.high == 1


def test_no_change_seen_is_the_rule_of_three():
    same = np.zeros(1000)
    assert paired_bootstrap(same, same, 0.90).high == pytest.approx(3 / 1000, rel=0.02)


def test_paired_bootstrap_of_equal_outputs_is_not_certain():
    scores = np.random.default_rng(44).random(275)
    estimate = paired_bootstrap(scores, scores)
    assert estimate.point == 0
    assert 0.005 < estimate.high < 0.02
    assert estimate.low == pytest.approx(-estimate.high, rel=0.2)


def test_paired_bootstrap_on_plain_numbers_is_near_the_t_interval():
    generator = np.random.default_rng(45)
    before = generator.normal(0.6, 0.1, 400)
    after = before - generator.normal(0.02, 0.05, 400)
    estimate = paired_bootstrap(before, after, span=0.05)
    drops = before - after
    half = stats.t.ppf(0.975, 399) * drops.std(ddof=1) / 20
    assert estimate.low == pytest.approx(drops.mean() - half, abs=0.1 * half)
    assert estimate.high == pytest.approx(drops.mean() + half, abs=0.1 * half)
    assert estimate == paired_bootstrap(before, after, span=0.05)
    assert estimate != paired_bootstrap(before, after, span=0.05, seed=1)


def test_paired_bootstrap_fits_into_memory_with_many_samples():
    many = np.linspace(0, 1, 100_000)
    estimate = paired_bootstrap(many, many - 0.1, resamples=50)
    assert estimate.low <= 0.1 <= estimate.high


@pytest.mark.parametrize(
    ("before", "after"), [([1, 2], [1]), ([1], [1]), ([], []), ([1, math.nan], [1, 2]), ([[1, 2]], [[1, 2]])]
)
def test_broken_pairs_are_refused(before, after):
    with pytest.raises(ValueError):
        paired_bootstrap(before, after)


@pytest.mark.parametrize(
    ("low", "high", "outcome"),
    [
        (-0.01, 0.005, "pass"),
        (0.001, 0.01, "pass"),  # worse for sure, and within what is allowed
        (-0.01, 0.02, "inconclusive"),
        (0.0101, 0.02, "fail"),
        (0.0, math.inf, "invalid"),
        (math.nan, 0.0, "invalid"),
    ],
)
def test_the_table_of_the_gate(low, high, outcome):
    drop = Estimate(point=0.0, low=low, high=high, confidence=0.9, method="by hand")
    assert non_inferior(drop, 0.01) == outcome


def test_an_impossible_margin_is_refused():
    drop = Estimate(point=0.0, low=0.0, high=0.0, confidence=0.9, method="by hand")
    with pytest.raises(ValueError, match="margin"):
        non_inferior(drop, -0.01)
