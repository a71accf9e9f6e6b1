"""A suite on ONNX Runtime and on PyTorch side by side, as a user runs it."""

from __future__ import annotations

import json

import pytest
import yaml
from road_kit import options_of, start

pytest.importorskip("torch", reason="the device is PyTorch")

from xbench.exporters.torch_dynamo import TorchDynamoExporter
from xbench.sources.factory import load_factory

NET = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.hidden, self.out = nn.Linear(64, 256), nn.Linear(256, 8)

    def forward(self, x):
        return {"logits": self.out(torch.relu(self.hidden(x)))}

def build():
    return Net()
"""
SUITE = {
    "schema": "xbench.suite/1",
    "name": "side-by-side",
    "model": {"factory": "net:build", "inputs": {"x": {"shape": ["batch", 64]}}},
    "variants": [
        {"name": "dense", "baseline": True},
        {"name": "half", "prune": {"method": "magnitude", "sparsity": 0.5}},
        {"name": "ready", "onnx": "ready.onnx"},
    ],
    "hardware": ["cpu", "torch-eager"],
    "measure": {"precision": 0.5, "budget": 1},
}


def xbench(*arguments):
    with start(*arguments) as process:
        out, err = process.communicate(timeout=500)
    return process.returncode, out, err


@pytest.fixture
def suite(tmp_path):
    import torch

    (tmp_path / "net.py").write_text(NET)
    module = load_factory("net:build", tmp_path, trusted=True)().eval()
    TorchDynamoExporter().export(module, {"x": torch.zeros(2, 64)}, {"x": {0: "batch"}}, tmp_path / "ready.onnx")
    (tmp_path / "suite.yaml").write_text(yaml.safe_dump(SUITE, sort_keys=False))
    (tmp_path / "profiles").mkdir()
    return tmp_path / "suite.yaml"


def recorded(suite):
    (run,) = (suite.parent / "results").glob("*Z-*")
    return run, json.loads((run / "run.json").read_text())


def test_onnx_runtime_and_pytorch_stand_side_by_side_and_a_resumed_run_finds_its_programs(suite):
    command = ["run", suite, "--trust", *options_of(suite), "--hardware", "cpu", "--hardware", "torch-eager"]
    code, out, err = xbench(*command)
    assert "cpu: " in out, err
    assert "placed: 3 nodes on PyTorch eager; 100% of the time on PyTorch eager" in out
    assert code == 4, "a case that cannot be measured is invalid"
    run, record = recorded(suite)
    groups = {group["hardware"]: group for group in record["groups"]}
    assert groups.keys() == {"cpu", "torch-eager"}
    for name, group in groups.items():
        sound = ("dense", "half", "ready") if name == "cpu" else ("dense", "half")
        assert {case["variant"] for case in group["cases"] if case["summary"]} == {*sound, "dense (A/A)"}
        assert all(group["parities"][one]["passed"] for one in sound)
        assert ("ready" in group["failures"]) is (name != "cpu")
    assert "made from an ONNX file: there is no PyTorch module" in groups["torch-eager"]["failures"]["ready"]
    programs = {one["artifact"]["module_sha256"] for one in record["variants"]} - {""}
    kept = suite.parent / "results" / "artifacts"
    assert {path.stem for path in kept.glob("*.pt2")} == programs
    assert len(programs) == 2

    record |= {"status": "running", "groups": [one for one in record["groups"] if one["hardware"] != "torch-eager"]}
    (run / "run.json").write_text(json.dumps(record))
    for file in (run / "samples").glob("g01-*"):
        file.unlink()
    spoiled = next(one["artifact"]["module_sha256"] for one in record["variants"] if one["name"] == "half")
    (kept / f"{spoiled}.pt2").write_bytes(b"another one")
    _, _, err = xbench(*command, "--resume")
    _, again = recorded(suite)
    eager = next(group for group in again["groups"] if group["hardware"] == "torch-eager")
    assert "not the one that was prepared, and was not loaded" in eager["failures"]["half"], err
    assert "dense" not in eager["failures"]
    assert "dense" in eager["placements"]
