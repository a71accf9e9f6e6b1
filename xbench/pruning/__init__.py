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
from ..records.recipe import Recipe
from .forward import Material
from .layers import Touched, count_weights
from .magnitude import prune_magnitude
from .nm import prune_nm
from .structured import prune_structured

__all__ = ["Material", "prune"]

METHODS: dict[str, Callable[[torch.nn.Module, Any, Material], Touched]] = {
    "magnitude": prune_magnitude,
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

    Raises InputError where the recipe does not fit the module or the material lacks what it needs,
    InvalidError where removing what the recipe chose would change the function more than zeroing it does.
    """
    elements_before, _ = count_weights(module)
    pruned = _copy(module).eval()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        touched = METHODS[recipe.method](pruned, recipe, material)
    elements_after, zeros = count_weights(pruned)
    return pruned, PruneReport(
        method=recipe.method,
        elements_before=elements_before,
        elements_after=elements_after,
        zeros=zeros,
        layers=touched.layers,
        notes=touched.notes,
    )


def _copy(module: torch.nn.Module) -> torch.nn.Module:
    try:
        return copy.deepcopy(module)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise InputError(
            f"The module {type(module).__name__} cannot be copied, and the original is never pruned",
            f"{type(error).__name__}: {error}".splitlines()[0],
            "keep only Parameters, buffers and plain data on the module",
        ) from error
