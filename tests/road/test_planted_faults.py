"""Differences and faults whose truth is known, from the suite to the verdict."""

from __future__ import annotations

import json

import numpy as np
import pytest
from road_kit import PATIENT, in_this_process, journey, options_of, write_suite, xbench

from xbench.analysis.comparing import analyse
from xbench.records.measurement import Block, MemoryUse, Placement, ProcessSet, Run
from xbench.records.run_record import GroupState
from xbench.report.data import as_data
from xbench.report.markdown import render

NOISY = {"noise": 0.02, "process_noise": 0.01}
STEADY = {"noise": 0.02, "process_noise": 0.002}


def comparison_of(record, candidate):
    return next(c for group in record.groups for c in group.comparisons if c.candidate == candidate)


def test_twice_as_fast_is_found_as_that(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    scripts = {"dense": {"latency_us": 1000, **NOISY}, "half": {"latency_us": 500, **NOISY}}
    record, _ = journey(write_suite(tmp_path, scripts, gate={"min_speedup": 1.5}))
    found = comparison_of(record, "half")
    assert found.verdict == "faster"
    assert found.speedup.low < 2.0 < found.speedup.high
    assert (record.outcome, record.exit_code) == ("pass", 0)


def test_a_copy_is_never_called_faster_or_slower(tmp_path, monkeypatch):
    verdicts = []
    for seed in range(10):
        (tmp_path / str(seed)).mkdir()
        in_this_process(monkeypatch)
        scripts = {"dense": {"latency_us": 1000, **NOISY}, "copy": {"latency_us": 1000, **NOISY}}
        record, _ = journey(write_suite(tmp_path / str(seed), scripts, seed=seed))
        verdicts.append(comparison_of(record, "copy").verdict)
    assert not {"faster", "slower", "invalid"} & set(verdicts)


def a_set(number, latencies_ns):
    """A process set in which every call of a label takes the same time, but for a little noise of each block."""
    generator = np.random.default_rng(number)
    runs = []
    for label, latency in latencies_ns.items():
        blocks = [
            Block(i, 0, np.full(20, latency * (1 + 0.001 * generator.standard_normal())).astype(np.int64), 1)
            for i in range(8)
        ]
        memory = MemoryUse(before_model_mib=0, load_peak_mib=0, run_peak_mib=0)
        placement = Placement(asked="", providers=(), nodes={})
        runs.append(Run(label, number, 1, 1, np.zeros(1, np.int64), tuple(blocks), memory, placement))
    return ProcessSet(number, tuple(runs), {}, 1.0, None, 0.0)


@pytest.mark.parametrize(("copy", "verdict"), [(1_000_000, "faster"), (1_040_000, "inconclusive")])
def test_what_the_baseline_does_to_its_own_copy_is_no_speedup(copy, verdict):
    """A candidate 3 % faster says nothing on a machine where the baseline itself differs from its copy by 4 %."""
    group = GroupState(hardware="h", workload="w", batch=1, inputs=(), inputs_sha256="")
    sets = [a_set(i, {"dense": 1_000_000, "dense (A/A)": copy, "pruned": 970_000}) for i in range(6)]
    result = analyse(group, sets, "dense", ["pruned"], margin=0.02, seed=0)
    assert result.comparisons[0].verdict == verdict
    assert result.comparisons[0].speedup.low > 1.02


def test_five_per_cent_slower_is_found(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    scripts = {"dense": {"latency_us": 1000, **STEADY}, "worse": {"latency_us": 1050, **STEADY}}
    record, _ = journey(write_suite(tmp_path, scripts, gate={"min_speedup": 1.0}))
    assert comparison_of(record, "worse").verdict == "slower"
    assert (record.outcome, record.exit_code) == ("fail", 1)


def test_a_model_too_slow_for_its_budget_is_inconclusive_and_no_fault(tmp_path, monkeypatch):
    """One call a block and four blocks: the median has no interval, and the run no verdict."""
    in_this_process(monkeypatch)
    measure = {"precision": 0.5, "budget": 0.001}
    record, _ = journey(
        write_suite(tmp_path, {"dense": {"latency_us": 5e6}, "other": {"latency_us": 4e6}}, measure=measure)
    )
    assert comparison_of(record, "other").verdict == "inconclusive"
    summary = record.groups[0].cases[0].summary
    assert (summary.samples, summary.latency_p50_low_ms, summary.latency_p50_high_ms) == (4, None, None)
    assert "| inconclusive" in render(record)
    assert record.exit_code == 3


def test_a_candidate_that_gives_nan_is_invalid_and_has_no_speedup(tmp_path):
    """By the script and in real processes; the other candidate goes on."""
    scripts = {"dense": {}, "nan": {"fault": {"kind": "nan"}}, "half": {"latency_us": 500}}
    suite = write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}, measure=PATIENT)
    code, out, _ = xbench("run", suite, *options_of(suite), "--json", "-")
    data = json.loads(out)
    nan, half = data["comparisons"]
    assert (nan["candidate"], nan["verdict"], nan["speedup"], nan["cpu_time_speedup"]) == (
        "nan",
        "invalid",
        None,
        None,
    )
    assert "nan" not in nan["measurements"]
    assert half["verdict"] == "faster"
    assert half["simulated"] is True
    assert "(simulated)" in half["sentence"]
    assert [one["simulated"] for one in data["hardware"]] == [True]
    assert {v["variant"]: v["outcome"] for v in data["verdicts"]} == {"nan": "invalid", "half": "pass"}
    assert code == 4


def test_a_candidate_that_cannot_be_loaded_is_a_row_with_its_reason(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    scripts = {"dense": {}, "torn": {}, "refused": {"fault": {"kind": "refuse"}}, "half": {"latency_us": 500}}
    record, _ = journey(write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}, broken=["torn"]))
    text = render(record)
    rows = {line.split("|")[1].strip(): line for line in text.splitlines() if line.startswith("| ")}
    assert "torn.onnx" in rows["torn"]
    assert "told to refuse" in rows["refused"]
    assert "pass (faster)" in rows["half"]
    assert "SIMULATED" in text
    assert "sim (simulated): may ship: half" in text
    assert record.exit_code == 2  # the torn file: bad input is told before an invalid number


def test_nan_of_the_last_inputs_alone_is_found(tmp_path, monkeypatch):
    """All inputs that are timed are tried before: four sets take turns."""
    in_this_process(monkeypatch)
    scripts = {"dense": {}, "rare": {"fault": {"kind": "nan", "at_call": 4}}}
    record, _ = journey(write_suite(tmp_path, scripts))
    assert comparison_of(record, "rare").verdict == "invalid"
    assert "NaN" in comparison_of(record, "rare").reasons[0]


@pytest.mark.parametrize(("fault", "told"), [("nan", "NaN or infinity"), ("refuse", "told to refuse")])
def test_without_a_baseline_nothing_is_said(tmp_path, monkeypatch, fault, told):
    in_this_process(monkeypatch)
    scripts = {"dense": {"fault": {"kind": fault}}, "a": {"latency_us": 500}, "b": {"latency_us": 500}}
    record, _ = journey(write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}))
    assert [c.verdict for c in record.groups[0].comparisons] == ["invalid", "invalid"]
    assert all(c.speedup is None and told in c.reasons[0] for c in record.groups[0].comparisons)
    assert (record.outcome, record.exit_code) == ("invalid", 4)
    assert as_data(record)["comparisons"][0]["speedup"] is None


def test_a_baseline_that_dies_in_the_middle_makes_all_invalid(tmp_path):
    """The copy of the baseline runs the same model, and dies with it."""
    scripts = {"dense": {"fault": {"kind": "die", "at_call": 900}}, "half": {"latency_us": 500}}
    record, _ = journey(write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}, measure=PATIENT))
    (found,) = record.groups[0].comparisons
    assert (found.verdict, found.speedup) == ("invalid", None)
    assert "exit status 9" in found.reasons[0]
    assert record.groups[0].stopped == "failed"
    assert (record.outcome, record.exit_code) == ("invalid", 4)
