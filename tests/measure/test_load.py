"""The loops of the scenarios, on a clock that moves only when something happens."""

from __future__ import annotations

import gc
import time
from itertools import pairwise

import numpy as np
import pytest
from scipy import stats

from xbench.measure.load import serve_arrivals, sleep_and_spin, time_queries
from xbench.measure.timing import time_calls, undisturbed
from xbench.stats.arrivals import poisson_arrivals

NEVER = 10**9


class Server:
    """Serves a call in a scripted time; remembers the calls, and reads of its clock between them."""

    def __init__(self, *service):
        self.now, self.service, self.served, self.log, self.oversleeps = 1000, service, 0, [], 0

    def clock(self):
        self.log.append("read")
        return self.now

    def call(self, name="call"):
        def served():
            self.log.append(name)
            self.now += self.service[self.served % len(self.service)]
            self.served += 1

        return served

    def wait_until(self, due):
        self.now = max(self.now, due) + self.oversleeps
        return 0


def serve(server, arrivals, objective=NEVER, give_up_after=NEVER):
    return serve_arrivals(
        [server.call()],
        np.asarray(arrivals, dtype=np.int64),
        server.clock,
        server.wait_until,
        objective_ns=objective,
        give_up_after=give_up_after,
    )


def test_the_clock_is_read_at_both_ends_of_a_query_and_not_within():
    server = Server(10, 20, 30)
    latencies, cpu = time_queries([server.call(name) for name in "abc"], 3, 2, server.clock)
    assert latencies.tolist() == [30, 40, 50]
    assert latencies.dtype == np.int64
    assert cpu >= 0
    assert server.log == ["read", "a", "b", "read", "read", "c", "a", "read", "read", "b", "c", "read"]


def test_a_query_of_one_call_is_a_call():
    one, two = Server(10, 25), Server(10, 25)
    queries, _ = time_queries([one.call()], 7, 1, one.clock)
    calls, _ = time_calls([two.call()], 7, two.clock)
    assert queries.tolist() == calls.tolist()


def test_the_garbage_collector_rests_meanwhile_and_comes_back_after_a_fault():
    assert gc.isenabled()

    def fault():
        assert not gc.isenabled()
        raise RuntimeError("fault")

    for loop in (
        lambda: time_calls([fault], 1, time.perf_counter_ns),
        lambda: time_queries([fault], 1, 1, time.perf_counter_ns),
        lambda: serve_arrivals(
            [fault], np.zeros(1, np.int64), lambda: 0, lambda _: 0, objective_ns=1, give_up_after=1
        ),
    ):
        with pytest.raises(RuntimeError, match="fault"):
            loop()
        assert gc.isenabled()
    gc.disable()
    try:
        with undisturbed() as cpu_since:
            assert cpu_since() <= cpu_since()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_latency_counts_from_the_scheduled_arrival_and_holds_the_wait():
    assert serve(Server(10), [0, 3, 4, 50]).latencies_ns.tolist() == [10, 17, 26, 10]
    # A stall of the first query is charged to all who had to wait for its end (no coordinated omission).
    assert serve(Server(100, 1, 1, 1), [0, 10, 20, 300]).latencies_ns.tolist() == [100, 91, 82, 1]


def test_a_loop_that_oversleeps_is_late_and_its_query_with_it():
    server = Server(10)
    server.oversleeps = 4
    assert serve(server, [20, 21, 100]).latencies_ns.tolist() == [14, 23, 14]


def test_an_overloaded_server_is_given_up_once_enough_queries_are_late():
    served = serve(Server(10), range(0, 100, 5), objective=20, give_up_after=3)
    # Latencies grow by 5: 10, 15, 20 are in time, then three are late, and fourteen are never served.
    assert served.latencies_ns.tolist() == [10, 15, 20, 25, 30, 35]
    assert served.unserved == 14
    assert serve(Server(10), range(0, 100, 10), objective=20, give_up_after=3).unserved == 0


def test_what_waiting_burnt_is_not_the_models_cpu_time():
    server = Server(10)
    greedy = serve_arrivals(
        [server.call()],
        np.asarray([50, 100]),
        server.clock,
        lambda due: server.wait_until(due) + 10**12,
        objective_ns=NEVER,
        give_up_after=NEVER,
    )
    assert greedy.cpu_ns == 0


@pytest.mark.parametrize("load", [0.3, 0.7])
def test_the_mean_wait_is_that_of_pollaczek_and_khinchine(load):
    service = 1_000_000
    arrivals = poisson_arrivals(load / service * 1e9, 300_000, np.random.default_rng(3))
    wait = serve(Server(service), arrivals).latencies_ns.mean() - service
    assert wait == pytest.approx(load * service / (2 * (1 - load)), rel=0.03)


def test_arrivals_are_a_poisson_process_of_the_rate():
    arrivals = poisson_arrivals(250.0, 20_000, np.random.default_rng(1))
    assert arrivals.dtype == np.int64
    gaps = np.diff(arrivals, prepend=0) / 1e9
    assert stats.kstest(gaps, stats.expon(scale=1 / 250).cdf).pvalue > 0.01
    assert stats.spearmanr(gaps[:-1], gaps[1:]).pvalue > 0.01


def test_one_seed_gives_one_sequence_of_gaps_at_every_rate():
    slow, fast = (poisson_arrivals(rate, 100, np.random.default_rng(5)) for rate in (10.0, 40.0))
    assert slow / 4 == pytest.approx(fast, rel=1e-6)
    # So a higher rate makes no query faster, whatever the luck of the draw: a search can trust its own probes.
    latencies = [
        serve(Server(20_000_000), poisson_arrivals(rate, 500, np.random.default_rng(5))) for rate in range(10, 60, 5)
    ]
    assert all((more.latencies_ns >= less.latencies_ns - 1).all() for less, more in pairwise(latencies))


@pytest.mark.parametrize("rate", [0.0, -1.0, float("inf"), float("nan")])
def test_a_rate_that_is_none_is_refused(rate):
    with pytest.raises(ValueError, match="positive"):
        poisson_arrivals(rate, 10, np.random.default_rng(0))


def test_the_real_wait_ends_at_its_time_and_tells_what_it_burnt():
    for ahead in (2_000_000, 20_000, -5):
        due = time.perf_counter_ns() + ahead
        burnt = sleep_and_spin(due)
        assert time.perf_counter_ns() >= due
        assert 0 <= burnt <= 100_000
