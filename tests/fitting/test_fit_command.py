"""`xbench prune --target --speedup` on a scripted target, from the suite to its files; and everything it refuses."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

torch = pytest.importorskip("torch", reason="pruning and export need torch")

sys.path.append(str(Path(__file__).parents[1] / "road"))

from latency_kit import OVERHEAD_US  # noqa: E402
from road_kit import LocalProcess, in_this_process  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from xbench.cli.fitting import fit_and_show  # noqa: E402
from xbench.cli.main import app  # noqa: E402
from xbench.errors import InputError, XbenchError  # noqa: E402
from xbench.fitting.asking import Asked  # noqa: E402
from xbench.fitting.batch import COPIES, label_of  # noqa: E402
from xbench.records.latency import LayerSignature  # noqa: E402
from xbench.suite.loading import load_suite  # noqa: E402

NET = """
import torch
from torch import nn


def make():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 8)).eval()
"""
SUITE = """\
schema: xbench.suite/1
name: s
model:
  factory: net:make
  exporter: torchscript
  inputs:
    input: {shape: [batch, 16]}
variants:
  - {name: dense, baseline: true}
  - {name: half, prune: {method: structured, neurons: 0.5, importance: l1, seed: 3}}
  - {name: zeros, prune: {method: magnitude, sparsity: 0.5}}
measure: {precision: 5%, seed: 1}
"""
GEMM = LayerSignature(op_type="Gemm", dtype="float32", shape=(1,), transposed=True)
WIDTHS = range(8, 65, 8)
DENSE_US = 400.0
QUIET = {"noise": 0.002}


def truth(inputs: int, outputs: int) -> float:
    """Steps of 32 outputs: flat between 40 and 64."""
    return 5.0 + inputs * (32 if outputs <= 32 else 64) / 32


def write(folder: Path, *, aware_us: float, suite: str = SUITE) -> None:
    (folder / "net.py").write_text(NET)
    (folder / "s.yaml").write_text(suite)
    scripts = {
        "dense": {"latency_us": DENSE_US, **QUIET},
        "uniform-1.50x": {"latency_us": DENSE_US / 1.53, **QUIET},
        "latency-aware-1.50x": {"latency_us": aware_us, **QUIET},
    }
    for inputs in (16, *WIDTHS):
        for outputs in WIDTHS:
            for copies in COPIES:
                us = OVERHEAD_US + copies * truth(inputs, outputs)
                scripts[label_of(GEMM, inputs, outputs, copies)] = {"latency_us": us, "noise": 0.0}
    profile = {"schema": "xbench.profile/1", "name": "sim", "title": "scripted", "runner": "fake", "evidence": "-"}
    (folder / "profiles").mkdir(exist_ok=True)
    (folder / "profiles/sim.yaml").write_text(yaml.safe_dump(profile | {"options": {"scripts": scripts}}))


def xbench(folder: Path, *arguments: str, command: str = "prune") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "xbench", command, *arguments],
        cwd=folder,
        env=os.environ | {"XDG_DATA_HOME": str(folder / "data"), "COLUMNS": "100"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def asked(folder: Path, speedup: float = 1.5, out: str = "out") -> Asked:
    return Asked(
        target="sim",
        speedup=speedup,
        output=folder / out,
        variant="half",
        budget=6.0,
        trusted=True,
        profile_folders=(folder / "profiles",),
    )


def fit(folder: Path, **fields):
    """The exit code, the record as data, and what was shown: (code, record, out, err). Workers are in this process."""
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as out:
        in_this_process(patch)
        patch.setattr("xbench.fitting.batch.WorkerProcess", LocalProcess)
        for module in ("xbench.fitting.measuring", "xbench.road.measuring"):  # nothing is timed: no turn is needed
            patch.setattr(f"{module}.alone_on_the_machine", contextlib.nullcontext)
        patch.setenv("XDG_DATA_HOME", str(folder / "data"))
        with contextlib.redirect_stderr(io.StringIO()) as err:
            code = fit_and_show(
                load_suite(folder / "s.yaml"), asked(folder, **fields), str(folder / "fit.json"), False
            )
    return code, json.loads((folder / "fit.json").read_text()), out.getvalue(), err.getvalue()


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fitted")
    write(folder, aware_us=DENSE_US / 1.53)
    return folder, fit(folder)


def test_a_speedup_is_reached_and_told(fitted):
    _, (code, found, out, err) = fitted
    assert code == found["exit_code"] == 0
    assert err.index("to do on sim") < err.index("] latency tables: sim"), "the cost is told before it is spent"
    assert found["simulated"]
    assert found["latency_aware"]["not_reached"] == found["uniform"]["not_reached"] == ""
    assert {one["candidate"] for one in found["comparisons"]} == {"uniform-1.50x", "latency-aware-1.50x"}
    assert all(one["speedup"]["point"] == pytest.approx(1.53, rel=0.02) for one in found["comparisons"])
    assert [group["name"] for group in found["groups"]] == ["0", "2"]
    assert "no figure means anything" in out
    assert "latency-aware-1.50x" in out


def test_the_steps_that_the_tables_have_are_followed_and_told(fitted):
    """Widths within a flat stretch are never chosen, and the stretch is named."""
    _, (_, found, out, _) = fitted
    assert all(group["latency_aware"] in (*range(8, 33, 8), 64) for group in found["groups"])
    assert any("flat between 40 and 64 outputs" in line for line in found["flat"])
    assert "flat between 40 and 64 outputs" in out


def test_its_files_are_what_the_report_says(fitted):
    folder, (_, found, _, _) = fitted
    out = folder / "out"
    assert {file for file in found["files"] if not file.endswith("suite.yaml")} <= {p.name for p in out.iterdir()}
    weights = load_file(out / "latency-aware-1.50x.safetensors")
    kept = {group["name"]: group["latency_aware"] for group in found["groups"]}
    assert weights["0.weight"].shape == (kept["0"], 16)
    assert weights["2.weight"].shape == (kept["2"], kept["0"])
    assert weights["4.weight"].shape == (8, kept["2"])
    assert not list(out.glob(".*")), "nothing is left behind"


def test_the_suite_with_pasted_widths_makes_the_same_variants_again(fitted):
    folder, _ = fitted
    suite = load_suite(folder / "s.suite.yaml").suite  # beside the code that it names
    by_name = {variant.name: variant for variant in suite.variants}
    assert list(by_name) == ["dense", "half", "zeros", "uniform-1.50x", "latency-aware-1.50x"]
    recipe = by_name["latency-aware-1.50x"].prune
    assert (recipe.importance, recipe.seed) == ("l1", 3)
    options = ("s.suite.yaml", "--trust", "--variant", "latency-aware-1.50x", "--output", "again")
    assert xbench(folder, *options).returncode == 0
    again, first = (folder / part / "latency-aware-1.50x.safetensors" for part in ("again", "out"))
    assert again.read_bytes() == first.read_bytes()


def test_what_was_measured_is_kept_and_what_is_out_of_reach_is_said_before_the_rounds(fitted):
    folder, _ = fitted
    (folder / "s.suite.yaml").rename(folder / "kept.yaml")
    with pytest.raises(InputError, match="A speedup of 90 cannot be reached on sim"):
        fit(folder, speedup=90.0, out="far")
    (folder / "kept.yaml").rename(folder / "s.suite.yaml")
    assert not list((folder / "far").glob("*"))


def test_files_that_are_there_are_left(fitted):
    folder, _ = fitted
    with pytest.raises(InputError, match="--force"):
        fit(folder)


def test_a_speedup_that_is_not_reached_is_told_with_its_reason(tmp_path):
    """The truth is 1.2x whatever is pruned, as where most of the time is spent elsewhere."""
    write(tmp_path, aware_us=DENSE_US / 1.2)
    code, found, out, _ = fit(tmp_path)
    assert code == 1
    assert "narrowest widths" in found["latency_aware"]["not_reached"]
    assert "latency-aware-1.50x is not what was asked for: 1.20x" in out
    assert "not equally fast" in out


REFUSED = {
    "no target": (("--speedup", "2"), 2, ("--speedup goes with --target",)),
    "no speedup": (("--target", "sim"), 2, ("--target goes with --speedup",)),
    "budget alone": (("--budget", "3s"), 2, ("--budget goes with --target and --speedup",)),
    "slower": (("--target", "sim", "--speedup", "0.5"), 2, ("--speedup cannot be 0.5", "above 1")),
    "as it is": (("--target", "sim", "--speedup", "1"), 2, ("--speedup cannot be 1",)),
    "no number": (("--target", "sim", "--speedup", "nan"), 2, ("--speedup cannot be nan",)),
    "nobody": (("--target", "smi", "--speedup", "2"), 2, ("'smi'", "sim")),
    "many": (("--target", "auto", "--speedup", "2"), 2, ("'auto' stands for all",)),
    "elsewhere": (("--target", "jetson-orin-tensorrt-fp16", "--speedup", "2"), 4, ("jetson-orin",)),
    "variant": (("--target", "sim", "--speedup", "2", "--variant", "haf"), 2, ("'haf'", "did you mean 'half'?")),
    "zeros": (("--target", "sim", "--speedup", "2", "--variant", "zeros"), 2, ("'zeros'", "name one of half")),
    "two": (("--target", "sim", "--speedup", "2", "--variant", "half", "--variant", "zeros"), 2, ("more than once",)),
    "budget": (("--target", "sim", "--speedup", "2", "--budget", "-3s"), 2, ("--budget",)),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("refused")
    write(folder, aware_us=DENSE_US)
    (folder / "files.yaml").write_text(
        "schema: xbench.suite/1\nname: f\nmodel: {onnx: m.onnx}\nvariants:\n  - {name: dense, baseline: true}\n"
    )
    return folder


def refused(place: Path, *arguments: str) -> XbenchError:
    """What the command line says to these arguments, in this process."""
    with contextlib.chdir(place), pytest.raises(XbenchError) as caught:
        app(["prune", *arguments, "--profile-dir", "profiles", "--output", "out"], standalone_mode=False)
    assert not (place / "out").exists()
    return caught.value


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_asked_is_said_before_any_work(place, name):
    options, code, words = REFUSED[name]
    error = refused(place, "s.yaml", "--trust", *options)
    assert error.exit_code == code, error
    assert 1 <= len(str(error).splitlines()) <= 3
    assert all(word in str(error) for word in words), error


def test_finished_files_and_code_that_is_not_trusted_are_refused(place):
    options = ("--target", "sim", "--speedup", "2")
    assert "for a PyTorch model alone" in str(refused(place, "files.yaml", *options))
    assert "pass --trust" in str(refused(place, "s.yaml", *options))
