"""Block pruning: tiles of r x c weights become zero together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..records.recipe import BlockRecipe
from .forward import Material
from .layers import Layer, Touched, channel_count, reduced_width, select_layers, short_list
from .layout import by_output, like_weight
from .ranking import choose


def prune_block(module: nn.Module, recipe: BlockRecipe, _material: Material) -> Touched:
    """Zero the tiles of smallest norm, in place, in each layer or over all together.

    A tile is r outputs x c inputs of the weight as a matrix; of a convolution, r output channels x c input
    channels at one kernel position, within one group, as N:M takes them.
    Raises InputError, naming the layers, where the block does not divide the matrix, and where the share comes
    to less than one block.
    """
    layers = select_layers(module, recipe)
    rows, columns = recipe.block
    _require_tiles(layers, rows, columns)
    norms = {name: _tile_norms(layer, rows, columns, recipe.norm) for name, layer in layers.items()}
    ranks = {name: norm.reshape(1, -1) for name, norm in norms.items()}
    masks, notes = choose(ranks, recipe.sparsity, together=recipe.scope == "global", unit="block")
    for name, mask in masks.items():
        tiles = mask.reshape(norms[name].shape)
        matrix = tiles.repeat_interleave(rows, 0).repeat_interleave(columns, 1)
        layers[name].weight.data.masked_fill_(like_weight(matrix, layers[name]), 0.0)
    return Touched(layers=tuple(masks), notes=notes)


def _require_tiles(layers: Mapping[str, Layer], rows: int, columns: int) -> None:
    sizes = {name: (_outputs_of_a_group(layer), reduced_width(layer)) for name, layer in layers.items()}
    uneven = [f"{name} ({o} x {i})" for name, (o, i) in sizes.items() if o % rows or i % columns]
    if uneven:
        raise InputError(
            f"Blocks of {rows} x {columns} need outputs that {rows} divides and inputs that {columns} divides",
            f"they do not fit {short_list(uneven)}",
            "name these layers in exclude, or choose another block",
        )


def _outputs_of_a_group(layer: Layer) -> int:
    return channel_count(layer, "output") // (layer.groups if isinstance(layer, _ConvNd) else 1)


def _tile_norms(layer: Layer, rows: int, columns: int, norm: int) -> torch.Tensor:
    """The norm of each tile: float32 at least, [outputs / rows, inputs / columns, kernel positions]."""
    matrix = by_output(layer.weight.detach(), layer)
    outputs, inputs, positions = matrix.shape
    tiles = matrix.reshape(outputs // rows, rows, inputs // columns, columns, positions)
    dtype = torch.promote_types(tiles.dtype, torch.float32)
    norms: torch.Tensor = torch.linalg.vector_norm(tiles, norm, dim=(1, 3), dtype=dtype)
    return norms
