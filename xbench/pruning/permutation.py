"""Finds an order of input channels in which N:M pruning loses less, where that changes no function."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..records.recipe import NMRecipe
from .cutting import require_same, run
from .eligible import Eligibility
from .feedforward import beyond_tracing, feed_forwards
from .forward import Material
from .graph import ChannelGraph, Group
from .layers import Layer, is_layer, short_list
from .layout import by_output
from .reordering import Places, find_places, input_axis, reorder
from .stripes import better_order, kept
from .watching import reused_layers

Scores = Mapping[str, torch.Tensor]


def permute_inputs(
    module: nn.Module, layers: Mapping[str, Layer], scores: Scores, recipe: NMRecipe, material: Material
) -> tuple[str, ...]:
    """Reorder channels, in place, in the module and in `scores` alike, and give notes on what that keeps.

    Channels can move where it is known what makes and reads them: the outputs of the layers before, what
    normalises them, and the inputs of all layers behind move alike, in layers that the recipe leaves alone too,
    and the dense function stays the same. An order that would keep less is not taken.

    `layers` are those that will be pruned; `scores` have their weights' shapes. Raises InputError for a module
    that cannot be run or traced, InvalidError where it gives other outputs after than before.
    """
    groups = list(_groups(module, material))
    probes = [material.example_inputs]
    if recipe.importance != "magnitude":
        probes += material.calibration[:1]
    expected = [run(module, inputs) for inputs in probes]
    before = {name: _kept(layer, scores[name], recipe) for name, layer in layers.items()}
    reasons = dict.fromkeys(layers, "it is not known what makes its inputs")
    generator = torch.Generator().manual_seed(recipe.seed)
    moved: set[str] = set()
    for group, refusal in groups:
        targets = {name: layers[name] for name in group.names("input") if name in layers}
        why = refusal or (_improve(module, group, targets, scores, recipe, generator) if targets else "")
        reasons |= dict.fromkeys(targets, why)
        moved |= set() if why else set(targets)
    asked = f"Another order of the inputs of {short_list(sorted(moved))} changes what the module computes"
    for inputs, outputs in zip(probes, expected, strict=True):
        require_same(module, outputs, inputs, asked, "name these layers in exclude, or leave out permute")
    after = {name: _kept(layers[name], scores[name], recipe) for name in layers if name in moved}
    total = sum(float(scores[name].sum(dtype=torch.float64)) for name in after)
    left = {name: why for name, why in reasons.items() if name not in moved}
    return (*_gained(before, after, total), *_left_in_order(left))


def _groups(module: nn.Module, material: Material) -> Iterator[tuple[Group, str]]:
    """Each group of channels once, and why it must stay in order; empty where it need not."""
    if beyond_tracing(module):
        rules = Eligibility(module, reused_layers(module, material.example_inputs))
        yield from ((group, rules.of_layers(group)) for group in feed_forwards(module))
        return
    try:
        graph = ChannelGraph(module, material.example_inputs)
    except InputError as error:
        raise InputError(
            error.asked, error.found, "leave out permute, or give inputs that the module runs with"
        ) from error
    rules = Eligibility(module, graph.reused)
    seen: set[str] = set()
    for name, layer in module.named_modules():
        if is_layer(layer) and layer in graph and name not in seen:
            group = graph.group(name)
            seen.update(group.names("output"))
            yield group, rules.of_channels(group) if isinstance(layer, _ConvNd) else rules.of_neurons(group)


def _improve(
    module: nn.Module,
    group: Group,
    targets: Mapping[str, Layer],
    scores: Scores,
    recipe: NMRecipe,
    generator: torch.Generator,
) -> str:
    """Search a better order for a group, and bring it about. Says why there is none; empty where there is one."""
    places = find_places(group)
    if not places:
        return "its inputs are copied or reshaped on their way"
    readers = [one for one in places if one.side == "input" and one.name in targets]
    fitting = [one for one in readers if one.consecutive(recipe.m)]
    if not fitting:
        return f"groups of {recipe.m} of its inputs are no groups of channels"
    columns = torch.cat([_columns(targets[one.name], scores[one.name], one) for one in fitting])
    order = better_order(columns, recipe.n, recipe.m, generator).tolist()
    if _gain(readers, order, targets, scores, recipe) <= 0:
        return "no order was found that keeps more"
    reorder(module, places, order, scores)
    return ""


def _columns(layer: Layer, score: torch.Tensor, place: Places) -> torch.Tensor:
    """The scores that the group's channels have in a layer that reads them: [rows, channels]."""
    first = place.indices[0][0]
    matrix = by_output(score, layer)[:, first : first + len(place.indices)]
    return matrix.movedim(1, -1).flatten(0, 1)


def _gain(
    readers: Sequence[Places], order: list[int], targets: Mapping[str, Layer], scores: Scores, recipe: NMRecipe
) -> float:
    """How much more is kept in another order, over all layers that read the channels and are pruned."""
    gain = 0.0
    for one in readers:
        layer, score = targets[one.name], scores[one.name]
        axis = input_axis(layer)
        moved = score.index_select(axis, one.sources(order, score.shape[axis]).to(score.device))
        gain += _kept(layer, moved, recipe) - _kept(layer, score, recipe)
    return gain


def _kept(layer: Layer, score: torch.Tensor, recipe: NMRecipe) -> float:
    return kept(by_output(score, layer).movedim(1, -1).flatten(0, 1), recipe.n, recipe.m)


def _gained(before: Mapping[str, float], after: Mapping[str, float], total: float) -> tuple[str, ...]:
    """The note on what another order keeps; `total` is all that the reordered layers, those of `after`, have."""
    if not after:
        return ()
    with_it, without = (100 * sum(sums[name] for name in after) / total for sums in (after, before))
    names = short_list(list(after))
    return (f"inputs reordered: {names}; {with_it:.2f} % of their importance is kept, {without:.2f} % without",)


def _left_in_order(reasons: Mapping[str, str]) -> tuple[str, ...]:
    left: dict[str, list[str]] = {}
    for name, why in reasons.items():
        left.setdefault(why, []).append(name)
    return tuple(f"inputs left in order: {short_list(names)} ({why})" for why, names in left.items())
