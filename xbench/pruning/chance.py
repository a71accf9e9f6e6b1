"""Unstructured pruning by chance: the control that any measure of importance has to beat."""

from __future__ import annotations

import torch
from torch import nn

from ..records.recipe import RandomRecipe
from .forward import Material
from .layers import Touched, select_layers
from .ranking import zero_lowest


def prune_random(module: nn.Module, recipe: RandomRecipe, _material: Material) -> Touched:
    """Set a share of each layer's weights to zero, in place, chosen by torch's random state.

    Raises InputError where the share comes to less than one weight.
    """
    layers = select_layers(module, recipe)
    # Drawn on the CPU: a seed means the same weights wherever the module is.
    scores = {name: torch.rand(layer.weight.shape).to(layer.weight.device) for name, layer in layers.items()}
    return zero_lowest(layers, scores, recipe.sparsity, "layer")
