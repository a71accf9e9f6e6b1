"""Channel permutation for N:M: what it finds, that it changes no function, and where it is left alone."""

from __future__ import annotations

import copy
import itertools
import re

import pytest
import torch
from nets import OddAttention, ResidualCnn
from torch import nn

from xbench.errors import InputError, InvalidError
from xbench.pruning import Material, prune
from xbench.pruning.layers import weight_layers
from xbench.pruning.permutation import permute_inputs
from xbench.pruning.reordering import find_places
from xbench.pruning.stripes import better_order, kept
from xbench.records.recipe import NMRecipe


class Mlp(nn.Module):
    def __init__(self, hidden=32):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Linear(8, hidden), nn.Linear(hidden, 8)

    def forward(self, x):
        return self.second(torch.relu(self.first(x)))


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.mixer = OddAttention()

    def forward(self, x):
        return self.mixer(x)


def planted():
    """The strong inputs of the second layer stand together, so that 2:4 loses half of them."""
    net = Mlp()
    with torch.no_grad():
        net.second.weight[:, 16:] *= 1e-3
    return net


def nm(**fields):
    return NMRecipe(method="n:m", **{"permute": True, **fields})


def inputs(*shape):
    return {"x": torch.rand(shape, generator=torch.Generator().manual_seed(0))}


def test_a_planted_order_is_found():
    net = planted()
    pruned, report = prune(net, nm(include=("second",)), Material(inputs(4, 8)))
    strong = net.second.weight[:, :16].detach().abs().sum()
    assert float(pruned.second.weight.detach().abs().sum()) == pytest.approx(float(strong), rel=1e-3)
    assert report.notes == ("inputs reordered: second; 99.89 % of their importance is kept, 67.58 % without",)
    x = torch.rand(50, 8)
    plain, _ = prune(net, nm(permute=False, include=("second",)), Material({}))
    torch.testing.assert_close(pruned(x), net(x), atol=0.01, rtol=0)
    assert not torch.allclose(plain(x), net(x), atol=0.1)


def test_each_swap_gains_what_it_promises_and_none_is_left_in_the_end():
    generator = torch.Generator().manual_seed(1)
    for n, m in ((2, 4), (1, 4), (4, 8), (3, 5)):
        scores = torch.rand(7, 3 * m, generator=generator, dtype=torch.float64)
        order = better_order(scores, n, m, generator)
        assert sorted(order.tolist()) == list(range(3 * m))
        found = kept(scores[:, order], n, m)
        assert found > kept(scores, n, m)
        for i, j in itertools.combinations(range(3 * m), 2):
            swapped = order.clone()
            swapped[[i, j]] = order[[j, i]]
            assert kept(scores[:, swapped], n, m) <= found + 1e-9


def test_two_stripes_come_near_the_best_of_all_splits():
    generator = torch.Generator().manual_seed(2)
    for _ in range(10):
        scores = torch.rand(6, 8, generator=generator)
        splits = [[0, *some] for some in itertools.combinations(range(1, 8), 3)]
        best = max(kept(scores[:, [*s, *(set(range(8)) - set(s))]], 2, 4) for s in splits)
        assert kept(scores[:, better_order(scores, 2, 4, generator)], 2, 4) > 0.99 * best


def test_nothing_is_moved_where_all_orders_are_alike():
    assert better_order(torch.zeros(3, 8), 2, 4, torch.Generator()).tolist() == list(range(8))
    assert better_order(torch.ones(3, 8), 2, 4, torch.Generator()).tolist() == list(range(8))


def test_norms_residuals_depthwise_and_flattened_layers_are_reordered_alike(cnn, image):
    """With weights that do not saturate: a wrong order anywhere shows."""
    generator = torch.Generator().manual_seed(3)
    for part in weight_layers(cnn).values():
        part.weight.data = torch.randn(part.weight.shape, generator=generator) / part.weight[0].numel() ** 0.5
    before = copy.deepcopy(cnn)
    names = ("block", "down", "up", "head")
    layers = {name: cnn.get_submodule(name) for name in names}
    scores = {name: layer.weight.detach().abs() for name, layer in layers.items()}
    notes = permute_inputs(cnn, layers, scores, nm(include=names), Material(image))
    assert notes[0].startswith("inputs reordered: block, down, up and 1 more; ")
    fresh = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(cnn(fresh), before(fresh))
    for name in ("stem", "norm", "block", "block_norm", "depthwise", "down", "up", "hidden", "head"):
        assert not torch.equal(cnn.get_submodule(name).weight, before.get_submodule(name).weight)
    assert all(torch.equal(scores[name], cnn.get_submodule(name).weight.abs()) for name in names)


@pytest.mark.parametrize("importance", ["magnitude", "wanda", "taylor"])
def test_what_is_kept_never_falls_and_a_seed_repeats_it(importance):
    torch.manual_seed(1)
    net, data = ResidualCnn().eval(), [{"image": torch.rand(2, 3, 8, 8)}]
    recipe = nm(importance=importance, exclude=("stem", "depthwise"), seed=5)
    (one, report), (two, _) = (prune(net, recipe, Material(data[0], data)) for _ in range(2))
    kept_with, kept_without = (float(found) for found in re.findall(r"([\d.]+) %", report.notes[0]))
    assert kept_with > kept_without
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), two.parameters(), strict=True))
    assert report.zeros == report.elements_before // 2 - (3 * 16 * 9 + 16 * 9) // 2


def test_layers_whose_inputs_cannot_move_are_told_with_the_reason():
    _, report = prune(Mlp(), nm(), Material(inputs(4, 8)))
    assert "inputs left in order: first (it is not known what makes its inputs)" in report.notes

    torch.manual_seed(0)
    net = Mixing()
    pruned, report = prune(net, nm(), Material(inputs(2, 4, 16)))
    plain, _ = prune(net, nm(permute=False), Material({}))
    assert torch.equal(pruned.mixer.out.weight, plain.mixer.out.weight)
    assert "inputs left in order: mixer.out (touches EXPAND, SPLIT)" in report.notes


class TwoReaders(nn.Module):
    """One layer reads channels; a far heavier one reads them flattened, and has its zeros where 2:4 wants them."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.light, self.heavy = nn.Conv1d(3, 8, 1), nn.Conv1d(8, 8, 1), nn.Linear(16, 32)
        first_is_strong = torch.rand(32, 4, 1) < 0.5
        strong = torch.cat([first_is_strong, first_is_strong, ~first_is_strong, ~first_is_strong], 2).reshape(32, 16)
        self.heavy.weight.data = 100.0 * strong

    def forward(self, x):
        channels = torch.relu(self.first(x))
        return self.light(channels), self.heavy(channels.flatten(1))


def test_an_order_that_is_worse_for_all_layers_together_is_not_taken():
    net = TwoReaders()
    _, report = prune(net, nm(include=("light",)), Material(inputs(2, 3, 2)))
    assert report.notes[0].startswith("inputs reordered: light;")
    pruned, report = prune(net, nm(include=("light", "heavy")), Material(inputs(2, 3, 2)))
    assert report.notes == ("inputs left in order: light, heavy (no order was found that keeps more)",)
    assert torch.equal(pruned.heavy.weight, net.heavy.weight)


def test_a_function_that_would_change_is_invalid():
    class Weighted(Mlp):
        """A buffer that weighs channels: the dependency graph does not see it."""

        def __init__(self):
            super().__init__()
            self.register_buffer("scale", torch.rand(32))

        def forward(self, x):
            return self.second(torch.relu(self.first(x)) * self.scale)

    with pytest.raises(InvalidError, match=r"Another order of the inputs of second changes[^$]*leave out permute"):
        prune(Weighted(), nm(include=("second",)), Material(inputs(4, 8)))


def test_a_module_that_cannot_be_traced_is_refused_and_told_the_way_out():
    with pytest.raises(InputError, match=r"cannot trace the module Mlp\n[^$]*leave out permute"):
        prune(Mlp(), nm(), Material(inputs(4, 9)))


def test_channels_that_a_layer_reads_twice_stay():
    from xbench.pruning.graph import Cut, Group

    every = (0, 1, 2, 3)
    twice = (
        Cut("a", "output", every, every),
        Cut("b", "input", every, every),
        Cut("b", "input", every, (1, 0, 2, 3)),
    )
    assert find_places(Group("a", twice, frozenset(), frozenset())) == ()
    part = (Cut("a", "output", every, every), Cut("b", "input", (0, 1), (0, 1)))
    assert find_places(Group("a", part, frozenset(), frozenset())) == ()
