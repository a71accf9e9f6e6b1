from __future__ import annotations

import copy

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from transformers import BertConfig, BertModel

from xbench.errors import InputError
from xbench.exporters.torch_dynamo import TorchDynamoExporter
from xbench.exporters.transformers_optimum import TransformersOptimumExporter
from xbench.pruning import Material, prune
from xbench.records.recipe import StructuredRecipe

AXES = {name: {0: "batch", 1: "sequence"} for name in ("input_ids", "attention_mask", "token_type_ids")}


def tokens(batch: int, sequence: int) -> dict[str, torch.Tensor]:
    ids = torch.randint(5, 90, (batch, sequence), generator=torch.Generator().manual_seed(batch))
    mask = torch.ones_like(ids)
    mask[0, sequence // 2 :] = 0
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": torch.zeros_like(ids)}


@pytest.fixture(scope="module")
def pruned() -> torch.nn.Module:
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=100, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64
    )
    recipe = StructuredRecipe(method="structured", heads=0.5, neurons=0.5, include=("encoder.layer.0",))
    module, _ = prune(BertModel(config), recipe, Material(tokens(2, 8)))
    return module


@pytest.mark.parametrize("exporter", [TransformersOptimumExporter, TorchDynamoExporter])
def test_an_encoder_with_fewer_heads_in_one_layer_runs_at_other_sizes(tmp_path, capfd, pruned, exporter):
    before = copy.deepcopy(pruned.state_dict())
    path = tmp_path / "bert.onnx"
    exporter().export(pruned, tokens(2, 8), AXES, path)
    assert capfd.readouterr().out == ""
    assert all(torch.equal(before[key], value) for key, value in pruned.state_dict().items())
    model = onnx.load(path)
    assert model.ir_version <= 13
    assert model.opset_import[0].version <= 26
    shapes = [[d.dim_param for d in v.type.tensor_type.shape.dim] for v in model.graph.input]
    assert shapes == [["batch", "sequence"]] * 3
    assert {t.data_type for t in model.graph.initializer} <= {onnx.TensorProto.FLOAT, onnx.TensorProto.INT64}
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for batch, sequence in ((1, 5), (3, 17)):
        feeds = tokens(batch, sequence)
        with torch.no_grad():
            expected = pruned(**feeds).last_hidden_state.numpy()
        (actual,) = session.run(["last_hidden_state"], {k: v.numpy() for k, v in feeds.items()})
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5)


def test_other_inputs_than_the_architectures_are_refused(tmp_path, pruned):
    inputs = tokens(2, 8)
    del inputs["token_type_ids"]
    with pytest.raises(InputError, match="Optimum exports: input_ids, attention_mask, token_type_ids"):
        TransformersOptimumExporter().export(pruned, inputs, {}, tmp_path / "x.onnx")


def test_one_axis_cannot_have_two_names(tmp_path, pruned):
    axes = {"input_ids": {0: "batch"}, "attention_mask": {0: "rows"}}
    with pytest.raises(InputError, match="cannot be called 'rows'"):
        TransformersOptimumExporter().export(pruned, tokens(2, 8), axes, tmp_path / "x.onnx")


def test_a_module_that_is_no_transformer_is_refused(tmp_path):
    with pytest.raises(InputError, match="not Linear"):
        TransformersOptimumExporter().export(torch.nn.Linear(2, 2), {}, {}, tmp_path / "x.onnx")


def test_the_opset_is_the_one_that_was_asked_for(tmp_path, pruned):
    TransformersOptimumExporter().export(pruned, tokens(2, 8), AXES, tmp_path / "x.onnx", 15)
    assert onnx.load(tmp_path / "x.onnx").opset_import[0].version == 15
