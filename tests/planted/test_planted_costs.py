"""Costs that belong elsewhere, and figures that the samples do not bear."""

from __future__ import annotations

import pytest
from planted_kit import travelled
from road.road_kit import in_this_process, write_suite

SECOND = 1e6  # in us


def test_a_stale_cache_is_no_warm_one(planted):
    """The second session builds its engine again: that is told where its time stands."""
    hit = {"kind": "hit", "proof": "engine.plan was read"}
    stale = {"kind": "stale", "proof": "engine.plan is of another TensorRT"}
    built = {"kind": "built"}
    scripts = {
        "dense": {"compile_us": 5 * SECOND, "first_cache": built, "second_cache": hit},
        "stale": {"compile_us": 5 * SECOND, "first_cache": built, "second_cache": stale},
    }
    found = planted(scripts)
    warm, not_warm = (found.row("Coming up: sim, default", name) for name in scripts)
    assert warm["cache"] == "first built, second hit (engine.plan was read)"
    assert float(warm["second session ms"]) == pytest.approx(10, rel=0.02)
    assert not_warm["cache"] == "first built, second stale (engine.plan is of another TensorRT)"
    assert float(not_warm["second session ms"]) == pytest.approx(5010, rel=0.02)
    assert found.summary("stale").cold_start.second_cache.kind == "stale"
    assert found.comparison("stale").verdict == "same", "and neither is in the time of a call"


def test_compiling_is_in_no_latency(planted):
    """`early` compiles when the session is created, `lazy` in its first call: 5 s each, and a call takes 1 ms."""
    scripts = {
        "dense": {},
        "early": {"compile_us": 5 * SECOND},
        "lazy": {"rhythm": {"warmup_calls": 1, "warmup_factor": 5000}},
    }
    found = planted(scripts)
    for name in scripts:
        one = found.summary(name)
        assert one.latency_p50_ms == pytest.approx(1, rel=0.03)
        assert one.latency_p99_ms == pytest.approx(1, rel=0.06)
        assert one.throughput_samples_per_s == pytest.approx(1000, rel=0.03)
    assert found.comparison("early").verdict == found.comparison("lazy").verdict == "same"
    early, lazy = (found.summary(name).cold_start for name in ("early", "lazy"))
    assert early.session_creation_ms == pytest.approx(5010, rel=0.01)
    assert early.first_inference_ms == pytest.approx(1, rel=0.1)
    assert lazy.session_creation_ms == pytest.approx(10, rel=0.01)
    assert lazy.first_inference_ms == pytest.approx(5000, rel=0.1)
    assert found.row("Coming up: sim, default", "lazy")["first inference ms"].startswith("5")


def test_p99_of_too_few_samples_is_no_figure(planted):
    """Three calls of 20 ms a block: 432 samples, of which LoadGen's bound allows a p90 and no p99."""
    slow = {"latency_us": 20_000}
    found = planted({"dense": slow, "copy": slow})
    one = found.summary("dense")
    assert one.samples == 432
    assert one.latency_p90_ms == pytest.approx(20, rel=0.05)
    assert (one.latency_p99_ms, one.latency_p99_low_ms, one.latency_p99_high_ms) == (None, None, None)
    assert found.row("Latency and cost: sim, default", "dense")["p99 ms (95 %)"] == "-"
    assert "percentiles: p99 needs 662 samples; there are 432" in found.text


def test_a_model_too_slow_for_its_budget_is_inconclusive_and_no_fault(tmp_path, monkeypatch):
    """One call a block and four blocks: the median has no interval, and the run no verdict."""
    in_this_process(monkeypatch)
    scripts = {"dense": {"latency_us": 5e6}, "other": {"latency_us": 4e6}}
    found = travelled(write_suite(tmp_path, scripts, measure={"precision": 0.5, "budget": 0.001}))
    assert found.comparison("other").verdict == "inconclusive"
    summary = found.summary("dense")
    assert (summary.samples, summary.latency_p50_low_ms, summary.latency_p50_high_ms) == (4, None, None)
    assert "| inconclusive" in found.text
    assert found.record.exit_code == 3
