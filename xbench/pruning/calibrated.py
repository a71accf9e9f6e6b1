"""Unstructured pruning that looks at calibration data: Wanda, by activations, and Taylor, by gradients."""

from __future__ import annotations

from torch import nn

from ..records.recipe import TaylorRecipe, WandaRecipe
from .activation import wanda_scores
from .forward import Material
from .layers import Touched, select_layers
from .ranking import zero_lowest
from .sensitivity import taylor_scores


def prune_wanda(module: nn.Module, recipe: WandaRecipe, material: Material) -> Touched:
    """Zero, in place, the weights of smallest magnitude times activation norm, of each output or each layer.

    Activations are those of the module as it comes in, all layers at once; the paper (arXiv 2306.11695) prunes
    block after block and gathers each one's activations behind the pruned ones.
    Raises InputError as `input_norms` does, and where the share comes to less than one weight.
    """
    layers = select_layers(module, recipe)
    return zero_lowest(layers, wanda_scores(module, layers, material), recipe.sparsity, recipe.scope)


def prune_taylor(module: nn.Module, recipe: TaylorRecipe, material: Material) -> Touched:
    """Zero, in place, the weights whose removal is estimated to change least, of each layer or of all together.

    Raises InputError as `taylor_scores` does, and where the share comes to less than one weight.
    """
    layers = select_layers(module, recipe)
    scores = taylor_scores(module, layers, material, recipe.seed)
    return zero_lowest(layers, scores, recipe.sparsity, recipe.scope)
