"""Which units go, held against other people's results and against what the measures of importance mean."""

from __future__ import annotations

import copy

import pytest
import torch
import torch_pruning as tp
from nets import randomised
from structured_nets import Detached, Residuals
from torch import nn

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.records.recipe import StructuredRecipe


def structured(**fields) -> StructuredRecipe:
    return StructuredRecipe(method="structured", **fields)


class Chain(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.norm = nn.Conv2d(3, 16, 3), nn.BatchNorm2d(16)
        self.second = nn.Conv2d(16, 12, 3)
        self.hidden, self.head = nn.Linear(12, 20), nn.Linear(20, 5)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = torch.relu(self.second(torch.relu(self.norm(self.first(image)))))
        return self.head(torch.relu(self.hidden(x.mean((2, 3)))))


@pytest.mark.parametrize(("importance", "p"), [("l1", 1), ("l2", 2)])
def test_choices_are_torch_prunings_own(image, importance, p):
    net = randomised(Chain())
    theirs = copy.deepcopy(net)
    measure = tp.importance.GroupMagnitudeImportance(p=p, group_reduction="first", normalizer=None)
    pruner = tp.pruner.BasePruner(theirs, image, measure, pruning_ratio=0.5, ignored_layers=[theirs.head])
    pruner.step()
    recipe = structured(channels=0.5, neurons=0.5, importance=importance)
    ours, _ = prune(net, recipe, Material(image))
    assert ours.first.out_channels == 8
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, msg=key)


class Mlp(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.head = nn.Linear(6, 12, bias=False), nn.Linear(12, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(torch.relu(self.hidden(x)))


def left(pruned: nn.Module, dense: nn.Module) -> list[int]:
    """Which of the dense module's hidden neurons are there."""
    rows = dense.hidden.weight.tolist()
    return [rows.index(row) for row in pruned.hidden.weight.tolist()]


def test_wanda_ranks_neurons_by_the_energy_of_what_they_give():
    """Inputs with one feature each do not hang together: then the measure is the energy of a neuron's outputs."""
    net = randomised(Mlp(), seed=3)
    x = torch.diag(torch.tensor([9.0, 0.1, 3.0, 0.1, 0.1, 1.0]))
    material = Material({"x": x}, [{"x": x[:3]}, {"x": x[3:]}])
    energy = net.hidden(x).square().sum(0)
    pruned, _ = prune(net, structured(neurons=0.5, importance="wanda"), material)
    assert left(pruned, net) == sorted(energy.argsort(descending=True)[:6].tolist())
    by_norm, _ = prune(net, structured(neurons=0.5, importance="l2"), material)
    assert left(by_norm, net) != left(pruned, net)


def test_taylor_ranks_neurons_by_the_sum_over_their_weights():
    net = randomised(Mlp(), seed=3)
    batches = [{"x": torch.rand(4, 6, generator=torch.Generator().manual_seed(n))} for n in range(3)]
    scores = torch.zeros(12)
    for batch in batches:
        (gradient,) = torch.autograd.grad(net(**batch).square().mean(), [net.hidden.weight])
        scores += (gradient * net.hidden.weight.detach()).square().sum(1)
    material = Material(batches[0], batches, loss=lambda outputs, _: outputs.square().mean())
    pruned, _ = prune(net, structured(neurons=0.5, importance="taylor"), material)
    assert left(pruned, net) == sorted(scores.argsort(descending=True)[:6].tolist())


@pytest.mark.parametrize("importance", ["wanda", "taylor"])
@pytest.mark.parametrize(("net", "unit"), [(Mlp(), "neurons"), (Residuals(listed=True), "layers")])
def test_measures_of_activations_need_calibration_data(net, unit, importance):
    x = torch.rand(2, 6 if unit == "neurons" else 8)
    with pytest.raises(InputError, match="needs calibration data"):
        prune(net, structured(importance=importance, **{unit: 0.5}), Material({"x": x}))


def test_chance_is_the_seeds_and_a_growing_share_takes_no_others():
    net, material = randomised(Mlp()), Material({"x": torch.rand(2, 6)})
    chosen = [
        left(prune(net, structured(neurons=0.5, importance="random", seed=n), material)[0], net) for n in (0, 0, 1)
    ]
    assert chosen[0] == chosen[1] != chosen[2]
    half, dead = net, set()
    for share in (0.25, 0.5, 0.75):
        half, _ = prune(half, structured(neurons=share, importance="random", remove=False), material)
        now = {row for row in range(12) if not half.hidden.weight[row].any()}
        assert dead < now
        assert len(now) == 12 * share
        dead = now


def test_round_to_profile_is_what_the_targets_say(image):
    net = randomised(Chain())
    recipe = structured(channels=0.3, neurons=0.4, round_to="profile")
    pruned, report = prune(net, recipe, Material(image, width_multiple=8))
    assert "round_to: the targets like multiples of 8" in report.notes
    assert (pruned.first.out_channels, pruned.second.out_channels, pruned.hidden.out_features) == (16, 12, 16)
    free, report = prune(net, recipe, Material(image))
    assert any("none of them names a multiple" in note for note in report.notes)
    assert (free.first.out_channels, free.second.out_channels, free.hidden.out_features) == (12, 9, 12)


def test_several_steps_leave_what_one_step_leaves(image):
    net = randomised(Chain())
    stepped, material = net, Material(image, dense=net)
    for share in (0.13, 0.29, 0.29, 0.37, 0.5):
        stepped, _ = prune(stepped, structured(channels=share, neurons=share), material)
    once, _ = prune(net, structured(channels=0.5, neurons=0.5), Material(image))
    shapes = {key: value.shape for key, value in once.state_dict().items()}
    assert shapes == {key: value.shape for key, value in stepped.state_dict().items()}
    again, report = prune(stepped, structured(channels=0.5, neurons=0.5), material)
    assert report.layers == ()
    assert {key: value.shape for key, value in again.state_dict().items()} == shapes


def test_types_hold_for_units_too(image):
    pruned, _ = prune(randomised(Chain()), structured(channels=0.5, types=("Conv2d",)), Material(image))
    assert pruned.first.out_channels == 8
    with pytest.raises(InputError, match="no Linear layer that feeds another one"):
        prune(randomised(Chain()), structured(neurons=0.5, types=("Conv2d",)), Material(image))


def test_layers_that_the_trace_does_not_meet_are_named():
    net = randomised(Detached())
    material = Material({"x": torch.rand(2, 8)})
    _, report = prune(net, StructuredRecipe(method="structured", neurons=0.5), material)
    assert any("left alone: before, cut (no output depends on them" in note for note in report.notes)
    with pytest.raises(InputError, match="no output depends on them"):
        prune(net, StructuredRecipe(method="structured", neurons=0.5, include=("before",)), material)
