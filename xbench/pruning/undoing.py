"""What a recipe does to a module, part by part, so that one part can be undone while the rest stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from ..errors import InputError
from ..records.recipe import NMRecipe, Recipe, StructuredRecipe
from . import copied, prune
from .blocks import remove_blocks, take_out
from .cutting import Pick, run, zero
from .forward import Inputs, Material
from .layers import channel_count, is_conv1d, is_transposed, select_layers, weight_layers
from .planning import Planner
from .seeding import seeded
from .stacks import spied

PartKind = Literal["weights", "channels", "neurons", "heads", "layers"]


@dataclass(frozen=True, slots=True)
class Part:
    """What a recipe prunes together: a layer's weights, a group of units, or a whole block.

    `name` is what `exclude` (and `widths`) calls it by; `layers` are the layers with weights that it changes.
    """

    name: str
    kind: PartKind
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Undoing:
    """A recipe's pruning, in one step and without training. `without` makes a module in which some parts are dense.

    All other parts are pruned exactly as they are in `without(())`: the same weights are zero, the same units are
    gone. Units that the recipe removes are only zeroed here: the function is the same, up to rounding.
    """

    parts: tuple[Part, ...]
    without: Callable[[Collection[str]], nn.Module]


def undoing(module: nn.Module, recipe: Recipe, material: Material) -> Undoing:
    """The parts of what the recipe would do to this module, which stays as it is; its schedule is not looked at.

    Raises InputError and InvalidError as `prune` does, and InputError for recipes whose parts do not stand alone.
    """
    if isinstance(recipe, NMRecipe) and recipe.permute:
        raise InputError(
            "One layer's pruning cannot be undone where the recipe permutes",
            "its input channels are in another order, and the dense weights no longer fit their neighbours",
            "look at the same recipe with permute: false",
        )
    if not isinstance(recipe, StructuredRecipe):
        return _of_weights(module, recipe, material)
    if recipe.layers is None:
        return _of_units(module, recipe, material)
    if recipe.shares.keys() != {"layers"}:
        raise InputError(
            "One part cannot be undone where a recipe removes whole layers and units as well",
            "what is left is numbered anew, so that a layer's name means another one",
            "look at a variant that removes the layers alone, and at one with the rest",
        )
    return _of_blocks(module, recipe, material)


def _of_weights(module: nn.Module, recipe: Recipe, material: Material) -> Undoing:
    """Layers whose weights became zero in part: shapes are the dense module's."""
    pruned, _ = prune(module, recipe, material)
    dense, left = weight_layers(module), weight_layers(pruned)
    changed = [name for name, layer in left.items() if not torch.equal(layer.weight, dense[name].weight)]

    def without(names: Collection[str]) -> nn.Module:
        made = copied(pruned)
        layers = weight_layers(made)
        for name in names:
            layers[name].weight.data.copy_(dense[name].weight.data)
        return made

    return Undoing(tuple(Part(name, "weights", (name,)) for name in changed), without)


def _of_units(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Undoing:
    """Groups of channels, neurons and heads, chosen as `prune` chooses them."""
    looked_at = copied(module).eval()
    with seeded(recipe.seed):
        select_layers(looked_at, recipe)
        planner = Planner(looked_at, recipe, material)
    if not planner.picks:
        raise InputError("The recipe prunes nothing", "; ".join(planner.notes), "raise the share, or lower round_to")
    picks = {_name(pick): pick for pick in planner.picks}

    def without(names: Collection[str]) -> nn.Module:
        made = copied(module).eval()
        zero(made, [pick for name, pick in picks.items() if name not in names])
        return made

    return Undoing(tuple(_part(name, pick, module) for name, pick in picks.items()), without)


def _name(pick: Pick) -> str:
    return pick.root if pick.attention is None else pick.attention.name


def _part(name: str, pick: Pick, module: nn.Module) -> Part:
    cut = {one.name for one in pick.cuts}
    layers = tuple(layer for layer in weight_layers(module) if layer in cut)
    if pick.attention is not None:
        return Part(name, "heads", layers)
    convolution = hasattr(module.get_submodule(pick.root), "kernel_size")
    return Part(name, "channels" if convolution else "neurons", layers)


def _of_blocks(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Undoing:
    """Whole blocks that go. The names are the dense module's."""
    looked_at = copied(module).eval()
    with seeded(recipe.seed):
        select_layers(looked_at, recipe)
        found = remove_blocks(looked_at, recipe, material)
    if not found.layers:
        raise InputError("The recipe prunes nothing", "; ".join(found.notes), "raise the share")

    def without(names: Collection[str]) -> nn.Module:
        made = copied(module).eval()
        gone: dict[str, list[str]] = {}
        for block in found.layers:
            if block not in names:
                gone.setdefault(block.rpartition(".")[0], []).append(block)
        for container, blocks in gone.items():
            take_out(made, container, blocks)
        return made

    known = weight_layers(module)
    parts = (Part(b, "layers", tuple(one for one in known if one.startswith(f"{b}."))) for b in found.layers)
    return Undoing(tuple(parts), without)


@dataclass(frozen=True, slots=True)
class Work:
    """Weights of Linear and convolution layers that are not zero, and multiply-adds with such weights.

    Multiply-adds are of one call with the example inputs.
    """

    weights: int
    macs: int


def work_of(module: nn.Module, inputs: Inputs) -> Work:
    """What is left in a module. Raises as its forward does."""
    layers = weight_layers(module)
    filled = {name: int(torch.count_nonzero(layer.weight)) for name, layer in layers.items()}
    uses = dict.fromkeys(layers, 0)

    def see(name: str, taken: torch.Tensor, given: torch.Tensor) -> None:
        layer = layers[name]
        # Each weight is used once for each output position; that of a transposed convolution for each input position.
        if is_transposed(layer) and not is_conv1d(layer):
            uses[name] += taken.numel() // channel_count(layer, "input")
        else:
            uses[name] += given.numel() // channel_count(layer, "output")

    with spied(module, list(layers), see):
        run(module, inputs)
    return Work(sum(filled.values()), sum(filled[name] * uses[name] for name in layers))
