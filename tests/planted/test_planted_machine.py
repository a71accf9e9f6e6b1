"""Machines that fool a figure: one that slows down, a busy one, a coarse clock, another one than was asked for."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from planted_kit import command, dense_chain, halted, scripted
from road.road_kit import options_of, write_suite
from scipy import stats

CALM = {"noise": 0.01, "process_noise": 0.001}


def slowing_down(monkeypatch):
    """The clock on the wall goes on by 1 ms with each call of any process, and each such second slows all by 3 %."""
    milliseconds = itertools.count()
    monkeypatch.setattr("xbench.runners.fake.time", SimpleNamespace(time=lambda: next(milliseconds) / 1000))
    return {"drift_per_s": 0.03, "drift_since": 0.0}


def test_a_machine_that_slows_down_makes_no_model_slower(planted, monkeypatch):
    """Of the same samples, dense first and pruned afterwards, the plain loop finds the opposite of what is true."""
    drift = {**CALM, "rhythm": slowing_down(monkeypatch)}
    scripts = {"dense": drift, "copy": drift, "quicker": {"latency_us": 960, **drift}}
    found = planted(scripts)
    first, last = slice(0, 3), slice(3, 6)
    before = found.samples("dense", first)
    for name in ("copy", "quicker"):
        afterwards = found.samples(name, last)
        assert np.median(before) / np.median(afterwards) < 0.97
        assert stats.mannwhitneyu(before, afterwards, alternative="less").pvalue < 1e-6
    assert found.comparison("copy").verdict == "same"
    quicker = found.comparison("quicker")
    assert quicker.verdict == "faster"
    assert quicker.speedup.low <= 1 / 0.96 <= quicker.speedup.high


NEIGHBOUR = """
import os, sys, time
os.sched_setaffinity(0, {int(sys.argv[1])})
while os.getppid() == int(sys.argv[2]):
    until = time.monotonic() + 0.3
    while time.monotonic() < until:
        pass
    time.sleep(0.3)
"""


@pytest.fixture
def neighbour():
    """Takes the first core, on which workers of one thread are pinned: 0.3 s on, 0.3 s off."""
    core = min(os.sched_getaffinity(0))
    process = subprocess.Popen([sys.executable, "-c", NEIGHBOUR, str(core), str(os.getpid())])
    yield
    process.kill()
    process.wait()


@pytest.mark.slow
def test_a_neighbour_that_takes_a_core_makes_no_copy_faster_or_slower(tmp_path, neighbour):
    profile = {
        "schema": "xbench.profile/1",
        "name": "one-core",
        "title": "one core of this machine",
        "runner": "cpu",
        "threads": 1,
        "evidence": "-",
    }
    (tmp_path / "profiles").mkdir()
    (tmp_path / "profiles" / "one-core.yaml").write_text(yaml.safe_dump(profile))
    weight = np.random.default_rng(0).standard_normal((64, 64)).astype(np.float32) / 8
    model, copy = (dense_chain(tmp_path / f"{name}.onnx", [weight] * 4, rows=64) for name in ("model", "copy"))
    here = ("--output", tmp_path / "results", "--profile-dir", tmp_path / "profiles")
    # Long enough for tens of blocks beside other programs too: of a dozen, few may meet the neighbour.
    asked = ("--hardware", "one-core", "--budget", "20s", "--json", "-")
    code, out, _ = command("compare", model, copy, *here, *asked)
    data = json.loads(out)
    (one,) = data["comparisons"]
    assert one["verdict"] in ("same", "inconclusive")
    assert code == (3 if one["verdict"] == "inconclusive" else 0)
    if one["measurements"]["model.onnx"]["disturbance"]["wait_share"] is None:
        pytest.skip("this kernel does not tell how long a thread waits: nothing can be marked")
    assert one["disturbed_share"] > 0.1
    for variant in ("model.onnx", "copy.onnx"):
        seen = one["measurements"][variant]["disturbance"]
        assert seen["disturbed_share"] > 0.1
        assert any("waited for a CPU" in cause for cause in seen["causes"])
    _, told, _ = command("report", "--details", "--output", tmp_path / "results")
    assert "blocks: waited for a CPU" in told


def test_a_clock_with_a_coarse_tick_gives_no_figure(planted):
    """The clock of a machine is that of all its workers."""
    scripts = {name: {"latency_us": 1000, "tick_us": 15} for name in ("dense", "half")}
    found = planted(scripts, gate={"min_speedup": 1.2})
    half = found.comparison("half")
    assert (half.verdict, half.speedup) == ("invalid", None)
    assert "INVALID: " in found.sentence("half")
    assert "The clock moves in steps of 15 us, and a call takes 1e+03 us" in found.sentence("half")
    assert (found.record.outcome, found.record.exit_code) == ("invalid", 4)


def test_a_profile_of_another_machine_is_refused(tmp_path):
    suite = write_suite(tmp_path, {"dense": {}, "pruned": {}}, gate={"min_speedup": 1.2})
    path = tmp_path / "profiles" / "sim.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "requires": {"architectures": ["s390x"]}}))
    code, out, _ = command("run", suite, *options_of(suite), "--hardware", "sim")
    assert code == 4
    assert "the profile is for s390x, and this machine is" in out
    assert "nothing was measured, and nothing may ship" in out
    assert "samples/s" not in out


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cpu_model": "another CPU"}, "cpu_model: 'another CPU' and "),
        ({"libraries": {"onnxruntime": "1.26.0"}}, "libraries.onnxruntime: '1.26.0' and "),
    ],
    ids=["another machine", "another ONNX Runtime"],
)
def test_a_baseline_from_elsewhere_is_not_gone_on_with(tmp_path, monkeypatch, change, told):
    scripted(monkeypatch)
    suite = write_suite(tmp_path, {"dense": {}, "pruned": {"latency_us": 500}})
    path = halted(suite, monkeypatch).path / "run.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps({**record, "fingerprint": {**record["fingerprint"], **change}}))
    code, out, err = command("run", suite, *options_of(suite), "--resume", "--quiet")
    assert code == 4
    assert "was begun on another machine, or with other software" in err
    assert told in err
    assert out == "", "no figure"
    assert len(list(path.parent.glob("samples/*.npz"))) == 1, "nothing was added"
