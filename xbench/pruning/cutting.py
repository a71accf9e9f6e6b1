"""Zeroes or removes what was planned, and proves that the two come to the same."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import InvalidError
from ..sources.quiet import one_line
from .attention import Attention, shrink
from .forward import MODEL_FAULTS, Inputs, tensors_of
from .graph import ChannelGraph, Cut, is_depthwise
from .layers import is_layer, is_transposed, short_list


@dataclass(frozen=True, slots=True)
class Pick:
    """Output channels of the layer `root` that go, with `cuts`, all that hangs on them.

    `attention` and `heads_left` are set where the channels are whole heads.
    """

    root: str
    channels: tuple[int, ...]
    cuts: tuple[Cut, ...]
    attention: Attention | None = None
    heads_left: int = 0


def zero(module: nn.Module, picks: Sequence[Pick]) -> None:
    """Set all that was picked to zero, in place, and keep every shape.

    Producers lose weights and biases, BatchNorms their scale, shift and mean, consumers the weights that
    read the channels: so the channel carries zeros, and whatever else it carries is not read.
    """
    with torch.no_grad():
        for pick in picks:
            for cut in pick.cuts:
                _zero_cut(module.get_submodule(cut.name), cut)


def _zero_cut(part: nn.Module, cut: Cut) -> None:
    channels = torch.tensor(cut.channels)
    if is_layer(part):
        outward = cut.side == "output"
        # The output axis is the first, but in transposed convolutions; depthwise ones have one axis only.
        axis = 0 if is_depthwise(part) or outward != is_transposed(part) else 1
        part.weight.index_fill_(axis, channels.to(part.weight.device), 0.0)
        held = [part.bias] if outward else []
    else:
        # The variance stays: zero would divide by the root of epsilon, and zeros stay zeros with any.
        held = [getattr(part, name, None) for name in ("weight", "bias", "running_mean")]
        held = [] if isinstance(part, nn.PReLU) else held
    for tensor in held:
        if tensor is not None:
            tensor.index_fill_(0, channels.to(tensor.device), 0.0)


def remove(module: nn.Module, graph: ChannelGraph, picks: Sequence[Pick], inputs: Inputs) -> None:
    """Take all that was picked out of the module, in place; `graph` is that of the dense module.

    Removing must do what zeroing does. Both are run on the inputs, and where they differ by more than
    rounding, InvalidError names the layers: an operation between them mixes channels, or counts them.
    """
    twin = copy.deepcopy(module)
    zero(twin, picks)
    trainable = {name: p.requires_grad for name, p in module.named_parameters()}
    for pick in picks:
        graph.remove(pick.root, pick.channels)
        if pick.attention is not None:
            shrink(module, pick.attention, pick.heads_left)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(trainable[name])
    _require_twins(module, twin, inputs, short_list([pick.root for pick in picks]))


def _require_twins(removed: nn.Module, zeroed: nn.Module, inputs: Inputs, roots: str) -> None:
    asked = f"Removing channels of {roots} does not give what zeroing them gives"
    remedy = "name the layer in exclude, or zero only (remove: false)"
    expected = _run(zeroed, inputs)
    try:
        actual = _run(removed, inputs)
    except MODEL_FAULTS as error:
        raise InvalidError(asked, f"the module no longer runs: {one_line(error)}", remedy) from error
    for want, got in zip(expected, actual, strict=True):
        if want.shape != got.shape:
            raise InvalidError(asked, f"an output changed from {[*want.shape]} to {[*got.shape]}", remedy)
        difference = (want - got).abs().max().item() if want.numel() else 0.0
        largest = want.abs().max().item() if want.numel() else 0.0
        if not difference <= _tolerance(want.dtype) * max(largest, 1.0):
            raise InvalidError(asked, f"outputs differ by {difference:.2g}, of {largest:.2g}", remedy)


def _tolerance(dtype: torch.dtype) -> float:
    return min(1000 * torch.finfo(dtype).eps, 0.05) if dtype.is_floating_point else 0.0


def _run(module: nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    with torch.no_grad():
        return tensors_of(module(**inputs))
