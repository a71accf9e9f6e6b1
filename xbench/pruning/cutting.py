"""Zeroes or removes what was planned, and proves that the two come to the same."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from ..errors import InvalidError
from ..sources.quiet import one_line
from .attention import Attention
from .forward import MODEL_FAULTS, Inputs, tensors_of
from .graph import ChannelGraph, Cut, is_depthwise
from .heads import shrink
from .layers import is_layer, is_transposed, short_list
from .slicing import cut_out


@dataclass(frozen=True, slots=True)
class Pick:
    """Output channels of the layer `root` that go, with `cuts`, all that hangs on them.

    `attention` and `units_left` are set where the channels are whole heads. `direct`: the cuts are known from the
    structure of the model, and not from the dependency graph.
    """

    root: str
    channels: tuple[int, ...]
    cuts: tuple[Cut, ...]
    attention: Attention | None = None
    units_left: int = 0
    direct: bool = False


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


def remove(module: nn.Module, graph: ChannelGraph | None, picks: Sequence[Pick], inputs: Inputs) -> None:
    """Take all that was picked out of the module, in place; `graph` is that of the module as it is before.

    Removing must do what zeroing does. Both are run on the inputs, and where they differ by more than
    rounding, InvalidError names the layers: an operation between them mixes channels, or counts them.
    """
    twin = copy.deepcopy(module)
    zero(twin, picks)
    trainable = {name: p.requires_grad for name, p in module.named_parameters()}
    for pick in picks:
        if pick.direct:
            for cut in pick.cuts:
                cut_out(module, cut)
        elif graph is not None:
            graph.remove(pick.root, pick.channels)
        if pick.attention is not None:
            shrink(module, pick.attention, pick.units_left)
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(trainable[name])
    asked = f"Removing channels of {short_list([pick.root for pick in picks])} does not give what zeroing them gives"
    require_same(module, run(twin, inputs), inputs, asked, "name the layer in exclude, or zero only (remove: false)")


def require_same(module: nn.Module, expected: list[torch.Tensor], inputs: Inputs, asked: str, remedy: str) -> None:
    """Raises InvalidError where the module does not give the expected outputs, up to rounding, or does not run."""
    try:
        actual = run(module, inputs)
    except MODEL_FAULTS as error:
        raise InvalidError(asked, f"the module no longer runs: {one_line(error)}", remedy) from error
    if len(actual) != len(expected):
        raise InvalidError(asked, f"there are {len(actual)} outputs, and were {len(expected)}", remedy)
    for want, got in zip(expected, actual, strict=True):
        if want.shape != got.shape:
            raise InvalidError(asked, f"an output changed from {[*want.shape]} to {[*got.shape]}", remedy)
        difference = (want - got).abs().max().item() if want.numel() else 0.0
        largest = want.abs().max().item() if want.numel() else 0.0
        if not difference <= _tolerance(want.dtype) * max(largest, 1.0):
            raise InvalidError(asked, f"outputs differ by {difference:.2g}, of {largest:.2g}", remedy)


def _tolerance(dtype: torch.dtype) -> float:
    return min(1000 * torch.finfo(dtype).eps, 0.05) if dtype.is_floating_point else 0.0


def run(module: nn.Module, inputs: Inputs) -> list[torch.Tensor]:
    """The output tensors of one forward call, without gradients."""
    with torch.no_grad():
        return tensors_of(module(**inputs))
