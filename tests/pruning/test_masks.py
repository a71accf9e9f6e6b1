from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.records.recipe import MagnitudeRecipe, NMRecipe, RandomRecipe, StructuredRecipe, TaylorRecipe, WandaRecipe


def magnitude(**fields) -> MagnitudeRecipe:
    return MagnitudeRecipe(method="magnitude", **{"sparsity": 0.5, **fields})


def test_a_layer_mask_is_torchs_own(cnn, image):
    expected = copy.deepcopy(cnn.block)
    torch_prune.l1_unstructured(expected, "weight", amount=0.7)
    pruned, report = prune(cnn, magnitude(sparsity=0.7, include=("block",)), Material(image))
    assert torch.equal(pruned.block.weight, expected.weight)
    assert torch.equal(pruned.stem.weight, cnn.stem.weight)
    assert report.layers == ("block",)
    assert report.zeros == round(0.7 * cnn.block.weight.numel())
    assert report.elements_before == report.elements_after


def test_a_global_mask_is_torchs_own_and_permanent(cnn, image):
    expected = copy.deepcopy(cnn)
    layers = [m for m in expected.modules() if isinstance(m, nn.Linear | nn.Conv2d | nn.ConvTranspose2d)]
    pairs = [(layer, "weight") for layer in layers]
    torch_prune.global_unstructured(pairs, pruning_method=torch_prune.L1Unstructured, amount=0.9)
    pruned, report = prune(cnn, magnitude(sparsity=0.9, scope="global"), Material(image))
    assert torch.equal(pruned.down.weight, expected.down.weight)
    assert set(pruned.state_dict()) == set(cnn.state_dict())
    assert report.zeros / report.elements_after == pytest.approx(0.9, abs=1e-3)
    assert report.asked == 0.9


def test_chance_takes_as_many_as_torchs_own_and_is_repeated_by_its_seed(cnn, image):
    expected = copy.deepcopy(cnn.block)
    torch_prune.random_unstructured(expected, "weight", amount=0.3)
    one, two, other = (
        prune(cnn, RandomRecipe(method="random", sparsity=0.3, seed=seed), Material(image))[0] for seed in (1, 1, 2)
    )
    gone = one.block.weight == 0
    assert int(gone.sum()) == int((expected.weight == 0).sum())
    assert torch.equal(one.block.weight, two.block.weight)
    # Of 691 weights that go by chance, 30 % go by another seed too: six deviations are 10 %.
    shared = (gone & (other.block.weight == 0)).sum() / gone.sum()
    assert float(shared) == pytest.approx(0.3, abs=0.1)
    assert torch.equal(one.block.weight[~gone], cnn.block.weight[~gone])


@pytest.mark.parametrize(
    ("kind", "scope"),
    [
        (MagnitudeRecipe, "layer"),
        (MagnitudeRecipe, "global"),
        (RandomRecipe, None),
        (WandaRecipe, "output"),
        (WandaRecipe, "layer"),
        (TaylorRecipe, "layer"),
        (TaylorRecipe, "global"),
    ],
)
def test_a_higher_share_of_what_is_pruned_holds_the_lower_one(kind, scope):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 30), nn.Tanh(), nn.Linear(30, 10))
    data = {"input": torch.randn(8, 20)}
    step = net
    for seed, share in enumerate((0.3, 0.6, 0.8)):
        fields = {"method": kind.__name__.removesuffix("Recipe").lower(), "sparsity": share, "seed": seed}
        recipe = kind(**fields, **({"scope": scope} if scope else {}))
        pruned, report = prune(step, recipe, Material(data, [data]))
        assert not any(pruned[i].weight[step[i].weight == 0].any() for i in (0, 2))
        assert report.zeros == round(share * 900)
        step = pruned


def test_a_weight_that_layers_share_is_pruned_once(image):
    torch.manual_seed(0)
    first, second = nn.Linear(16, 16), nn.Linear(16, 16)
    second.weight = first.weight
    pruned, report = prune(nn.Sequential(first, nn.Tanh(), second), magnitude(sparsity=0.75), Material(image))
    assert pruned[0].weight is pruned[2].weight
    assert (report.layers, report.elements_before, report.zeros) == (("0",), 256, 192)


@pytest.mark.parametrize(
    ("scope", "sparsity", "shape", "words"),
    [
        ("global", 0.5, (20, 20), "leaves nothing of 1\nall weights of that layer would be zero\nlower the share"),
        ("layer", 0.9, (1, 3), "leaves nothing of 1"),
    ],
)
def test_a_layer_that_would_be_empty_is_named(scope, sparsity, shape, words):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(40, 20), nn.Linear(*shape))
    with torch.no_grad():
        net[1].weight *= 1e-3
    with pytest.raises(InputError, match=words):
        prune(net, magnitude(scope=scope, sparsity=sparsity), Material({}))


def test_a_layer_that_was_empty_before_is_nobodys_fault():
    net = nn.Sequential(nn.Linear(8, 8), nn.Linear(8, 8))
    nn.init.zeros_(net[1].weight)
    assert prune(net, magnitude(), Material({}))[1].zeros == 96


def test_a_recipe_of_channels_names_no_share_of_weights(cnn, image):
    assert prune(cnn, StructuredRecipe(method="structured", channels=0.5), Material(image))[1].asked is None


def test_only_layers_of_the_types_named_are_pruned(cnn, image):
    _, report = prune(cnn, magnitude(types=("Linear", "ConvTranspose2d")), Material(image))
    assert report.layers == ("up", "hidden", "head")


def test_the_original_is_untouched_and_the_random_state_too(cnn, image):
    before, state = copy.deepcopy(cnn.state_dict()), torch.get_rng_state()
    prune(cnn.train(), NMRecipe(method="n:m", include=("block",)), Material(image))
    assert all(torch.equal(before[key], value) for key, value in cnn.state_dict().items())
    assert torch.equal(state, torch.get_rng_state())
    assert cnn.training


@pytest.mark.parametrize(("name", "axis"), [("block", 1), ("hidden", 1), ("up", 0)])
def test_two_of_four_along_the_input_axis_stay(cnn, image, name, axis):
    pruned, _ = prune(cnn, NMRecipe(method="n:m", include=(name,)), Material(image))
    dense = cnn.get_submodule(name).weight.movedim(axis, -1).reshape(-1, 4).abs()
    sparse = pruned.get_submodule(name).weight.movedim(axis, -1).reshape(-1, 4).abs()
    assert bool(((sparse != 0).sum(1) == 2).all())
    assert torch.allclose(sparse.sum(1), dense.topk(2, dim=1).values.sum(1))


def test_a_width_that_four_does_not_divide_is_named(cnn, image):
    with pytest.raises(InputError, match=r"stem \(3\), depthwise \(1\)"):
        prune(cnn, NMRecipe(method="n:m"), Material(image))


def test_weights_tied_to_an_embedding_are_left_alone():
    class Tied(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.Embedding(10, 8)
            self.mid = nn.Linear(8, 8)
            self.out = nn.Linear(8, 10)
            self.out.weight = self.table.weight

    pruned, report = prune(Tied(), magnitude(), Material({}))
    assert report.layers == ("mid",)
    assert report.elements_before == 64
    assert not bool((pruned.table.weight == 0).any())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"include": ("blokc",)}, "nearest names: block"),
        ({"exclude": ("hiden",)}, "nearest names: hidden"),
        ({"exclude": ("*",)}, "leaves no layer"),
        ({"sparsity": 1e-9}, "prunes nothing"),
        ({"sparsity": 1e-9, "scope": "global"}, "prunes nothing"),
        ({"types": ("Conv2",)}, "type 'Conv2'\nnearest types: Conv2d, ConvTranspose2d"),
        ({"types": ("BatchNorm2d",)}, "No layer with weights is of the type"),
        ({"types": ("Linear",), "include": ("stem",)}, "leaves no layer to prune\n.*after types Linear"),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(cnn, image, fields, words):
    with pytest.raises(InputError, match=words):
        prune(cnn, magnitude(**fields), Material(image))


def test_an_unfinished_mask_is_refused(cnn, image):
    torch_prune.l1_unstructured(cnn.block, "weight", amount=0.5)
    with pytest.raises(InputError, match="'block' is computed"):
        prune(cnn, magnitude(), Material(image))
