"""Decoders, whose families are known by their structure; of these, only OPT's can be traced by Torch-Pruning."""

from __future__ import annotations

import pytest
import torch
from structured_nets import PackedAttention
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.pruning.layout import by_output
from xbench.records.recipe import MagnitudeRecipe, NMRecipe, StructuredRecipe

SIZES = {"vocab_size": 50, "hidden_size": 32, "intermediate_size": 24, "num_hidden_layers": 4}
GROUPED = {**SIZES, "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 8, "max_position_embeddings": 32}


def llama(**fields) -> torch.nn.Module:
    return LlamaForCausalLM(LlamaConfig(**{**GROUPED, "attention_bias": True, **fields}))


def qwen(**fields) -> torch.nn.Module:
    return Qwen3ForCausalLM(Qwen3Config(**{**GROUPED, **fields}))


def gpt(**fields) -> torch.nn.Module:
    return GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=32, n_inner=24, n_layer=4, n_head=4, n_positions=32))


def opt(**fields) -> torch.nn.Module:
    sizes = {"hidden_size": 32, "word_embed_proj_dim": 32, "ffn_dim": 24, "num_attention_heads": 4}
    return OPTForCausalLM(OPTConfig(vocab_size=50, num_hidden_layers=4, max_position_embeddings=32, **sizes))


@pytest.fixture(params=[llama, qwen, gpt, opt])
def decoder(request) -> torch.nn.Module:
    torch.manual_seed(0)
    net = request.param().eval()
    for parameter in net.parameters():  # biases and norms are trivial otherwise
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


def tokens(seed: int, length: int = 7) -> dict[str, torch.Tensor]:
    ids = torch.randint(0, 50, (2, length), generator=torch.Generator().manual_seed(seed))
    return {"input_ids": ids, "attention_mask": torch.ones_like(ids)}


def structured(**fields) -> StructuredRecipe:
    return StructuredRecipe(method="structured", **fields)


def logits(net: torch.nn.Module, inputs) -> torch.Tensor:
    with torch.no_grad():
        return net(**inputs).logits


@pytest.mark.parametrize("importance", ["l2", "wanda", "taylor"])
def test_removing_heads_and_neurons_is_zeroing_them(decoder, importance):
    material = Material(tokens(0), [tokens(1)])
    fields = {"heads": 0.5, "neurons": 0.5, "importance": importance}
    zeroed, _ = prune(decoder, structured(remove=False, **fields), material)
    removed, report = prune(decoder, structured(**fields), material)
    assert report.removed > 0.4 * report.elements_before * 0.9
    fresh = tokens(2, length=11)
    fresh["attention_mask"][1, :3] = 0
    expected = logits(zeroed, fresh)
    torch.testing.assert_close(logits(removed, fresh), expected, rtol=1e-4, atol=1e-5)
    assert not torch.allclose(logits(decoder, fresh), expected, atol=1e-3)


def test_the_past_is_kept_by_the_heads_and_layers_that_are_left(decoder):
    pruned, _ = prune(decoder, structured(heads=0.5, layers=0.5), Material(tokens(0)))
    config = pruned.config
    assert (config.num_hidden_layers, config.num_attention_heads) == (2, 2)
    assert getattr(config, "num_key_value_heads", 1) == 1
    assert decoder.config.num_hidden_layers == decoder.config.num_attention_heads == 4
    ids = tokens(3)["input_ids"]
    with torch.no_grad():
        first = pruned(input_ids=ids[:, :4], use_cache=True)
        second = pruned(input_ids=ids[:, 4:], past_key_values=first.past_key_values)
        assert len(first.past_key_values.layers) == 2
        assert first.past_key_values.layers[0].keys.shape[1] == (1 if hasattr(config, "num_key_value_heads") else 2)
        whole = pruned(input_ids=ids, use_cache=False).logits
    torch.testing.assert_close(torch.cat([first.logits, second.logits], 1), whole, rtol=1e-4, atol=1e-5)


def test_a_key_value_head_takes_its_own_query_heads_along():
    net = llama(num_hidden_layers=1).eval()
    dense = net.model.layers[0].self_attn
    with torch.no_grad():
        for layer in (dense.k_proj, dense.v_proj):
            layer.weight[:8] *= 1e-4  # the first key-value head, which query heads 0 and 1 read
        dense.q_proj.weight[:16] *= 1e-4
    pruned, _ = prune(net, structured(heads=0.5), Material(tokens(0)))
    left = pruned.model.layers[0].self_attn
    assert torch.equal(left.q_proj.weight, dense.q_proj.weight[16:])
    assert torch.equal(left.v_proj.weight, dense.v_proj.weight[8:])
    assert torch.equal(left.o_proj.weight, dense.o_proj.weight[:, 16:])
    assert left.num_key_value_groups == 2


def test_layers_that_differ_in_heads_are_told():
    recipe = structured(heads=0.5, include=("model.layers.0",))
    pruned, report = prune(llama(), recipe, Material(tokens(0)))
    assert any("differ in their heads" in note for note in report.notes)
    assert pruned.config.num_key_value_heads == 2


def test_tied_embeddings_stay_tied_and_whole():
    net = gpt()
    pruned, report = prune(net, structured(heads=0.25, neurons=0.25, layers=0.25), Material(tokens(0)))
    assert pruned.lm_head.weight is pruned.transformer.wte.weight
    assert pruned.lm_head.weight.shape == net.lm_head.weight.shape
    assert not any("lm_head" in name for name in report.layers)


def test_several_steps_leave_what_one_step_leaves():
    net = llama()
    stepped, material = net, Material(tokens(0), dense=net)
    for share in (0.2, 0.3, 0.5):
        stepped, _ = prune(stepped, structured(neurons=share, heads=share, layers=share), material)
    once, _ = prune(net, structured(neurons=0.5, heads=0.5, layers=0.5), Material(tokens(0)))
    shapes = {key: value.shape for key, value in once.state_dict().items()}
    assert shapes == {key: value.shape for key, value in stepped.state_dict().items()}


@pytest.mark.parametrize(
    "recipe",
    [MagnitudeRecipe(method="magnitude", sparsity=0.5), NMRecipe(method="n:m", n=2, m=4)],
)
def test_a_conv1d_is_pruned_along_its_own_axes(recipe):
    net = gpt()
    pruned, report = prune(net, recipe, Material(tokens(0)))
    name = "transformer.h.0.mlp.c_fc"
    layer = pruned.get_submodule(name)
    assert name in report.layers
    assert int((layer.weight == 0).sum()) == layer.weight.numel() // 2
    if recipe.method == "n:m":
        groups = by_output(layer.weight, layer).flatten(1).reshape(layer.nf, -1, 4)
        assert torch.equal((groups != 0).sum(-1), torch.full(groups.shape[:2], 2))
        assert torch.equal(groups[0, 0], layer.weight[:4, 0]), "of four inputs to one output"


def test_a_rotary_decoder_that_nobody_knows_is_refused_by_name():
    net = torch.nn.Sequential()
    net.add_module("mixer", PackedAttention())
    material = Material({"input": torch.rand(2, 4, 8)})
    with pytest.raises(InputError, match=r"'mixer'[^$]*not built as BERT's, Llama's or GPT-2's"):
        prune(net, structured(heads=0.5), material)
    with pytest.raises(InputError, match=r"no Linear layer.*\n.*rotary position embeddings"):
        prune(net, structured(neurons=0.5), material)
    with pytest.raises(InputError, match=r"no convolution.*\n.*rotary position embeddings"):
        prune(net, structured(channels=0.5), material)
