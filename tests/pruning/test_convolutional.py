"""Convolutional networks: residuals, depthwise and grouped convolutions, and what must be left alone, by name."""

from __future__ import annotations

import pytest
import torch
from nets import randomised
from structured_nets import CalledTwice, Grouped, MobileNet, SharedWeight, TiedLanguage
from torch import nn
from transformers import ResNetConfig, ResNetForImageClassification

from xbench.errors import InputError
from xbench.pruning import Material, prune
from xbench.records.recipe import StructuredRecipe


def structured(**fields) -> StructuredRecipe:
    return StructuredRecipe(method="structured", **fields)


def image(width: int = 16, name: str = "image") -> dict[str, torch.Tensor]:
    return {name: torch.rand(2, 3, width, width, generator=torch.Generator().manual_seed(2))}


@pytest.mark.parametrize("importance", ["l1", "wanda", "taylor"])
def test_mobilenet_loses_channels_of_its_residuals_and_depthwise_convolutions(importance):
    net = randomised(MobileNet())
    material = Material(image(), [image()])
    zeroed, _ = prune(net, structured(channels=0.5, remove=False, importance=importance), material)
    removed, _ = prune(net, structured(channels=0.5, importance=importance), material)
    blocks = removed.blocks
    assert [block.conv[-2].out_channels for block in blocks] == [4, 6, 6, 6]
    assert [block.conv[3].groups for block in blocks[1:]] == [12, 18, 18]
    assert (removed.stem[0].out_channels, removed.last.out_channels, removed.head.in_features) == (4, 16, 16)
    with torch.no_grad():
        fresh = torch.rand(3, 3, 20, 20)
        torch.testing.assert_close(removed(fresh), zeroed(fresh), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("kind", ["basic", "bottleneck"])
def test_resnet_loses_channels_and_residual_blocks(kind):
    sizes = {"embedding_size": 8, "hidden_sizes": [16, 24], "depths": [3, 3], "num_labels": 4}
    net = randomised(ResNetForImageClassification(ResNetConfig(layer_type=kind, **sizes)))
    inputs = image(32, "pixel_values")
    zeroed, _ = prune(net, structured(channels=0.5, remove=False), Material(inputs))
    removed, _ = prune(net, structured(channels=0.5), Material(inputs))
    assert removed.resnet.encoder.stages[1].layers[2].layer[-1].convolution.out_channels == 12
    with torch.no_grad():
        torch.testing.assert_close(removed(**inputs).logits, zeroed(**inputs).logits, rtol=1e-4, atol=1e-4)
    fewer, report = prune(net, structured(layers=0.5), Material(inputs))
    stages = fewer.resnet.encoder.stages
    assert [sum(isinstance(p, nn.Identity) for p in stage.layers) for stage in stages] == [1, 1]
    assert all(name.count("layer") == 1 for name in report.layers), "no part of a block"
    assert not any(name.endswith("layers.0") for name in report.layers), "it changes the shape"


@pytest.mark.parametrize(
    "between",
    [nn.Conv2d(8, 8, 3, groups=2), nn.Conv2d(8, 16, 3, groups=8)],
    ids=["two groups", "a depthwise one with two channels for each"],
)
def test_grouped_convolutions_are_left_alone_by_name(between):
    net = Grouped(between)
    net(**image())
    with pytest.raises(InputError, match=r"first, between \(touches a grouped convolution\)"):
        prune(net, structured(channels=0.5), Material(image()))


def test_a_layer_that_is_called_twice_is_left_alone_by_name():
    with pytest.raises(InputError, match=r"first \(touches a layer that is called more than once\)"):
        prune(CalledTwice(), structured(neurons=0.5, include=("first", "again")), Material({"x": torch.rand(2, 8)}))


def test_layers_that_share_a_weight_are_left_alone_by_name():
    with pytest.raises(InputError, match=r"first, second \(touches a layer that shares its weight\)"):
        prune(SharedWeight(), structured(neurons=0.5), Material({"x": torch.rand(2, 8)}))


def test_a_tied_embedding_stays_and_the_neurons_beside_it_go():
    net, ids = TiedLanguage(), {"ids": torch.randint(0, 20, (2, 5))}
    pruned, report = prune(net, structured(neurons=0.5), Material(ids))
    assert (pruned.hidden.out_features, pruned.narrow.out_features) == (8, 8)
    assert pruned.head.weight is pruned.embedding.weight
    assert any("left alone: narrow" in note for note in report.notes)


class Untraceable(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 1), nn.ReLU(), nn.Linear(99, 4))

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.body(image)


class Detached(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(3, 8, 1), nn.Conv2d(8, 4, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.last(self.first(image)).detach()


def test_what_cannot_be_traced_is_refused_with_the_layer_and_the_reason():
    with pytest.raises(InputError, match=r"cannot trace the module Untraceable\nin 'body.2' \(Linear\): .*99"):
        prune(Untraceable(), structured(channels=0.5), Material(image()))
    with pytest.raises(InputError, match=r"cannot trace the module Detached\n.*autograd"):
        prune(Detached(), structured(channels=0.5), Material(image()))
