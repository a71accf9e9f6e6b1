from __future__ import annotations

import copy

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from xbench.errors import InputError, InvalidError
from xbench.exporters.torch_dynamo import TorchDynamoExporter
from xbench.pruning import Material, prune
from xbench.records.recipe import MagnitudeRecipe, StructuredRecipe


class Scaler(nn.Module):
    """Two inputs, one of them optional in the signature, and an output with a name."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Linear(8, 16)
        self.narrow = nn.Linear(16, 4)
        self.dropout = nn.Dropout(0.5)

    def forward(self, tokens: torch.Tensor, scale: torch.Tensor | None = None) -> dict[str, torch.Tensor]:
        x = self.dropout(torch.relu(self.wide(tokens)))
        x = x if scale is None else x * scale
        return {"hidden": x, "scores": self.narrow(x).mean(1)}


INPUTS = {"scale": torch.ones(1, 6, 1), "tokens": torch.rand(1, 6, 8)}
AXES = {"tokens": {0: "batch", 1: "sequence"}, "scale": {0: "batch", 1: "sequence"}}


def run_onnx(path, feeds):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, {k: v.numpy() for k, v in feeds.items()}), strict=True))


def test_the_file_does_what_the_module_does_at_other_sizes(tmp_path, capfd):
    module = Scaler().train()
    before = copy.deepcopy(module.state_dict())
    path = tmp_path / "scaler.onnx"
    TorchDynamoExporter().export(module, INPUTS, AXES, path)
    assert capfd.readouterr().out == ""
    assert module.training
    assert module.dropout.training
    assert all(torch.equal(before[key], value) for key, value in module.state_dict().items())
    model = onnx.load(path)
    assert model.ir_version <= 13
    assert model.opset_import[0].version <= 26
    assert {value.name for value in model.graph.input} == {"tokens", "scale"}
    assert not list(tmp_path.glob("*.data"))
    module.eval()
    for batch, sequence in ((1, 6), (3, 11)):
        feeds = {"tokens": torch.rand(batch, sequence, 8), "scale": torch.rand(batch, sequence, 1)}
        with torch.no_grad():
            expected = module(**feeds)
        actual = run_onnx(path, feeds)
        assert set(actual) == {"hidden", "scores"}
        for name, value in actual.items():
            np.testing.assert_allclose(value, expected[name].numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "recipe",
    [
        MagnitudeRecipe(method="magnitude", sparsity=0.75),
        StructuredRecipe(method="structured", neurons=0.5),
    ],
)
def test_pruning_survives_the_export(tmp_path, recipe):
    class Stack(nn.Sequential):
        def forward(self, x):
            return super().forward(x)

    torch.manual_seed(0)
    module = Stack(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 4))
    inputs = {"x": torch.rand(2, 8)}
    pruned, report = prune(module, recipe, Material(inputs))
    path = tmp_path / "pruned.onnx"
    TorchDynamoExporter().export(pruned, inputs, {}, path)
    weights = [onnx.numpy_helper.to_array(t) for t in onnx.load(path).graph.initializer]
    weights = [w for w in weights if w.ndim == 2]
    assert sum(w.size for w in weights) == report.elements_after
    assert sum(int((w == 0).sum()) for w in weights) == report.zeros


def test_data_dependent_control_flow_is_invalid_with_the_cause(tmp_path):
    class Branch(nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x

    with pytest.raises(InvalidError) as caught:
        TorchDynamoExporter().export(Branch(), {"x": torch.rand(2, 2)}, {}, tmp_path / "x.onnx")
    assert "cannot export Branch" in caught.value.asked
    assert caught.value.found
    assert "\n" not in caught.value.found


@pytest.mark.parametrize("axes", [{"token": {0: "b"}}, {"tokens": {3: "b"}}, {"tokens": {0: "a b"}}])
def test_axes_that_are_not_there_are_refused(tmp_path, axes):
    with pytest.raises(InputError):
        TorchDynamoExporter().export(Scaler(), INPUTS, axes, tmp_path / "x.onnx")
