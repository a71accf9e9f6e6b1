"""N:M pruning: of each M consecutive weights along the input axis, the N most important stay."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from ..errors import InputError
from ..records.recipe import NMRecipe
from .activation import wanda_scores
from .forward import Material
from .layers import Layer, Touched, reduced_width, select_layers, short_list
from .layout import by_output, like_weight
from .permutation import permute_inputs
from .ranking import Tensors, zeros_first
from .sensitivity import taylor_scores


def prune_nm(module: nn.Module, recipe: NMRecipe, material: Material) -> Touched:
    """Zero all but the N most important of each M consecutive weights, in place.

    The axis is the one that sparse tensor cores reduce: the input features of a Linear, the input channels
    of a convolution, for each kernel position apart. So does NVIDIA's ASP (apex/contrib/sparsity,
    sparse_masklib.py: a KCRS weight is permuted to RSKC, then grouped along C).
    With `permute`, input channels are brought into another order first: see `permute_inputs`.
    Raises InputError, naming the layers, where M does not divide that axis, and where calibration data are
    missing or do not reach a layer; InvalidError where another order would change the module's function.
    """
    layers = select_layers(module, recipe)
    uneven = [f"{name} ({reduced_width(layer)})" for name, layer in layers.items() if reduced_width(layer) % recipe.m]
    if uneven:
        raise InputError(
            f"{recipe.n}:{recipe.m} pruning needs input widths that {recipe.m} divides",
            f"it does not divide that of {short_list(uneven)}",
            "name these layers in exclude",
        )
    scores = _scores(module, layers, recipe, material)
    notes = permute_inputs(module, layers, scores, recipe, material) if recipe.permute else ()
    for name, layer in layers.items():
        keep = nm_mask(zeros_first(scores[name], layer.weight), layer, recipe.n, recipe.m)
        layer.weight.data.masked_fill_(~keep, 0.0)
    return Touched(layers=tuple(layers), notes=notes)


def nm_mask(scores: torch.Tensor, layer: Layer, n: int, m: int) -> torch.Tensor:
    """Which weights stay: a boolean tensor of the weight's shape with N true of each M along the input axis.

    `scores` have the weight's shape too; the higher stay. Equal ones are told apart by torch's random state.
    """
    rows = by_output(scores, layer).movedim(1, -1)
    groups = rows.reshape(-1, m)
    shuffle = torch.randperm(m).to(groups.device)
    largest = groups[:, shuffle].argsort(dim=1, descending=True, stable=True)[:, :n]
    keep = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, shuffle[largest], True)
    return like_weight(keep.reshape(rows.shape).movedim(-1, 1), layer)


def _scores(module: nn.Module, layers: Mapping[str, Layer], recipe: NMRecipe, material: Material) -> Tensors:
    if recipe.importance == "wanda":
        return wanda_scores(module, layers, material)
    if recipe.importance == "taylor":
        return taylor_scores(module, layers, material, recipe.seed)
    return {name: layer.weight.detach().abs() for name, layer in layers.items()}
