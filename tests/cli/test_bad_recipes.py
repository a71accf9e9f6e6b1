"""Recipes and weights that cannot be used, as a user would meet them: what is wrong, and nothing lost."""

from __future__ import annotations

import json
import pickle

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch", reason="pruning and export need torch")

from .conftest import Shell  # noqa: E402

NET = '''
import torch
from torch import nn


class Net(nn.Module):
    """first: 18 inputs; weak: a thousandth of the others; twin: shares its weight with last."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.weak = nn.Linear(18, 32), nn.Linear(32, 32)
        self.last, self.twin = nn.Linear(32, 32), nn.Linear(32, 32)
        self.twin.weight = self.last.weight
        with torch.no_grad():
            self.weak.weight.mul_(1e-3)

    def forward(self, x):
        return self.twin(torch.relu(self.last(torch.relu(self.weak(torch.relu(self.first(x)))))))


class Untraceable(Net):
    """What works without gradients alone cannot be traced: `last` would be given twice its width."""

    def forward(self, x):
        x = torch.relu(self.weak(torch.relu(self.first(x))))
        return self.twin(torch.relu(self.last(torch.cat([x, x], 1) if torch.is_grad_enabled() else x)))


def make():
    return Net().eval()


def untraceable():
    return Untraceable().eval()
'''
HEAD = """\
schema: xbench.suite/1
name: s
model:
  factory: net:{factory}
  inputs:
    x: {{shape: [batch, 18]}}
variants:
  - {{name: dense, baseline: true}}
"""
GOOD = "  - {name: good, prune: {method: magnitude, sparsity: 0.5, include: [first]}}\n"


class Payload:
    """Unpickling it makes a file."""

    def __init__(self, path) -> None:
        self.path = str(path)

    def __reduce__(self):
        return open, (self.path, "w")


def failures(xbench: Shell, suite: str, *options: str, step: str = "prune") -> tuple[int, dict[str, str], str]:
    """The exit code, the reason of each variant that was not made, and all that was shown."""
    (xbench.folder / "net.py").write_text(NET)
    (xbench.folder / "s.yaml").write_text(suite)
    ended = xbench(step, "s.yaml", "--trust", "--output", "out", "--json", "rows.json", *options)
    assert "Traceback" not in ended.err + ended.out, ended
    rows = json.loads((xbench.folder / "rows.json").read_text())["rows"]
    return ended.code, {row["variant"]: row["failure"] for row in rows if row["failure"]}, ended.err + ended.out


@pytest.fixture(scope="module")
def refused(tmp_path_factory):
    """All that is bad in one suite, with a good recipe at the end: each fails alone."""
    folder = tmp_path_factory.mktemp("refused")
    planted = {"first.weight": Payload(folder / "planted")}
    (folder / "bare.pt").write_bytes(pickle.dumps(planted))
    torch.save(planted, folder / "zipped.pt")
    makings = {
        "empty": "prune: {method: magnitude, sparsity: 0.5, scope: global}",
        "nowhere": "prune: {method: magnitude, sparsity: 0.5, include: [frist]}",
        "width": 'prune: {method: "n:m", include: [first]}',
        "no-neuron": "prune: {method: structured, neurons: 0.001}",
        "shared": "prune: {method: random, sparsity: 0.5, include: [last, twin]}",
        "bare": "checkpoint: bare.pt",
        "zipped": "checkpoint: zipped.pt",
    }
    lines = "".join(f"  - {{name: {name}, {making}}}\n" for name, making in makings.items())
    xbench = Shell(folder)
    return xbench, *failures(xbench, HEAD.format(factory="make") + lines + GOOD)


WORDS = {
    "empty": ("nothing of weak",),
    "nowhere": ("include pattern 'frist'", "nearest names: first"),
    "width": ("first", "18", "4"),
    "no-neuron": ("prunes nothing",),
}


@pytest.mark.parametrize("name", WORDS)
def test_a_recipe_that_does_not_fit_is_refused_by_name(refused, name):
    _, _, reasons, shown = refused
    assert all(word in reasons[name] for word in WORDS[name]), reasons
    assert reasons[name] in shown


def test_a_recipe_that_does_not_fit_costs_its_variant_alone(refused):
    xbench, code, _, _ = refused
    assert code == 2
    assert (xbench.folder / "out/good.safetensors").is_file()
    assert not list((xbench.folder / "out").glob("width*"))


def test_a_weight_that_two_layers_share_is_pruned_once(refused):
    """Or refused by name: pruned twice by chance, three quarters of it would be zero."""
    xbench, _, reasons, _ = refused
    if "shared" in reasons:
        assert "twin" in reasons["shared"]
        return
    report = json.loads((xbench.folder / "out/shared.safetensors.json").read_text())
    assert report["prune"]["zeros"] == 32 * 32 // 2


def test_a_model_that_cannot_be_traced_is_refused_with_the_reason_and_the_layer(tmp_path):
    suite = HEAD.format(factory="untraceable") + "  - {name: half, prune: {method: structured, neurons: 0.5}}\n"
    code, reasons, _ = failures(Shell(tmp_path), suite)
    assert code == 2
    assert "Torch-Pruning cannot trace the module Untraceable: in 'last' (Linear)" in reasons["half"]
    assert "shapes cannot be multiplied" in reasons["half"]


@pytest.mark.parametrize("name", ["bare", "zipped"])
def test_a_checkpoint_with_a_payload_is_never_run(refused, name):
    xbench, _, reasons, _ = refused
    assert f"{name}.pt is refused" in reasons[name]
    assert "nothing was run" in reasons[name]
    assert not (xbench.folder / "planted").exists()


def test_a_file_whose_audit_disagrees_with_its_provenance(tmp_path):
    xbench = Shell(tmp_path)
    failures(xbench, HEAD.format(factory="make") + GOOD, "--variant", "good", step="export")
    path = tmp_path / "out/good.onnx"
    model = onnx.load(path)
    tensor = max(model.graph.initializer, key=lambda one: int((numpy_helper.to_array(one) == 0).sum()))
    filled = numpy_helper.to_array(tensor).copy()
    filled[filled == 0] = np.float32(1e-3)
    tensor.CopyFrom(numpy_helper.from_array(filled, tensor.name))
    onnx.save(model, path)
    ended = xbench("inspect", "out/good.onnx")
    assert ended.code == 4, ended
    assert "Traceback" not in ended.err
    assert 1 <= len(ended.lines) <= 3
    assert f"its provenance tells of {18 * 32 // 2} zeros" in ended.err
