"""The weight of any layer in one layout, so that methods need to know nothing of axes."""

from __future__ import annotations

import torch
from torch.nn.modules.conv import _ConvNd

from .layers import Layer, is_transposed, reduced_width


def by_output(tensor: torch.Tensor, layer: Layer) -> torch.Tensor:
    """A tensor of the weight's shape as [outputs, inputs of its group, kernel positions]; a view or a copy."""
    flat = tensor.flatten(2) if tensor.dim() > 2 else tensor.unsqueeze(2)
    if not is_transposed(layer):
        return flat
    groups = _groups(layer)
    split = flat.reshape(groups, -1, *flat.shape[1:])
    return split.transpose(1, 2).flatten(0, 1)


def like_weight(tensor: torch.Tensor, layer: Layer) -> torch.Tensor:
    """The inverse of `by_output`; inputs and kernel positions may be flattened into one axis."""
    if is_transposed(layer):
        split = tensor.reshape(_groups(layer), -1, reduced_width(layer), layer.weight[0, 0].numel())
        tensor = split.transpose(1, 2).flatten(0, 1)
    return tensor.reshape(layer.weight.shape)


def _groups(layer: Layer) -> int:
    return layer.groups if isinstance(layer, _ConvNd) else 1
