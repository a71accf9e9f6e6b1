"""Prunes a PyTorch module by a recipe. Importing this package imports torch;
no other part of the core does.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import torch

from ..errors import InputError
from ..records.artifact import PruneReport
from ..records.recipe import NMRecipe, Recipe, StructuredRecipe
from .block import prune_block
from .calibrated import prune_taylor, prune_wanda
from .chance import prune_random
from .forward import Material
from .layers import Touched, count_weights, short_list, weight_layers
from .magnitude import prune_magnitude
from .nm import prune_nm
from .seeding import seeded
from .structured import prune_structured

__all__ = ["Material", "copied", "prune"]

METHODS: dict[str, Callable[[torch.nn.Module, Any, Material], Touched]] = {
    "magnitude": prune_magnitude,
    "random": prune_random,
    "wanda": prune_wanda,
    "taylor": prune_taylor,
    "block": prune_block,
    "n:m": prune_nm,
    "structured": prune_structured,
}


def prune(
    module: torch.nn.Module,
    recipe: Recipe,
    material: Material,
) -> tuple[torch.nn.Module, PruneReport]:
    """A pruned copy of `module`, in eval mode, and what was done to it. `module` itself stays as it is.

    Its schedule is not looked at here: this is one step, all the way. The random state of torch is left as it was.

    Raises InputError where the recipe does not fit the module, would leave a layer without a weight that is not
    zero, or needs what the material lacks,
    InvalidError where removing what the recipe chose would change the function more than zeroing it does.
    """
    elements_before, _ = count_weights(module)
    filled = _filled_layers(module)
    pruned = copied(module).eval()
    with seeded(recipe.seed):
        touched = METHODS[recipe.method](pruned, recipe, material)
    _require_something_left(filled, pruned)
    elements_after, zeros = count_weights(pruned)
    return pruned, PruneReport(
        method=recipe.method,
        elements_before=elements_before,
        elements_after=elements_after,
        zeros=zeros,
        layers=touched.layers,
        notes=touched.notes,
        asked=asked_share(recipe),
    )


def asked_share(recipe: Recipe) -> float | None:
    """The share of the weights that a recipe names; None where it names channels, neurons, heads or layers."""
    if isinstance(recipe, StructuredRecipe):
        return None
    return 1 - recipe.n / recipe.m if isinstance(recipe, NMRecipe) else recipe.sparsity


def _filled_layers(module: torch.nn.Module) -> set[str]:
    """The layers that have at least one weight that is not zero."""
    return {name for name, layer in weight_layers(module).items() if layer.weight.any()}


def _require_something_left(before: set[str], pruned: torch.nn.Module) -> None:
    filled = _filled_layers(pruned)
    emptied = [name for name in weight_layers(pruned) if name in before and name not in filled]
    if emptied:
        raise InputError(
            f"The recipe leaves nothing of {short_list(emptied)}",
            "all weights of that layer would be zero",
            "lower the share, rank within each layer (scope: layer), or name the layer in exclude",
        )


def copied(module: torch.nn.Module) -> torch.nn.Module:
    """A deep copy. Raises InputError for a module that cannot be copied."""
    try:
        return copy.deepcopy(module)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise InputError(
            f"The module {type(module).__name__} cannot be copied, and the original is never pruned",
            f"{type(error).__name__}: {error}".splitlines()[0],
            "keep only Parameters, buffers and plain data on the module",
        ) from error
