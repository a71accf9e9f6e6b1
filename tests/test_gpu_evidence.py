"""The script that measures on a GPU machine: what it runs there, and what it calls a failure. Times nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from argparse import Namespace
from pathlib import Path

import onnx
import pytest

ROOT = Path(__file__).resolve().parents[1]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the sources are not here: this runs in a checkout", allow_module_level=True)
sys.path.insert(0, str(ROOT / "benchmarks"))
import gpu_evidence  # noqa: E402
from gpu_evidence import Step, bundle, done, steps, targets, tiny_models  # noqa: E402

FAILS = (sys.executable, "-c", "raise SystemExit(4)")


def record(out, sets):
    folder = out / "results" / f"run-of-{sets}"
    folder.mkdir(parents=True)
    (folder / "run.json").write_text(json.dumps({"groups": [{"sets": sets}]}))


@pytest.fixture
def out(tmp_path):
    (tmp_path / "logs").mkdir()
    return tmp_path


def test_a_status_that_is_an_answer_is_no_failure_unless_nothing_was_timed(out):
    assert done(Step("one", FAILS), out).startswith("status 4")
    assert done(Step("one", FAILS, gpu_evidence.ANSWERS), out) == ""
    record(out, sets=0)
    assert done(Step("one", FAILS, gpu_evidence.ANSWERS, times=True), out).startswith("nothing was timed")
    writes = f"import pathlib; p = pathlib.Path({str(out)!r}) / 'results/new'; p.mkdir(); "
    writes += '(p / "run.json").write_text(\'{"groups": [{"sets": 2}]}\')'
    assert done(Step("one", (sys.executable, "-c", writes), times=True), out) == ""


def test_the_bundle_holds_all_runs_and_there_is_none_without(out):
    assert bundle(out) is None
    record(out, sets=0)
    record(out, sets=3)
    assert [name for name in bundle(out).command if name.startswith("run-of-")] == ["run-of-0", "run-of-3"]


def test_tensorrt_is_measured_where_its_library_is(monkeypatch, tmp_path):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    without = targets([])
    (tmp_path / "libnvinfer.so.11").touch()
    assert targets([]) == without, "the provider wants version 10"
    (tmp_path / "libnvinfer.so.10").touch()
    names = [name for found in targets([]).values() for name in found]
    assert {"tensorrt-fp16-sparse", "tensorrt-int8", "cuda-fp16-graph"} <= {name.split("h100-")[-1] for name in names}


def test_each_model_is_compared_on_each_target_in_a_run_of_its_own(out):
    asked = Namespace(out=out, models=out, only=["minilm"], hardware=["cpu"], quick=False, budget="1s")
    names = [step.name for step in steps(asked)]
    assert names == ["doctor", "hardware", "minilm-fp32-on-cpu", "ceiling"]


def test_the_tiny_models_are_what_they_are_called(tmp_path):
    weights = {}
    for file in tiny_models(tmp_path):
        onnx.checker.check_model(onnx.load(file))
        first = onnx.numpy_helper.to_array(onnx.load(file).graph.initializer[0])
        weights[file.stem] = first
    assert ((weights["tiny-2to4"].reshape(-1, 4, 512) != 0).sum(axis=1) == 2).all()
    assert weights["tiny-removed"].shape == (512, 256)


def test_the_script_says_how_it_is_used():
    script = ROOT / "scripts/gpu_evidence.sh"
    asked = subprocess.run(["bash", script], capture_output=True, text=True, timeout=30)
    assert asked.returncode == 2
    assert "gpu_evidence.sh OUT" in asked.stderr
    assert subprocess.run(["bash", "-n", script], timeout=30).returncode == 0
