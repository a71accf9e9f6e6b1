"""Workers that fail, and outputs that mean nothing: one variant is invalid with its reason, the others go on."""

from __future__ import annotations

import json

import numpy as np
import pytest
from planted_kit import command, dense_chain
from road.road_kit import options_of, write_suite

from xbench.report.data import as_data

# Past the thousand calls of the proof, and well before the last of the timed ones, of which the budget is so large
# that there are 4000: blocks of scripted milliseconds cost next to nothing.
IN_THE_MIDDLE = 2000
LARGE = {"precision": 0.5, "budget": 3600, "time_limit": 5}

FAULTS = {
    "die": "died during `block` (exit status 9): the fake runner was told to die",
    "kill": "died during `block` (signal SIGKILL, which is how the kernel ends a process that takes too much memory)",
    "oom": "The model ran out of memory",
    "hang": "did not finish `block` within 5",
}


def ran(suite):
    """Exit code, data, what was told on the way, and the comparisons by candidate."""
    code, out, err = command("run", suite, *options_of(suite), "--json", "-")
    data = json.loads(out)
    return code, data, err, {one["candidate"]: one for one in data["comparisons"]}


def test_workers_that_fail_in_the_middle_of_timing(tmp_path):
    """All four beside a candidate that works, in real processes."""
    scripts = {"dense": {}, "half": {"latency_us": 500}}
    scripts |= {kind: {"fault": {"kind": kind, "at_call": IN_THE_MIDDLE}} for kind in FAULTS}
    code, data, err, found = ran(write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}, measure=LARGE))
    for kind, words in FAULTS.items():
        assert (found[kind]["verdict"], found[kind]["speedup"]) == ("invalid", None)
        assert words in found[kind]["sentence"]
        assert f"{kind} on sim: " in err, "and it was told while it went on"
    assert found["half"]["verdict"] == "faster"
    assert {one["variant"]: one["outcome"] for one in data["verdicts"]} == {
        "half": "pass",
        **dict.fromkeys(FAULTS, "invalid"),
    }
    assert code == data["exit_code"] == 4


def test_a_baseline_that_dies_in_the_middle_makes_all_invalid(tmp_path):
    """The copy of the baseline runs the same model, and dies with it."""
    scripts = {"dense": {"fault": {"kind": "die", "at_call": IN_THE_MIDDLE}}, "half": {"latency_us": 500}}
    code, data, _, found = ran(write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}, measure=LARGE))
    half = found["half"]
    assert (half["verdict"], half["speedup"]) == ("invalid", None)
    assert "INVALID: dense: The worker of dense died during `block` (exit status 9)" in half["sentence"]
    assert (data["outcome"], code) == ("invalid", 4)


def test_a_candidate_that_gives_nan_is_invalid_and_has_no_speedup(tmp_path):
    """By the script and in real processes; the other candidate goes on."""
    scripts = {"dense": {}, "nan": {"fault": {"kind": "nan"}}, "half": {"latency_us": 500}}
    measure = {"precision": 0.5, "budget": 120}
    code, data, _, found = ran(write_suite(tmp_path, scripts, gate={"min_speedup": 1.2}, measure=measure))
    nan, half = found["nan"], found["half"]
    assert (nan["verdict"], nan["speedup"], nan["cpu_time_speedup"]) == ("invalid", None, None)
    assert "INVALID: The output 'sum' of nan holds NaN or infinity" in nan["sentence"]
    assert "nan" not in nan["measurements"]
    assert half["verdict"] == "faster"
    assert half["simulated"] is True
    assert "(simulated)" in half["sentence"]
    assert [one["simulated"] for one in data["hardware"]] == [True]
    assert {v["variant"]: v["outcome"] for v in data["verdicts"]} == {"nan": "invalid", "half": "pass"}
    assert code == 4


def test_nan_of_the_last_inputs_alone_is_found(planted):
    """All inputs that are timed are tried before: four sets take turns."""
    rare = planted({"dense": {}, "rare": {"fault": {"kind": "nan", "at_call": 4}}}).comparison("rare")
    assert rare.verdict == "invalid"
    assert "NaN" in rare.reasons[0]


def test_zeros_are_no_answer(planted):
    """A model that was pruned to nothing is finite, and fast."""
    scripts = {"dense": {}, "nothing": {"latency_us": 100, "fault": {"kind": "zeros"}}, "half": {"latency_us": 500}}
    found = planted(scripts, gate={"min_speedup": 1.2})
    assert found.comparison("nothing").verdict == "invalid"
    told = "INVALID: All outputs of nothing are zero, for every input: those of the baseline are not"
    assert told in found.sentence("nothing")
    assert {v.variant: v.outcome for v in found.record.verdicts} == {"nothing": "invalid", "half": "pass"}
    assert found.record.exit_code == 4


def test_a_real_model_of_zeros_is_no_speedup(tmp_path):
    weight = np.random.default_rng(0).standard_normal((8, 8)).astype(np.float32)
    base = dense_chain(tmp_path / "dense.onnx", [weight])
    nothing = dense_chain(tmp_path / "nothing.onnx", [np.zeros_like(weight)])
    code, out, _ = command("compare", base, nothing, "--hardware", "cpu", "--output", tmp_path / "results", "--quiet")
    assert code == 4
    assert "nothing.onnx against dense.onnx on cpu: INVALID: All outputs of nothing.onnx are zero" in out


def test_a_candidate_that_cannot_be_loaded_is_a_row_with_its_reason(planted):
    scripts = {"dense": {}, "torn": {}, "refused": {"fault": {"kind": "refuse"}}, "half": {"latency_us": 500}}
    found = planted(scripts, gate={"min_speedup": 1.2}, broken=["torn"])
    rows = {name: found.row("sim: SIMULATED", name) for name in scripts}
    assert "torn.onnx" in rows["torn"]["reason"]
    assert "told to refuse" in rows["refused"]["reason"]
    assert rows["half"]["verdict"] == "pass (faster)"
    assert "sim (simulated): may ship: half" in found.text
    assert found.record.exit_code == 2  # the torn file: bad input is told before an invalid number


@pytest.mark.parametrize(("fault", "told"), [("nan", "NaN or infinity"), ("refuse", "told to refuse")])
def test_without_a_baseline_nothing_is_said(planted, fault, told):
    scripts = {"dense": {"fault": {"kind": fault}}, "a": {"latency_us": 500}, "b": {"latency_us": 500}}
    found = planted(scripts, gate={"min_speedup": 1.2})
    assert [c.verdict for c in found.group.comparisons] == ["invalid", "invalid"]
    assert all(c.speedup is None and told in c.reasons[0] for c in found.group.comparisons)
    assert (found.record.outcome, found.record.exit_code) == ("invalid", 4)
    assert as_data(found.record)["comparisons"][0]["speedup"] is None
