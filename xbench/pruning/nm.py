"""N:M pruning: of each M consecutive weights along the input axis, the N largest stay."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from ..records.recipe import NMRecipe
from .forward import Material
from .layers import Layer, Touched, is_transposed, select_layers, short_list


def prune_nm(module: nn.Module, recipe: NMRecipe, _material: Material) -> Touched:
    """Zero all but the N largest of each M consecutive weights, in place.

    The axis is the one that sparse tensor cores reduce: the input features of a Linear, the input channels
    of a convolution, for each kernel position apart. So does NVIDIA's ASP (apex/contrib/sparsity,
    sparse_masklib.py: a KCRS weight is permuted to RSKC, then grouped along C).
    Raises InputError, naming the layers, where M does not divide that axis.
    """
    layers = select_layers(module, recipe)
    uneven = [f"{name} ({_width(layer)})" for name, layer in layers.items() if _width(layer) % recipe.m]
    if uneven:
        raise InputError(
            f"{recipe.n}:{recipe.m} pruning needs input widths that {recipe.m} divides",
            f"it does not divide that of {short_list(uneven)}",
            "name these layers in exclude",
        )
    for layer in layers.values():
        keep = nm_mask(layer, recipe.n, recipe.m)
        layer.weight.data.masked_fill_(~keep, 0.0)
    return Touched(layers=tuple(layers))


def nm_mask(layer: Layer, n: int, m: int) -> torch.Tensor:
    """Which weights stay: a boolean tensor of the weight's shape with N true of each M along the input axis.

    Equal magnitudes are told apart by torch's random state.
    """
    axis = 0 if is_transposed(layer) else 1
    rows = layer.weight.detach().abs().movedim(axis, -1)
    groups = rows.reshape(-1, m)
    shuffle = torch.randperm(m).to(groups.device)
    largest = groups[:, shuffle].argsort(dim=1, descending=True, stable=True)[:, :n]
    keep = torch.zeros_like(groups, dtype=torch.bool).scatter_(1, shuffle[largest], True)
    return keep.reshape(rows.shape).movedim(-1, axis)


def _width(layer: Layer) -> int:
    # A grouped convolution reduces over the channels of one group only.
    return layer.in_features if isinstance(layer, nn.Linear) else layer.in_channels // layer.groups
