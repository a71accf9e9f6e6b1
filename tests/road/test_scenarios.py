"""MLPerf's scenarios, from the suite to the verdict, with scripted times."""

from __future__ import annotations

import pytest
import yaml
from road_kit import in_this_process, journey, write_suite

from xbench.errors import InputError
from xbench.report.details import detail_tables
from xbench.report.markdown import render
from xbench.road.recomputing import recompute
from xbench.suite.loading import load_suite

SCRIPTS = {"dense": {"latency_us": 1000, "noise": 0.02}, "half": {"latency_us": 500, "noise": 0.02}}


def with_workload(folder, scripts=SCRIPTS, measure=None, **workload):
    path = write_suite(folder, scripts, **({"measure": measure} if measure else {}))
    suite = yaml.safe_load(path.read_text())
    suite["workloads"] = [{"name": "load", **workload}]
    path.write_text(yaml.safe_dump(suite, sort_keys=False))
    return path


def travelled(folder, monkeypatch, **more):
    in_this_process(monkeypatch)
    record, run = journey(with_workload(folder, **more))
    return record, record.groups[0], run


def summary_of(group, variant):
    return next(case.summary for case in group.cases if case.variant == variant)


def test_a_query_of_multistream_takes_all_its_calls(tmp_path, monkeypatch):
    record, group, _ = travelled(tmp_path, monkeypatch, scenario="MultiStream", samples_per_query=8, batch=2)
    assert group.load.calls_per_query == 4
    assert summary_of(group, "dense").latency_p50_ms == pytest.approx(4 * 1.0135, rel=0.02)
    assert summary_of(group, "dense").throughput_samples_per_s == pytest.approx(2000 / 1.0135, rel=0.02)
    assert group.comparisons[0].speedup.low < 2 < group.comparisons[0].speedup.high * 1.01
    assert "(MultiStream: queries of 4 calls" in render(record)


def test_queries_that_do_not_come_out_even_are_refused(tmp_path):
    with pytest.raises(InputError, match="a query of 8 samples cannot be made of batches of 3"):
        load_suite(with_workload(tmp_path, scenario="MultiStream", batch=3))


def test_a_batch_job_is_done_when_its_last_call_is(tmp_path, monkeypatch):
    """One call in ten takes a hundred times as long: the median of calls does not see what the job does."""
    scripts = {"dense": SCRIPTS["dense"], "stalls": {"latency_us": 500, "rhythm": {"outlier_every": 10}}}
    _, group, _ = travelled(tmp_path, monkeypatch, scripts=scripts, scenario="Offline")
    assert group.comparisons[0].verdict == "slower"
    assert group.comparisons[0].speedup.point == pytest.approx(2 / 10.9, rel=0.15)


def test_the_highest_rate_of_a_server_is_found_and_twice_as_high_for_half_the_time(tmp_path, monkeypatch):
    """A queue with constant service of 1 ms holds p90 within 3 ms up to some 680 queries/s, by the M/D/1 formulas.

    Scaled in time, half the service with half the objective would be exactly twice; with the same objective more.
    """
    measure = {"budget": 60, "precision": 0.5}
    workload = {"scenario": "Server", "latency_objective": "3ms", "latency_percentile": 0.9}
    scripts = {name: {**script, "noise": 0.0} for name, script in SCRIPTS.items()}
    record, group, run = travelled(tmp_path, monkeypatch, scripts=scripts, measure=measure, **workload)
    dense, half = (summary_of(group, name) for name in ("dense", "half"))
    assert dense.max_rate_per_s.low < MD1_P90_AT_3 * 1000 < dense.max_rate_per_s.high
    assert half.max_rate_per_s.low < MD1_P90_AT_6 * 2000 < half.max_rate_per_s.high
    comparison = group.comparisons[0]
    assert comparison.verdict == "faster"
    assert comparison.speedup.low < 2 * MD1_P90_AT_6 / MD1_P90_AT_3 < comparison.speedup.high
    assert dense.throughput_samples_per_s == pytest.approx(dense.max_rate_per_s.point)
    assert "Server: p90 within 3 ms" in render(record)
    assert any("highest rate" in table.columns[1] for table in detail_tables(record))
    again = recompute(record, load_suite(tmp_path / "suite.yaml").suite, run)
    assert again.groups == record.groups, "the searches are made again from the raw samples"


def md1_load_that_holds(objective, share):
    """The load (arrivals per service time) at which a share of an M/D/1 queue's latencies is within the objective.

    By Crommelin's formula for the wait in M/D/1 (1932, The Post Office Electrical Engineers' Journal 26:266-274).
    """
    from math import exp, factorial, floor

    def within(load):
        wait = objective - 1
        terms = range(floor(wait) + 1)
        return (1 - load) * sum((load * (k - wait)) ** k / factorial(k) * exp(-load * (k - wait)) for k in terms)

    low, high = 0.01, 0.999
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) >= share else (low, middle)
    return low


MD1_P90_AT_3 = md1_load_that_holds(3, 0.9)
MD1_P90_AT_6 = md1_load_that_holds(6, 0.9)


def test_a_search_that_the_budget_cannot_hold_is_refused_before_it_begins(tmp_path, monkeypatch):
    record, group, _ = travelled(
        tmp_path, monkeypatch, scenario="Server", latency_objective="3ms", latency_percentile=0.999
    )
    (comparison,) = group.comparisons
    assert (comparison.verdict, comparison.speedup, record.exit_code) == ("invalid", None, 4)
    assert "The search for the highest rate takes about" in comparison.reasons[0]
    assert "the budget is 6 s" in comparison.reasons[0]


def test_an_objective_below_the_service_time_has_no_rate(tmp_path, monkeypatch):
    _, group, _ = travelled(tmp_path, monkeypatch, scenario="Server", latency_objective="0.3ms")
    (comparison,) = group.comparisons
    assert comparison.verdict == "invalid"
    assert "no rate can hold it" in comparison.reasons[0]
