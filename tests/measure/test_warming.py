"""Warming up, and clocks too coarse to tell: with scripted time."""

from __future__ import annotations

import pytest
from measure_models import scripted

from xbench.errors import InvalidError
from xbench.measure.ticking import clock_step, require_fine
from xbench.measure.warming import settle, warm_up
from xbench.plugins import runner_class
from xbench.records.measurement import CacheUse


def fake(tmp_path, **script):
    """A fake runner and its timed calls."""
    runner = runner_class("fake")(tmp_path / "any.onnx", "m", scripted({"m": script}))
    return runner, [runner.bind({})]


@pytest.mark.parametrize("warmup_calls", [0, 5, 60, 400])
def test_a_warm_up_is_found_where_it_ends(tmp_path, warmup_calls):
    runner, calls = fake(tmp_path, noise=0.01, rhythm={"warmup_calls": warmup_calls, "warmup_factor": 3})
    found = settle(calls, runner.clock, 2_000_000_000)
    assert found.settled
    assert warmup_calls <= found.calls <= warmup_calls * 1.1 + 10


@pytest.mark.parametrize("rhythm", [{"trend": -0.0005}, {"trend": 0.002}, {"flips": 150, "flip_factor": 1.3}])
def test_a_series_that_never_settles_is_told_so(tmp_path, rhythm):
    runner, calls = fake(tmp_path, noise=0.01, rhythm=rhythm)
    found = settle(calls, runner.clock, 500_000_000)
    assert not found.settled
    assert found.reason


def test_a_slow_model_is_called_a_few_times_and_no_more(tmp_path):
    runner, calls = fake(tmp_path, latency_us=3e6)
    found = settle(calls, runner.clock, 1_000_000_000)
    assert found.settled
    assert found.tried <= 16


def test_a_warm_up_takes_both_what_was_found_and_a_least_time(tmp_path):
    runner, calls = fake(tmp_path, noise=0)
    assert len(warm_up(calls, runner.clock, 70, 1_000_000)) == 70
    assert 50 <= len(warm_up(calls, runner.clock, 3, 50_000_000)) <= 60
    assert len(warm_up(calls, runner.clock, 0, 0)) == 2


def test_a_coarse_clock_is_seen_and_refused(tmp_path):
    coarse, _ = fake(tmp_path, tick_us=15)
    assert clock_step(coarse.clock) == 15_000
    with pytest.raises(InvalidError, match=r"steps of 15 us, and a call takes 1e\+03 us\n.*200 steps"):
        require_fine(15_000, 1_000_000)
    require_fine(15_000, 15_000 * 201)
    require_fine(0, 100)
    unmoved, _ = fake(tmp_path)
    assert clock_step(unmoved.clock) is None


def test_a_cache_that_is_stale_or_was_just_built_is_no_warm_one(tmp_path):
    runner, _ = fake(
        tmp_path, compile_us=5e6, first_cache={"kind": "built"}, second_cache={"kind": "stale", "proof": "older"}
    )
    for kind in ("built", "stale"):
        before = runner.clock()
        runner.load()
        assert runner.cache_use().kind == kind
        assert runner.clock() - before > 4e9, "it was built again"
    hit, _ = fake(tmp_path, compile_us=5e6, first_cache={"kind": "hit"})
    hit.load()
    assert hit.cache_use() == CacheUse(kind="hit")
    assert hit.clock() < 1e9
