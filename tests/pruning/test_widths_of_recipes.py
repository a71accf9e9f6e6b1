"""Widths in place of shares: what they mean, what they are refused for, and that they tell a variant exactly."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="pruning needs torch")

from nets import OddAttention, ResidualCnn, randomised  # noqa: E402
from structured_nets import MobileNet  # noqa: E402

from xbench.cli.steps import asked  # noqa: E402
from xbench.errors import InputError  # noqa: E402
from xbench.pruning import Material, prune  # noqa: E402
from xbench.pruning.groups import groups_of  # noqa: E402
from xbench.records.recipe import StructuredRecipe  # noqa: E402


def structured(**fields) -> StructuredRecipe:
    return StructuredRecipe(method="structured", **fields)


def state_shapes(module):
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"widths": {"a": 4}, "channels": 0.5}, "leave out channels"),
        ({"widths": {"a": 4}, "heads": 0.5, "layers": 0.5}, "leave out heads, layers"),
        ({"widths": {"a": 4}, "round_to": 8}, "leave out round_to"),
        ({"widths": {"a": 4}, "schedule": {"steps": 2}}, "leave out schedule.steps"),
        ({"widths": {"a": 0}}, "greater than or equal to 1"),
        ({}, "or widths"),
    ],
)
def test_widths_stand_in_place_of_shares(fields, words):
    with pytest.raises(ValueError, match=words):
        structured(**fields)


def test_widths_are_what_is_left_and_what_they_do_not_name_stays(cnn, image):
    pruned, report = prune(cnn, structured(widths={"stem": 5, "hidden": 7}), Material(image))
    assert (pruned.stem.out_channels, pruned.depthwise.groups, pruned.down.in_channels) == (5, 5, 5)
    assert (pruned.hidden.out_features, pruned.head.in_features) == (7, 7)
    assert (pruned.down.out_channels, pruned.up.out_channels) == (8, 12)
    assert report.removed > 0


@pytest.mark.parametrize("remove", [True, False])
def test_the_widths_of_a_share_are_that_share(cnn, image, remove):
    fields = {"importance": "l1", "remove": remove}
    by_share, told = prune(cnn, structured(channels=0.5, neurons=0.5, **fields), Material(image))
    widths = {"stem": 8, "down": 4, "up": 6, "hidden": 10}
    by_width, again = prune(cnn, structured(widths=widths, **fields), Material(image))
    assert told.layers == again.layers
    assert by_share.state_dict().keys() == by_width.state_dict().keys()
    assert all(torch.equal(t, by_width.state_dict()[n]) for n, t in by_share.state_dict().items())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"widths": {"stm": 4}}, r"no such layer\nnearest that may be: stem"),
        ({"widths": {"stem": 17}}, "it has 16 channels, and pruning adds none"),
        ({"widths": {"block": 8}}, "'stem' speaks for them\ngive the width of 'stem'"),
        ({"widths": {"head": 2}}, "feeds the model's output"),
        ({"widths": {"stem": 8}, "exclude": ("stem",)}, "not among those that may be pruned"),
        ({"widths": {"stem": 16}}, "prunes nothing\n.*lower a width"),
    ],
)
def test_a_width_that_means_nothing_is_refused_by_name(cnn, image, fields, words):
    with pytest.raises(InputError, match=f"(?s){words}"):
        prune(cnn, structured(**fields), Material(image))


def test_an_attention_that_is_not_understood_is_refused_only_where_a_width_names_it():
    net = torch.nn.Sequential()
    net.add_module("mixer", OddAttention())
    net.add_module("wide", torch.nn.Linear(16, 32))
    net.add_module("last", torch.nn.Linear(32, 4))
    x = {"input": torch.rand(2, 4, 16)}
    pruned, _ = prune(net, structured(widths={"wide": 12}), Material(x))
    assert pruned.last.in_features == 12
    with pytest.raises(InputError, match=r"(?s)'mixer'.*not built as BERT's"):
        prune(net, structured(widths={"mixer": 1}), Material(x))


def test_groups_tell_whom_they_cut_and_what_that_comes_to(image):
    """The widths of every layer, as told, are those that removing leaves."""
    for net in (randomised(ResidualCnn()), randomised(MobileNet())):
        recipe = structured(channels=0.5, neurons=0.5, heads=0.5)
        groups = groups_of(net, recipe, Material(image)).groups
        widths = {group.name: max(1, group.units - 1 - at % 3) for at, group in enumerate(groups)}
        pruned, _ = prune(net, structured(widths=widths), Material(image))
        for name, layer in net.named_modules():
            if not isinstance(layer, torch.nn.Linear | torch.nn.Conv2d | torch.nn.ConvTranspose2d):
                continue
            gone = {g.name: g.units - widths[g.name] for g in groups}
            made = sum(g.makes.get(name, 0) * gone[g.name] for g in groups)
            read = sum(g.reads.get(name, 0) * gone[g.name] for g in groups)
            left, dense = pruned.get_submodule(name), layer
            if isinstance(layer, torch.nn.Linear):
                assert (left.out_features, left.in_features) == (dense.out_features - made, dense.in_features - read)
            else:
                assert (left.out_channels, left.in_channels) == (dense.out_channels - made, dense.in_channels - read)
        assert all(list(g.scores) == sorted(g.scores) and len(g.scores) == g.units for g in groups)


def test_groups_are_of_the_kinds_and_the_scope_that_are_asked_for(cnn, image):
    found = groups_of(cnn, structured(neurons=0.5, heads=0.5), Material(image))
    assert [group.name for group in found.groups] == ["hidden"]
    with pytest.raises(InputError, match=r"(?s)No heads may be pruned"):
        groups_of(cnn, structured(heads=0.5), Material(image))


def test_widths_are_told_in_short():
    assert asked(structured(widths={"a": 1, "b": 2})) == "widths of 2 layers"
    assert asked(structured(widths={"a": 1})) == "widths of 1 layer"
