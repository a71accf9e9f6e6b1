"""Unstructured pruning by magnitude."""

from __future__ import annotations

from torch import nn

from ..records.recipe import MagnitudeRecipe
from .forward import Material
from .layers import Touched, select_layers
from .ranking import zero_lowest


def prune_magnitude(module: nn.Module, recipe: MagnitudeRecipe, _material: Material) -> Touched:
    """Set the weights of smallest absolute value to zero, in place, in each layer or over all together.

    What goes is what torch.nn.utils.prune's `l1_unstructured` and `global_unstructured` would mask.
    Raises InputError where the share comes to less than one weight.
    """
    layers = select_layers(module, recipe)
    scores = {name: layer.weight.detach().abs() for name, layer in layers.items()}
    return zero_lowest(layers, scores, recipe.sparsity, recipe.scope)
