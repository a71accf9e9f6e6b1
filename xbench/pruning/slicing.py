"""Takes channels out of single layers, for models that Torch-Pruning cannot follow."""

from __future__ import annotations

import torch
from torch import nn

from .graph import Cut
from .layers import Conv1D, is_conv1d


def cut_out(module: nn.Module, cut: Cut) -> None:
    """Take a cut's channels out of a Linear or a Conv1D, in place."""
    part = module.get_submodule(cut.name)
    if not isinstance(part, nn.Linear) and not is_conv1d(part):
        raise TypeError(f"{cut.name} is neither a Linear nor a Conv1D")
    outward = cut.side == "output"
    axis = 0 if outward != is_conv1d(part) else 1
    gone = set(cut.channels)
    kept = torch.tensor([c for c in range(part.weight.shape[axis]) if c not in gone], device=part.weight.device)
    part.weight = _kept(part.weight, axis, kept)
    if outward and part.bias is not None:
        part.bias = _kept(part.bias, 0, kept)
    _tell_width(part, outward, len(kept))


def _kept(parameter: torch.Tensor, axis: int, kept: torch.Tensor) -> nn.Parameter:
    return nn.Parameter(parameter.detach().index_select(axis, kept), parameter.requires_grad)


def _tell_width(part: nn.Linear | Conv1D, outward: bool, width: int) -> None:
    if isinstance(part, nn.Linear):
        part.out_features, part.in_features = (width, part.in_features) if outward else (part.out_features, width)
    else:
        part.nf, part.nx = (width, part.nx) if outward else (part.nf, width)
