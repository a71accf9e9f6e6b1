from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.utils import prune as torch_prune

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.records.recipe import MagnitudeRecipe, NMRecipe


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
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(cnn, image, fields, words):
    with pytest.raises(InputError, match=words):
        prune(cnn, magnitude(**fields), Material(image))


def test_an_unfinished_mask_is_refused(cnn, image):
    torch_prune.l1_unstructured(cnn.block, "weight", amount=0.5)
    with pytest.raises(InputError, match="'block' is computed"):
        prune(cnn, magnitude(), Material(image))
