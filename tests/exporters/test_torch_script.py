"""The older exporter: as good as the other one where both can, never chosen silently, its own limits told."""

from __future__ import annotations

import contextlib
import copy

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from torch import nn

from xbench.errors import InputError, InvalidError
from xbench.exporters.torch_dynamo import TorchDynamoExporter
from xbench.exporters.torch_script import TorchScriptExporter

BOTH = pytest.mark.parametrize("exporter", [TorchScriptExporter, TorchDynamoExporter])


class Layer(nn.Module):
    """Inputs in another order than they are given, and one that is left out between them."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.layer = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Dropout(), nn.Linear(16, 8), nn.LayerNorm(8))

    def forward(self, tokens: torch.Tensor, unused: torch.Tensor | None = None, scale: torch.Tensor | None = None):
        x = self.layer(tokens)
        return {"hidden": x if scale is None else x * scale, "first": x[:, 0]}


INPUTS = {"scale": torch.rand(1, 6, 8), "tokens": torch.rand(1, 6, 8)}
AXES = {"tokens": {0: "batch", 1: "sequence"}, "scale": {0: "batch", 1: "sequence"}}


@BOTH
def test_names_and_axes_are_those_that_were_asked_for(tmp_path, capfd, exporter) -> None:
    module, path = Layer().train(), tmp_path / "m.onnx"
    before = copy.deepcopy(module.state_dict())
    exporter().export(module, INPUTS, AXES, path)
    assert capfd.readouterr() == ("", "")
    assert module.training
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())
    graph = onnx.load(path).graph
    assert {one.name for one in graph.input} == {"scale", "tokens"}
    for one in graph.input:
        assert [dim.dim_param for dim in one.type.tensor_type.shape.dim] == ["batch", "sequence", ""]
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    module.eval()
    for batch, sequence in ((1, 6), (3, 11)):
        feeds = {"tokens": torch.rand(batch, sequence, 8), "scale": torch.rand(batch, sequence, 8)}
        with torch.no_grad():
            expected = module(**feeds)
        actual = session.run(["hidden", "first"], {name: one.numpy() for name, one in feeds.items()})
        for value, name in zip(actual, ("hidden", "first"), strict=True):
            np.testing.assert_allclose(value, expected[name].numpy(), rtol=1e-4, atol=1e-5)


@BOTH
@pytest.mark.parametrize("opset", [17, 20, 24])
def test_the_opset_is_the_one_that_was_asked_for_or_there_is_no_file(tmp_path, capfd, exporter, opset) -> None:
    path, linear = tmp_path / "m.onnx", nn.Linear(3, 3)
    too_new = (exporter, opset) == (TorchScriptExporter, 24)
    refused = pytest.raises(InvalidError, match="Unsupported onnx_opset_version: 24")
    with refused if too_new else contextlib.nullcontext():
        exporter().export(linear, {"input": torch.rand(2, 3)}, {"input": {0: "batch"}}, path, opset)
        assert onnx.load(path).opset_import[0].version == opset
    assert capfd.readouterr() == ("", ""), "torch's dump of the graph is not for the user"


def test_an_opset_that_torch_cannot_go_back_to_is_told(tmp_path) -> None:
    with pytest.raises(InvalidError, match=r"is not of opset 13\n.*wrote opset 18\nask for opset: 18"):
        TorchDynamoExporter().export(nn.LayerNorm(3), {"input": torch.rand(2, 3)}, {}, tmp_path / "m.onnx", 13)


def test_the_newer_exporter_names_the_older_one_where_it_fails(tmp_path) -> None:
    class Branch(nn.Module):
        def forward(self, x):
            return x + 1 if x.sum() > 0 else x

    with pytest.raises(InvalidError, match="name the older exporter: torchscript"):
        TorchDynamoExporter().export(Branch(), {"x": torch.rand(2, 2)}, {}, tmp_path / "x.onnx")
    TorchScriptExporter().export(Branch(), {"x": torch.rand(2, 2)}, {}, tmp_path / "x.onnx")


def test_an_encoder_layer_can_be_traced_though_its_fused_path_cannot(tmp_path) -> None:
    torch.manual_seed(0)
    layer = nn.Sequential(nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)).eval()
    x, path = torch.rand(2, 5, 8), tmp_path / "m.onnx"
    TorchScriptExporter().export(layer, {"input": x}, {}, path)
    (found,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"input": x.numpy()})
    with torch.no_grad():
        np.testing.assert_allclose(found, layer(x).numpy(), rtol=1e-4, atol=1e-5)


@BOTH
def test_one_tensor_under_two_names_stays_two_inputs(tmp_path, exporter) -> None:
    class Difference(nn.Module):
        def forward(self, a, b):
            return a - 2 * b

    one, path = torch.rand(2, 3), tmp_path / "m.onnx"
    exporter().export(Difference(), {"a": one, "b": one}, {}, path)
    a, b = np.random.default_rng(0).random((2, 2, 3), np.float32)
    (found,) = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, {"a": a, "b": b})
    np.testing.assert_allclose(found, a - 2 * b, rtol=1e-6)


@BOTH
@pytest.mark.parametrize("axes", [{"token": {0: "b"}}, {"tokens": {3: "b"}}, {"tokens": {0: "a b"}}])
def test_axes_that_cannot_be_are_refused_by_both(tmp_path, exporter, axes) -> None:
    with pytest.raises(InputError):
        exporter().export(Layer(), INPUTS, axes, tmp_path / "x.onnx")
