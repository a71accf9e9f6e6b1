"""The highest rate of Poisson arrivals at which a server holds a latency objective (MLPerf's scenario Server).

One process set searches with few queries, on arrivals drawn by chance: what it finds is mostly the luck of its
arrivals, and it begins with an empty queue, which no busy server has. `long_run_bracket` takes both out, by what
the same search finds on the same arrivals in a simulated queue. The interval comes from the process sets, each
with arrivals of its own, and never from one search.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ..records.estimate import Estimate
from .checks import Floats, finite_vector, open_share
from .freedom import degrees_of_freedom
from .over_sets import over_sets
from .percentiles import LOADGEN_CONFIDENCE

Outcome = Literal["held", "failed", "undecided"]
Arrivals = Callable[[float], NDArray[np.int64]]
"""The arrivals (ns) of a probe at a rate (queries per second), always of the same seed."""
Seed = int | Sequence[int]

MAX_PROBES = 12
_TYPICAL_PROBES = 8  # seen in simulation: mostly 6 or 7, at most 12; those below the first rate take longer
_FIRST_STEP = 1.25  # one search of 662 queries errs by some 13 %; each further step squares this
_LEAST_SHARE = 0.01  # of the capacity: a probe below it would mostly wait for its queries
_LONG_RUN = 200_000  # queries; leaves an error of less than 1 %, another one in each process set
_REPEATS = 20


def probe_outcome(late: int, queries: int, percentile: float) -> Outcome:
    """What `late` queries beyond the objective, out of `queries`, say of a percentile (a share: 0.99 for p99).

    It is held if the percentile is within the objective with LoadGen's confidence of 99 %: so few late queries
    would have a probability of at most 1 % if a share `percentile` of all were in time. That is the rule by which
    LoadGen calls a run of Server valid (github.com/mlcommons/inference, loadgen/results.cc and
    early_stopping.cc: `MinPassingQueriesFinder`, tolerance 0), and more late queries are allowed in a longer run.
    It has failed if so many would have a probability of at most 1 %, and is undecided between.

    The binomial takes queries as independent, and in a queue they are not: they are late in rows. At the very rate
    where p99 is the objective, 662 queries held in 21 of 100 simulated runs with an objective of 5 service
    times, in 60 of 100 with 10. So this names an outcome as LoadGen would, and no interval is built on it.
    """
    open_share(percentile, "percentile")
    if not 0 <= late <= queries:
        raise ValueError(f"{late} late queries out of {queries}")
    chance = 1 - LOADGEN_CONFIDENCE
    if special.bdtr(late, queries, 1 - percentile) <= chance:
        return "held"
    return "failed" if late and special.bdtrc(late - 1, queries, 1 - percentile) <= chance else "undecided"


def queries_needed(percentile: float, late: int = 1) -> int:
    """The fewest queries out of which `late` may be late while the percentile is held; p99: 662, p90: 64."""
    enough = late + 1
    while probe_outcome(late, enough, percentile) != "held":
        enough *= 2
    return bisect_left(range(enough), True, lo=late, key=lambda q: probe_outcome(late, q, percentile) == "held")


def failing_count(queries: int, percentile: float) -> int:
    """How many late queries out of `queries` settle that a probe has failed, whatever the others do."""
    return bisect_left(range(queries), True, key=lambda late: probe_outcome(late, queries, percentile) == "failed")


def probe_seconds(rate: float, queries: int) -> float:
    """How long the queries of a probe take to arrive."""
    return queries / rate


class Probe(NamedTuple):
    """One rate that was tried: whether the percentile of its queries met the objective, and LoadGen's view of it."""

    rate: float
    late: int
    met: bool
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class RateBracket:
    """The highest rate (queries per second) that met the objective, and the lowest that did not."""

    low: float
    high: float

    @property
    def mid(self) -> float:
        """The geometric mean of both."""
        return math.sqrt(self.low * self.high)


@dataclass(frozen=True, slots=True)
class RateSearch:
    """Bisection for the highest rate at which a percentile of the latency is within the objective.

    Ask `next_rate`, offer it for `queries` queries, tell `heard` the latencies, and go on with what that returns
    until there is no next rate. Rates are queries per second; `first` is where to begin, `capacity` one query per
    service time: a server that gets more falls behind for ever. Made by `rate_search`.

    A probe counts as met when the sample's own percentile (nearest rank, as in `percentiles.py`) is within the
    objective, held or undecided alike. A search for the highest rate that is *held* ends far too low with few
    queries: 14 to 43 % with 662 and an objective of 5 to 1.5 service times, and mostly nowhere if one call in 200 is
    slow.
    """

    objective_ns: int
    percentile: float
    queries: int
    first: float
    capacity: float
    refused: str = ""
    tolerance: float = 0.02
    max_probes: int = MAX_PROBES
    probes: tuple[Probe, ...] = ()

    @property
    def low(self) -> float:
        """The highest rate that met the objective; 0 if none has."""
        return max((probe.rate for probe in self.probes if probe.met), default=0.0)

    @property
    def high(self) -> float:
        """The lowest rate that did not meet the objective; the capacity if all did."""
        return min((probe.rate for probe in self.probes if not probe.met), default=self.capacity)

    @property
    def held(self) -> float | None:
        """The highest rate at which LoadGen would call the run valid; None if there is none among the probes."""
        return max((probe.rate for probe in self.probes if probe.outcome == "held"), default=None)

    @property
    def bracket(self) -> RateBracket | None:
        """What is known so far; None as long as no rate met the objective."""
        return RateBracket(self.low, self.high) if self.low else None

    @property
    def reason(self) -> str:
        """Why there is no bracket."""
        if self.refused or self.low:
            return self.refused
        return f"{len(self.probes)} rates were tried, and the lowest, {self.high:.3g} queries/s, did not hold"

    def next_rate(self) -> float | None:
        """The rate to try next; None if the search is over."""
        if self.refused or len(self.probes) >= self.max_probes:
            return None
        if not self.probes:
            return self.first
        step = _FIRST_STEP ** (1 << len(self.probes) - 1)
        least = self.capacity * _LEAST_SHARE
        if not self.low:
            return max(least, self.high / step) if self.high > least else None
        if self.high <= self.low * (1 + self.tolerance):
            return None
        if all(probe.met for probe in self.probes):
            return min(self.capacity, self.low * step)
        return RateBracket(self.low, self.high).mid

    def heard(self, rate: float, latencies_ns: ArrayLike) -> RateSearch:
        """The search with one more probe. Queries that are missing were given up, and count as too late.

        Raises ValueError for another rate than the one asked for, and for more latencies than queries.
        """
        latencies = np.asarray(latencies_ns)
        if rate != self.next_rate():
            raise ValueError(f"the search asked for {self.next_rate()} queries/s, not for {rate}")
        late = int(np.count_nonzero(latencies > self.objective_ns)) + self.queries - latencies.size
        outcome = probe_outcome(late, self.queries, self.percentile)
        probe = Probe(rate, late, late <= _allowed(self.queries, self.percentile), outcome)
        return replace(self, probes=(*self.probes, probe))

    def expected_seconds(self) -> float:
        """About how long the whole search takes, so that a budget that cannot hold it is refused before it starts."""
        return 0.0 if self.refused else _TYPICAL_PROBES * probe_seconds(self.first, self.queries)


def rate_search(
    service_ns: ArrayLike, objective_ns: int, percentile: float, queries: int | None = None, seed: Seed = 0
) -> RateSearch:
    """A search that begins where the service times say that its end should be.

    `service_ns` are durations of single calls in the same process, made one after the other. Where they alone are
    later than the objective (by the rule of `probe_outcome`), the search is over before it begins, with a reason.
    `queries` in a probe are LoadGen's fewest if not given.
    """
    service = finite_vector(service_ns, "service times")
    capacity = 1e9 / float(np.median(service))
    late = int(np.count_nonzero(service > objective_ns))
    count = queries_needed(percentile) if queries is None else queries
    refused = ""
    if probe_outcome(late, service.size, percentile) == "failed":
        refused = (
            f"{late} of {service.size} calls took longer than the objective of {objective_ns / 1e6:.3g} ms "
            f"with nothing to wait for (median {float(np.median(service)) / 1e6:.3g} ms): no rate can hold it"
        )
    likely = long_run_rate(service, objective_ns, percentile, np.random.default_rng(seed))
    # A short series that was disturbed foretells nothing: then the middle, and down from there.
    first = min(capacity, likely) if likely else capacity / 2
    return RateSearch(objective_ns, percentile, count, first, capacity, refused)


def service_times(arrivals_ns: ArrayLike, latencies_ns: ArrayLike) -> Floats:
    """How long the server was busy with each query (ns): from its arrival, or the end of the one before, to its end.

    `arrivals_ns` may go on behind the queries that were served. A late waking up is in it, as it is in the latency.
    """
    latencies = finite_vector(latencies_ns, "latencies")
    arrivals = np.asarray(arrivals_ns, dtype=np.float64)[: latencies.size]
    ends = arrivals + latencies
    return ends - np.maximum(arrivals, np.concatenate(([-np.inf], ends[:-1])))


def queue_latencies(arrivals_ns: ArrayLike, service_ns: ArrayLike) -> Floats:
    """Latencies (ns) of one server, first come, first served, that begins idle; both shape (queries,).

    The recursion of Lindley (1952), Proc. Cambridge Philosophical Society 48:277-289, in closed form: the wait is
    how far the walk of service minus gap lies above its lowest point so far.
    """
    service = np.asarray(service_ns, dtype=np.float64)
    walk = np.concatenate(([0.0], np.cumsum(service[:-1] - np.diff(arrivals_ns))))
    return walk - np.minimum.accumulate(walk) + service


def long_run_rate(service_ns: ArrayLike, objective_ns: int, percentile: float, random: np.random.Generator) -> float:
    """The highest rate (queries per second) that a long simulated run holds with these service times, drawn anew.

    0 where the service times alone are beyond the objective, or no rate above 1 % of the capacity holds.
    """
    open_share(percentile, "percentile")
    service = random.choice(finite_vector(service_ns, "service times"), _LONG_RUN)
    unit_arrivals = np.cumsum(random.standard_exponential(_LONG_RUN))
    capacity = 1e9 / float(service.mean())

    def met(rate: float) -> bool:
        latencies = queue_latencies(unit_arrivals * (1e9 / rate), service)
        return int(np.count_nonzero(latencies > objective_ns)) <= _allowed(_LONG_RUN, percentile)

    low, high = capacity * _LEAST_SHARE, capacity
    if not met(low):
        return 0.0
    while high > low * 1.001:
        mid = math.sqrt(low * high)
        low, high = (mid, high) if met(mid) else (low, mid)
    return low


def long_run_bracket(search: RateSearch, arrivals: Arrivals, service_ns: ArrayLike, seed: Seed) -> RateBracket | None:
    """What a finished search found, less what its few arrivals and its empty start have to do with it.

    `arrivals` gives the very arrivals that the probes met; `service_ns` are the service times of all its
    probes. The same search is made again on the same arrivals in a simulated queue, with service times drawn from
    these; and the long run of such a queue is known. So the simulated search tells how far these arrivals lead
    astray, and the found bracket is moved back by as much: a control variate (Lavenberg and Welch 1981, Management
    Science 27:322-335). What the simulation does not know, such as slow spells that last, stays in as measured.

    Seen in simulation (p99, 662 queries; constant, lognormal and autocorrelated service times, objective 3 to 30 of
    them): the search alone scatters by 2 to 18 % and is 2 to 8 % too high on average; moved back, it scatters by
    1 to 9 % and is off by -0.2 to +1.6 %.

    Give each process set a seed of its own: what is left of chance in the simulation must differ between them, or
    the interval would not know of it.

    None where no rate met the objective, or these service times hold none in the long run: then no figure is to be
    had from this process set.
    """
    found = search.bracket
    service = finite_vector(service_ns, "service times")
    random, other = np.random.default_rng(seed).spawn(2)  # neither is the stream of the arrivals
    long_run = long_run_rate(service, search.objective_ns, search.percentile, other)
    if found is None or not long_run:
        return None
    logs = [_simulated(search, arrivals, random.choice(service, search.queries)) for _ in range(_REPEATS)]
    factor = long_run / math.exp(float(np.mean(logs)))
    return RateBracket(found.low * factor, found.high * factor)


def _simulated(search: RateSearch, arrivals: Arrivals, service: Floats) -> float:
    """The logarithm of what the search finds in a queue with these service times; its lowest rate if nothing."""
    again = replace(search, probes=())
    while (rate := again.next_rate()) is not None:
        again = again.heard(rate, queue_latencies(arrivals(rate), service))
    return math.log(again.bracket.mid if again.bracket else again.high)


def server_rate_estimate(brackets: Sequence[RateBracket], confidence: float = 0.95) -> Estimate:
    """The highest rate (queries per second) from one bracket of each process set, each with arrivals of its own.

    The mean of the logarithms of the brackets' mids, with Student's t over the sets, widened by half of what the
    brackets are wide on average: the rate may lie anywhere within them. Raises ValueError with fewer than 2.
    """
    width = float(np.mean([math.log(one.high / one.low) for one in brackets])) if brackets else 0.0
    mids = [one.mid for one in brackets]
    return over_sets(mids, confidence, degrees_of_freedom(len(mids)), width / 2)


def rate_ratio_estimate(
    base_rates: Sequence[float], candidate_rates: Sequence[float], confidence: float = 0.95
) -> Estimate:
    """The speedup in Server: the candidate's highest rate over the baseline's, above 1 is better.

    One rate of each for every process set (the mids of its brackets), found on the same arrivals. Raises
    ValueError for fewer than 2 sets, for lists of unlike length, and for a rate that is not positive.
    """
    base, candidate = finite_vector(base_rates, "rates"), finite_vector(candidate_rates, "rates")
    if base.size != candidate.size or not (base > 0).all() or not (candidate > 0).all():
        raise ValueError(f"rates must be positive and come in pairs, not {base.size} and {candidate.size}")
    return over_sets(candidate / base, confidence, degrees_of_freedom(base.size))


def _allowed(queries: int, percentile: float) -> int:
    """How many may be beyond the nearest-rank percentile."""
    return math.floor(queries * (1 - percentile) + 1e-9)  # 0.55 is not quite 0.55
