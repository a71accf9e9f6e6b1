"""Takes whole blocks out of a model: a Transformer's layers, residual blocks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .activation import call, require_calibration
from .cutting import require_same, run
from .forward import Material
from .layers import Layer, Touched, has_type, in_scope, short_list, weight_layers
from .stacks import Stack, find_stacks, spied
from .worth import Scorer, units_to_remove, weakest


def remove_blocks(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Touched:
    """Remove the share `recipe.layers` of each stack's blocks (see `find_stacks`), the least worth, in place.

    Blocks of a ModuleList are deleted, and `layer_idx` and the configuration put right; those of a Sequential make
    room for an Identity, so that names stay. At least one block of a stack stays. A block may go where all its layers
    are in scope. Its worth: with l1, l2 and taylor the sum over its weights (see `Scorer`); with wanda its influence
    (see `block_influence`), since both look at activations; with random, chance.

    Raises InputError where there are no such blocks, or no calibration data where they are needed; InvalidError
    where the module without the blocks does not give what it gives when they are passed by.
    """
    inputs = material.example_inputs
    stacks = [_within(stack, module, recipe) for stack in find_stacks(module, inputs)]
    stacks = [stack for stack in stacks if stack.blocks]
    if not stacks and material.dense is None:
        raise InputError(
            "The recipe prunes layers, but the model has no repeated blocks that may go",
            "no neighbours of one class in scope have two layers each, are called once and give the shape they take",
            "leave layers out, or widen include",
        )
    dense = {stack.name: len(stack.blocks) for stack in _dense_stacks(material, recipe)}
    scores = _scores(module, recipe, material, [block for stack in stacks for block in stack.blocks])
    gone: list[str] = []
    for stack in stacks:
        count = units_to_remove(len(stack.blocks), recipe.layers or 0.0, 1, 1, dense.get(stack.name))
        worth = torch.stack([scores[block] for block in stack.blocks])
        gone += [stack.blocks[index] for index in weakest(worth, count)]
    if not gone:
        return Touched((), (f"a share of {recipe.layers:g} comes to no whole block",))
    with _passed_by(module, gone):
        expected = run(module, inputs)
    for stack in stacks:
        take_out(module, stack.name, [block for block in gone if block in stack.blocks])
    asked = f"Removing {short_list(gone)} does not give what passing by gives"
    require_same(module, expected, inputs, asked, "name the blocks in exclude, or leave layers out")
    return Touched(tuple(gone), (f"removed whole: {short_list(gone, most=100)}",))


def block_influence(module: nn.Module, blocks: Sequence[str], material: Material) -> dict[str, torch.Tensor]:
    """1 - the mean cosine between what a block takes and gives, by block: float64 scalars.

    Equation 1 of Men et al., "ShortGPT: Layers in Large Language Models are More Redundant Than You Expect"
    (arXiv 2403.03853), over all calibration batches and positions, masked ones too. The vectors lie along the last
    axis, and along the channels (axis 1) in blocks with convolutions. Raises InputError without calibration data.
    """
    require_calibration(material.calibration, "the influence of blocks")
    axes = {
        name: 1 if any(isinstance(p, _ConvNd) for p in module.get_submodule(name).modules()) else -1
        for name in blocks
    }
    sums = {name: torch.zeros((), dtype=torch.float64) for name in blocks}
    counts = dict.fromkeys(blocks, 0)

    def see(name: str, taken: torch.Tensor, given: torch.Tensor) -> None:
        cosines = torch.cosine_similarity(taken.double(), given.double(), dim=axes[name])
        sums[name] += cosines.sum().cpu()
        counts[name] += cosines.numel()

    with torch.no_grad(), spied(module, blocks, see):
        for number, batch in enumerate(material.calibration):
            call(module, batch, number)
    return {name: 1 - sums[name] / counts[name] for name in blocks}


def _scores(
    module: nn.Module, recipe: StructuredRecipe, material: Material, blocks: Sequence[str]
) -> dict[str, torch.Tensor]:
    if recipe.importance == "wanda" and blocks:
        return block_influence(module, blocks, material)
    scorer = Scorer(module, recipe, material)
    layers = {block: _layers_of(module, block) for block in blocks}
    scorer.prepare({name: layer for found in layers.values() for name, layer in found.items()})
    sums = [
        torch.stack([scorer.of_weights(name, layer).sum().cpu() for name, layer in layers[block].items()]).sum()
        for block in blocks
    ]
    return dict(zip(blocks, scorer.settled(torch.stack(sums)), strict=True)) if sums else {}


def _layers_of(module: nn.Module, block: str) -> dict[str, Layer]:
    return {name: layer for name, layer in weight_layers(module).items() if name.startswith(f"{block}.")}


def _within(stack: Stack, module: nn.Module, recipe: StructuredRecipe) -> Stack:
    """The stack without blocks that hold a layer out of scope."""
    kept = [
        block
        for block in stack.blocks
        if all(
            in_scope(name, recipe) and has_type(layer, recipe) for name, layer in _layers_of(module, block).items()
        )
    ]
    return Stack(stack.name, tuple(kept))


def _dense_stacks(material: Material, recipe: StructuredRecipe) -> list[Stack]:
    if material.dense is None:
        return []
    return [_within(stack, material.dense, recipe) for stack in find_stacks(material.dense, material.example_inputs)]


@contextmanager
def _passed_by(module: nn.Module, blocks: Iterable[str]) -> Iterator[None]:
    """While the body runs, these blocks give what they take."""

    def hook(_part: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: object) -> object:
        taken = next(iter((*args, *kwargs.values())))
        return (taken, *output[1:]) if isinstance(output, tuple) else taken

    hooks = [module.get_submodule(name).register_forward_hook(hook, with_kwargs=True) for name in blocks]
    try:
        yield
    finally:
        for one in hooks:
            one.remove()


def take_out(module: nn.Module, container: str, blocks: Sequence[str]) -> None:
    """Take blocks, by their full names, out of the ModuleList or Sequential that they are in; see `remove_blocks`."""
    part = module.get_submodule(container)
    keys = [block.rpartition(".")[2] for block in blocks]
    if isinstance(part, nn.Sequential):
        for key in keys:
            part.register_module(key, nn.Identity())
    elif isinstance(part, nn.ModuleList) and keys:
        before = len(part)
        kept = [index for index in range(before) if str(index) not in keys]
        for index in sorted(map(int, keys), reverse=True):
            del part[index]
        _number_anew(part, kept)
        _settle_config(module, container, before, kept)


def _number_anew(blocks: nn.ModuleList, kept: Sequence[int]) -> None:
    """`layer_idx` is the place of a block's keys and values in transformers' caches."""
    for index, (old, block) in enumerate(zip(kept, blocks, strict=True)):
        for part in block.modules():
            if getattr(part, "layer_idx", None) == old:
                part.layer_idx = index  # type: ignore[assignment]


def _settle_config(module: nn.Module, container: str, before: int, kept: Sequence[int]) -> None:
    """Make the configuration of the nearest module around the blocks tell how many there are."""
    path = container.split(".")
    around = (module.get_submodule(".".join(path[:end])) for end in range(len(path) - 1, -1, -1))
    config = next((found for part in around if (found := getattr(part, "config", None)) is not None), None)
    if getattr(config, "num_hidden_layers", None) != before or config is None:
        return
    config.num_hidden_layers = len(kept)
    kinds = getattr(config, "layer_types", None)
    if isinstance(kinds, list) and len(kinds) == before:
        config.layer_types = [kinds[index] for index in kept]
