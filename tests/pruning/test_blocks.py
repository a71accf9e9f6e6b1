"""Whole blocks: found by what they take and give, ranked, and taken out."""

from __future__ import annotations

import copy

import pytest
import torch
from nets import randomised
from structured_nets import CalledTwice, Experts, Residual, Residuals

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.pruning.blocks import block_influence
from xbench.records.recipe import StructuredRecipe

X = torch.rand(4, 8, generator=torch.Generator().manual_seed(1))


def structured(**fields) -> StructuredRecipe:
    return StructuredRecipe(method="structured", **fields)


def residuals(listed: bool, weak: int) -> Residuals:
    """Block `weak` has the smallest weights but changes what it gets most, by its bias."""
    net = randomised(Residuals(listed))
    with torch.no_grad():
        net.blocks[weak].inner.weight.mul_(0.01)
        net.blocks[weak].outer.weight.mul_(0.01)
        net.blocks[weak].outer.bias.copy_(torch.tensor([3.0, -3.0] * 4))
    return net


@pytest.mark.parametrize("listed", [True, False])
@pytest.mark.parametrize("importance", ["l1", "l2"])
def test_the_weakest_block_goes_and_is_passed_by(listed, importance):
    net = residuals(listed, weak=2)
    pruned, report = prune(net, structured(layers=0.25, importance=importance), Material({"x": X}))
    assert report.layers == ("blocks.2",)
    assert any("removed whole: blocks.2" in note for note in report.notes)
    assert report.removed == 2 * 64
    expected = net.head(net.blocks[3](net.blocks[1](net.blocks[0](X))))
    torch.testing.assert_close(pruned(X), expected)
    assert len(pruned.blocks) == (3 if listed else 4)
    assert (pruned.blocks[2].inner.weight is not None) if listed else isinstance(pruned.blocks[2], torch.nn.Identity)


def test_influence_is_what_a_block_changes_and_not_how_large_it_is():
    net = residuals(listed=True, weak=2)
    found = block_influence(net, ["blocks.0", "blocks.2"], Material({"x": X}, [{"x": X[:1]}, {"x": X[1:]}]))
    taken = net.blocks[1](net.blocks[0](X))
    given = net.blocks[2](taken)
    angle = (taken * given).sum(1) / (taken.norm(dim=1) * given.norm(dim=1))
    assert found["blocks.2"].item() == pytest.approx(1 - angle.mean().item(), rel=1e-5)
    assert found["blocks.0"] < found["blocks.2"]
    _, report = prune(net, structured(layers=0.25, importance="wanda"), Material({"x": X}, [{"x": X}]))
    assert report.layers != ("blocks.2",)


def test_taylor_and_chance_rank_blocks_too():
    net, material = residuals(listed=False, weak=2), Material({"x": X}, [{"x": X}])
    for importance in ("taylor", "random"):
        _, report = prune(net, structured(layers=0.5, importance=importance), material)
        assert len(report.layers) == 2


def test_one_block_always_stays_and_excluded_ones_do():
    net = residuals(listed=True, weak=2)
    pruned, _ = prune(net, structured(layers=0.99), Material({"x": X}))
    assert len(pruned.blocks) == 1
    pruned, report = prune(net, structured(layers=0.5, exclude=("blocks.2.inner", "blocks.0")), Material({"x": X}))
    assert len(report.layers) == 1
    assert not {"blocks.0", "blocks.2"} & set(report.layers)


@pytest.mark.parametrize("net", [Experts(), CalledTwice()])
def test_what_is_not_in_a_row_is_no_block(net):
    with pytest.raises(InputError, match="no repeated blocks"):
        prune(net, structured(layers=0.5), Material({"x": X}))


def test_a_share_of_less_than_one_block_is_said():
    with pytest.raises(InputError, match=r"prunes nothing\n.*no whole block"):
        prune(Residuals(listed=True), structured(layers=0.2), Material({"x": X}))


@pytest.mark.parametrize("listed", [True, False])
def test_several_steps_leave_what_one_step_leaves(listed):
    net = residuals(listed, weak=1)
    stepped, material = copy.deepcopy(net), Material({"x": X}, dense=net)
    left = []
    for share in (0.2, 0.3, 0.5, 0.75, 0.75):
        stepped, _ = prune(stepped, structured(layers=share), material)
        left.append(sum(isinstance(part, Residual) for part in stepped.blocks))
    assert left == [4, 3, 2, 1, 1]
