"""onnxslim as an option of the suite's model."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

torch = pytest.importorskip("torch", reason="export needs torch")

from xbench.errors import InputError, InvalidError, UnavailableError  # noqa: E402
from xbench.prepare import slimming  # noqa: E402
from xbench.prepare.dense import load_dense  # noqa: E402
from xbench.prepare.variant import make_variant  # noqa: E402
from xbench.prepare.workshop import Workshop  # noqa: E402
from xbench.profiles.finding import reference_profile  # noqa: E402
from xbench.protocols import Calibration  # noqa: E402
from xbench.suite.loading import LoadedSuite, load_suite  # noqa: E402
from xbench.suite.model import VariantSpec  # noqa: E402

NET = """
import torch

class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = torch.nn.Linear(16, 32), torch.nn.Linear(32, 4)

    def forward(self, x):
        x = torch.relu(self.a(x))
        return self.b(x.reshape(x.shape[0], 4, 8).transpose(1, 2).transpose(1, 2).reshape(x.shape[0], 32))

def build():
    return Net()
"""
HALF = {"name": "half", "prune": {"method": "magnitude", "sparsity": 0.5}}


def suite(folder: Path, more: str, shape: str = "[batch, 16]") -> LoadedSuite:
    (folder / "net.py").write_text(NET)
    (folder / "suite.yaml").write_text(
        f"schema: xbench.suite/1\nname: s\nmodel: {{factory: 'net:build', inputs: {{x: {{shape: {shape}}}}}{more}}}\n"
        "variants: [{name: d, baseline: true}]\n"
    )
    return load_suite(folder / "suite.yaml")


def workshop(folder: Path, more: str) -> Workshop:
    dense = load_dense(suite(folder, more), trusted=True, samples=[])
    (folder / "artifacts").mkdir(exist_ok=True)
    return Workshop(
        dense=dense,
        samples=dense.example_feeds(),
        artifacts=folder / "artifacts",
        reference=reference_profile(),
        time_limit=120,
        base=folder,
        trusted=True,
        calibration=lambda: Calibration((), "none", ""),
    )


def test_a_slim_file_holds_the_same_zeros_and_tells_what_became_less(tmp_path) -> None:
    pytest.importorskip("onnxslim")
    spec = VariantSpec.model_validate(HALF)
    plain, _ = make_variant(spec, workshop(tmp_path, ", exporter: torchscript"))
    slim, _ = make_variant(spec, workshop(tmp_path, ", exporter: torchscript, slim: true"))
    assert slim.parity.passed
    assert (slim.audit.zeros, slim.audit.elements) == (plain.audit.zeros, plain.audit.elements)
    before, after = (len(onnx.load(one.path).graph.node) for one in (plain, slim))
    assert after < before
    assert f"{before} nodes became {after}" in slim.notes[0]
    assert (json.loads(plain.provenance["xbench.slim"]), json.loads(slim.provenance["xbench.slim"])) == (False, True)
    assert plain.notes == ()


def test_without_onnxslim_the_command_is_told_before_anything_is_loaded(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxslim", None)
    with pytest.raises(UnavailableError, match=r"pip install 'xbench\[slim\]'"):
        load_dense(suite(tmp_path, ", slim: true"), trusted=False, samples=[])


def test_a_slim_file_with_other_inputs_is_invalid(tmp_path, monkeypatch) -> None:
    def careless(model):
        model.graph.input[0].type.tensor_type.shape.dim[0].dim_value = 2
        return model

    monkeypatch.setattr(slimming, "require_onnxslim", lambda: careless)
    with pytest.raises(
        InvalidError, match=r"changed the inputs or outputs.*\n.*x: batchx16 became 2x16\n.*model.slim"
    ):
        make_variant(VariantSpec(name="d"), workshop(tmp_path, ", exporter: torchscript, slim: true"))


@pytest.mark.parametrize("exporter", ["dynamo", "torchscript"])
def test_inputs_of_a_wrong_shape_are_bad_input(tmp_path, exporter) -> None:
    loaded = suite(tmp_path, f", exporter: {exporter}", "[batch, 15]")
    with pytest.raises(
        InputError, match=r"cannot take the inputs that the suite names\nx \[2, 15\] torch.float32: Run"
    ):
        load_dense(loaded, trusted=True, samples=[])


def test_equal_variants_have_equal_digests_whenever_they_are_made(tmp_path) -> None:
    first, _ = make_variant(VariantSpec(name="d"), workshop(tmp_path, ", exporter: torchscript"))
    again, _ = make_variant(VariantSpec(name="d"), workshop(tmp_path, ", exporter: torchscript"))
    assert first.sha256 == again.sha256
    assert np.datetime64(first.made.removesuffix("+00:00")) <= np.datetime64(again.made.removesuffix("+00:00"))
