"""The search of the highest rate: LoadGen's constants, the exact theory of M/D/1, and planted mistakes."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from xbench.measure.load import serve_arrivals
from xbench.stats.arrivals import poisson_arrivals
from xbench.stats.percentiles import required_samples
from xbench.stats.serving import (
    RateBracket,
    RateSearch,
    failing_count,
    long_run_bracket,
    long_run_rate,
    probe_outcome,
    probe_seconds,
    queries_needed,
    queue_latencies,
    rate_ratio_estimate,
    rate_search,
    server_rate_estimate,
    service_times,
)

MS = 1_000_000


def waits_longer(load: float, wait: float) -> float:
    """P(W > wait) in M/D/1, wait in service times: the series of Crommelin (1932)."""
    terms = (
        (-load * (wait - j)) ** j / math.factorial(j) * math.exp(load * (wait - j))
        for j in range(math.floor(wait) + 1)
    )
    return 1 - (1 - load) * sum(terms)


def exact_rate(objective: float, percentile: float) -> float:
    """The highest rate of M/D/1 for an objective in service times, in queries per service time."""
    return optimize.brentq(lambda load: waits_longer(load, objective - 1) - (1 - percentile), 1e-6, 1 - 1e-9)


class Machine:
    """One process: a queue in front of scripted service times, on a clock of its own."""

    def __init__(self, service_ns):
        self.service, self.now, self.served = [int(s) for s in service_ns], 0, 0

    def call(self):
        self.now += self.service[self.served % len(self.service)]
        self.served += 1

    def wait_until(self, due):
        self.now = max(self.now, due)
        return 0

    def find(self, objective_ns, percentile, seed, queries=None):
        """A whole search; the finished one, and what it says of the long run."""
        search = rate_search(self.service[:200], objective_ns, percentile, queries, seed)
        limit, seen = failing_count(search.queries, percentile), []

        def arrivals(rate):
            return poisson_arrivals(rate, search.queries, np.random.default_rng(seed))

        while (rate := search.next_rate()) is not None:
            served = serve_arrivals(
                [self.call],
                arrivals(rate),
                lambda: self.now,
                self.wait_until,
                objective_ns=objective_ns,
                give_up_after=limit,
            )
            seen.append(service_times(arrivals(rate), served.latencies_ns))
            search = search.heard(rate, served.latencies_ns)
        return search, long_run_bracket(search, arrivals, np.concatenate(seen), seed)


@pytest.mark.parametrize("percentile", [0.6, 0.9, 0.95, 0.99])
def test_one_late_query_is_allowed_in_as_many_as_loadgen_publishes(percentile):
    assert queries_needed(percentile) == required_samples(percentile)
    assert (queries_needed(0.99), queries_needed(0.9)) == (662, 64)


@pytest.mark.parametrize("late", [0, 1, 2, 10, 100])
def test_more_late_queries_are_allowed_in_longer_runs_by_the_binomial_itself(late):
    needed = queries_needed(0.97, late)
    assert stats.binom.cdf(late, needed, 0.03) <= 0.01 < stats.binom.cdf(late, needed - 1, 0.03)


def test_outcomes_are_the_binomials_two_tails():
    for late in range(200):
        outcome = probe_outcome(late, 2000, 0.95)
        assert (outcome == "held") == (stats.binom.cdf(late, 2000, 0.05) <= 0.01)
        assert (outcome == "failed") == (stats.binom.sf(late - 1, 2000, 0.05) <= 0.01)
    first = failing_count(2000, 0.95)
    assert (probe_outcome(first - 1, 2000, 0.95), probe_outcome(first, 2000, 0.95)) == ("undecided", "failed")


def crisp(search, most):
    """Run a search against a server that meets its objective up to the rate `most`, and never above."""
    while (rate := search.next_rate()) is not None:
        search = search.heard(rate, np.full(search.queries, 1 if rate <= most else 9 * MS))
    return search


@pytest.mark.parametrize("first", [15.0, 300.0, 990.0])
@pytest.mark.parametrize("most", [11.0, 100.0, 470.0, 999.0])
def test_bisection_ends_within_its_tolerance_wherever_it_began(first, most):
    search = crisp(RateSearch(5 * MS, 0.99, 662, first, 1000.0), most)
    assert search.low <= most < search.high <= 1000
    assert search.high / search.low <= 1.02
    assert len(search.probes) <= 12
    assert search.held == search.low
    assert search.reason == ""


def test_a_search_that_runs_out_of_probes_knows_as_much_as_it_has_seen():
    search = crisp(RateSearch(5 * MS, 0.99, 662, 300.0, 1000.0, max_probes=3), 470.0)
    assert len(search.probes) == 3
    assert search.bracket == RateBracket(375.0, 585.9375)


def test_no_rate_is_asked_for_beyond_the_capacity_and_none_far_below():
    up = crisp(RateSearch(5 * MS, 0.99, 662, 300.0, 1000.0), 10_000.0)
    assert up.bracket == RateBracket(1000.0, 1000.0)
    down = crisp(RateSearch(5 * MS, 0.99, 662, 300.0, 1000.0), 1.0)
    assert down.bracket is None
    assert min(probe.rate for probe in down.probes) == 10.0
    assert "the lowest, 10 queries/s, did not hold" in down.reason


def test_a_call_alone_slower_than_the_objective_is_told_before_anything_is_sent():
    search = rate_search(np.full(50, 30 * MS), 20 * MS, 0.99)
    assert search.next_rate() is None
    assert search.bracket is None
    assert search.expected_seconds() == 0
    assert "50 of 50 calls took longer than the objective of 20 ms" in search.reason
    # One slow call out of fifty is no proof that more than one in a hundred is.
    assert rate_search([*[3 * MS] * 49, 30 * MS], 20 * MS, 0.99).next_rate() is not None


def test_the_cost_is_known_before_and_begins_where_theory_says():
    search = rate_search(np.full(50, 10 * MS), 50 * MS, 0.99)
    assert search.first == pytest.approx(100 * exact_rate(5, 0.99), rel=0.02)
    assert search.expected_seconds() == pytest.approx(8 * probe_seconds(search.first, 662))


def test_queries_that_were_given_up_count_as_late():
    search = RateSearch(5 * MS, 0.9, 64, 100.0, 1000.0)
    assert search.heard(100.0, np.ones(64)).probes[0].late == 0
    # 6 of 64 lie beyond the nearest-rank p90; LoadGen calls neither 6 nor 7 decided.
    edge = [search.heard(100.0, np.ones(64 - late)).probes[0] for late in (6, 7)]
    assert [(probe.met, probe.outcome) for probe in edge] == [(True, "undecided"), (False, "undecided")]
    given_up = search.heard(100.0, np.ones(50)).probes[0]
    assert (given_up.late, given_up.met, given_up.outcome) == (14, False, "failed")
    with pytest.raises(ValueError, match="late"):
        search.heard(100.0, np.ones(65))
    with pytest.raises(ValueError, match=r"asked for 100\.0"):
        search.heard(99.0, np.ones(64))


def test_the_queue_is_lindleys_and_service_times_are_read_back_from_latencies():
    random = np.random.default_rng(2)
    arrivals, service = np.cumsum(random.integers(0, 20, 500)), random.integers(1, 18, 500)
    wait, expected = 0, []
    for gap, before, now in zip(np.diff(arrivals, prepend=0), [0, *service], service, strict=False):
        wait = max(0, wait + before - gap)
        expected.append(wait + now)
    latencies = queue_latencies(arrivals, service)
    assert latencies.tolist() == expected
    assert service_times(arrivals, latencies[:300]).tolist() == service[:300].tolist()


@pytest.mark.parametrize(("objective", "percentile"), [(1.5, 0.9), (3, 0.99), (8, 0.95)])
def test_the_long_run_is_the_exact_theory(objective, percentile):
    rates = [long_run_rate([MS], round(objective * MS), percentile, np.random.default_rng(seed)) for seed in range(8)]
    assert np.mean(rates) == pytest.approx(1000 * exact_rate(objective, percentile), rel=0.01)


@pytest.mark.parametrize(("objective", "percentile"), [(3, 0.99), (10, 0.99), (4, 0.9)])
def test_the_estimate_covers_the_exact_rate_though_each_search_errs_by_far_more(objective, percentile):
    truth = 1000 * exact_rate(objective, percentile)
    found = [Machine([MS]).find(objective * MS, percentile, seed) for seed in range(6)]
    estimate = server_rate_estimate([bracket for _, bracket in found])
    assert estimate.low <= truth <= estimate.high
    assert estimate.relative_half_width < 0.03
    alone = np.log([search.bracket.mid / truth for search, _ in found])
    assert np.abs(alone).max() > 0.05


def lognormal(random, size):
    return MS * np.exp(0.2 * random.standard_normal(size))


def test_with_service_times_that_vary_it_covers_what_a_long_plain_simulation_says():
    random = np.random.default_rng(8)
    latencies, waits = [], np.zeros(2000)
    rate = 746.0  # by this very simulation: 1.0 % are late
    service = lognormal(random, 2000)
    for _ in range(1500):
        latencies.append(waits + service)
        waits = np.maximum(0, waits + service - random.exponential(1e9 / rate, 2000))
        service = lognormal(random, 2000)
    assert np.mean(np.array(latencies[300:]) > 10 * MS) == pytest.approx(0.01, rel=0.05)
    found = [Machine(lognormal(random, 20_000)).find(10 * MS, 0.99, seed)[1] for seed in range(8)]
    estimate = server_rate_estimate(found)
    assert estimate.low <= rate <= estimate.high
    assert estimate.relative_half_width < 0.06


def test_the_speedup_is_that_of_the_highest_rates_and_more_than_that_of_single_calls():
    base, candidate = (
        [Machine([service]).find(5 * MS, 0.99, seed)[1].mid for seed in range(6)] for service in (MS, 0.6 * MS)
    )
    truth = exact_rate(5 / 0.6, 0.99) / 0.6 / exact_rate(5, 0.99)
    speedup = rate_ratio_estimate(base, candidate)
    assert speedup.low <= truth <= speedup.high
    assert speedup.low > 1 / 0.6
    assert speedup.relative_half_width < 0.06


def test_a_rate_that_held_by_luck_alone_is_no_figure():
    # At 1 % of the capacity too many already meet a busy server; few queries may not happen to.
    search, bracket = Machine([MS]).find(round(1.0001 * MS), 0.99, 0)
    assert search.bracket is not None
    assert bracket is None


def test_a_model_that_is_slow_only_under_load_is_found_out():
    search, bracket = Machine([MS] * 200 + [30 * MS] * 10_000).find(20 * MS, 0.99, 0)
    assert (search.bracket, bracket) == (None, None)
    assert "did not hold" in search.reason


def test_intervals_are_students_over_sets_widened_by_the_brackets():
    logs = np.array([0.01, -0.02, 0.04, 0.0])
    half = stats.t.ppf(0.975, 3) * stats.sem(logs)
    rates = rate_ratio_estimate([50.0] * 4, 50 * np.exp(logs))
    assert math.log(rates.high / rates.point) == pytest.approx(half)
    brackets = [RateBracket(50 * math.exp(log - 0.01), 50 * math.exp(log + 0.01)) for log in logs]
    estimate = server_rate_estimate(brackets)
    assert estimate.point == pytest.approx(50 * math.exp(logs.mean()))
    assert math.log(estimate.point / estimate.low) == pytest.approx(half + 0.01)


def test_too_little_is_refused():
    with pytest.raises(ValueError, match="at least 2"):
        server_rate_estimate([RateBracket(1.0, 1.1)])
    with pytest.raises(ValueError, match="at least 2"):
        server_rate_estimate([])
    with pytest.raises(ValueError, match="in pairs"):
        rate_ratio_estimate([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="positive"):
        rate_ratio_estimate([1.0, 0.0], [1.0, 1.0])
