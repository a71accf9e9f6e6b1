"""Unstructured pruning by magnitude, with torch.nn.utils.prune."""

from __future__ import annotations

from torch import nn
from torch.nn.utils import prune

from ..errors import InputError
from ..records.recipe import MagnitudeRecipe
from .forward import Material
from .layers import Layer, Touched, select_layers, short_list


def prune_magnitude(module: nn.Module, recipe: MagnitudeRecipe, _material: Material) -> Touched:
    """Set the weights of smallest absolute value to zero, in place, in each layer or over all together.

    The masks are made permanent: an exporter would otherwise keep `weight_orig` and `weight_mask`.
    Raises InputError where the share comes to less than one weight.
    """
    layers = select_layers(module, recipe)
    if recipe.scope == "global":
        _require_one(sum(layer.weight.numel() for layer in layers.values()), recipe)
        chosen, notes = layers, tuple[str, ...]()
        targets = [(layer, "weight") for layer in layers.values()]
        prune.global_unstructured(targets, pruning_method=prune.L1Unstructured, amount=recipe.sparsity)
    else:
        _require_one(max(layer.weight.numel() for layer in layers.values()), recipe)
        chosen, notes = _large_enough(layers, recipe.sparsity)
        for layer in chosen.values():
            prune.l1_unstructured(layer, "weight", amount=recipe.sparsity)  # type: ignore[no-untyped-call]
    for layer in chosen.values():
        prune.remove(layer, "weight")  # type: ignore[no-untyped-call]
    return Touched(layers=tuple(chosen), notes=notes)


def _large_enough(layers: dict[str, Layer], sparsity: float) -> tuple[dict[str, Layer], tuple[str, ...]]:
    small = [name for name, layer in layers.items() if round(sparsity * layer.weight.numel()) == 0]
    chosen = {name: layer for name, layer in layers.items() if name not in small}
    note = f"left alone, since the share is less than one weight: {short_list(small)}"
    return chosen, (note,) if small else ()


def _require_one(elements: int, recipe: MagnitudeRecipe) -> None:
    if round(recipe.sparsity * elements) == 0:
        raise InputError(
            f"A sparsity of {recipe.sparsity:g} prunes nothing",
            f"it is less than one weight of {elements}",
            "raise the sparsity, or name larger layers",
        )
