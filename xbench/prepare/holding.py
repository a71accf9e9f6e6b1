"""Keeps the zeros of a pruned module zero while it is trained, and finds those that were filled all the same."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import nn

from ..errors import InvalidError
from ..pruning.layers import Layer, short_list, weight_by_output, weight_layers

Zeros = Mapping[str, torch.Tensor]
"""Where a parameter is held at zero, by its dotted name: boolean tensors of the parameters' shapes, on the CPU."""

_NORMS = (nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.GroupNorm)


def zeros_of(module: nn.Module, dense: nn.Module, layers: Collection[str]) -> dict[str, torch.Tensor]:
    """The zeros that training must keep: those of the weights of `layers`, and of whole channels that are zeroed.

    A channel whose weights are all zero carries nothing only while its bias is zero, and so are the scale and
    shift of the norm behind it. Zeros of other layers, and scales that are zero in the dense module too, must learn.
    """
    found = {name: layer for name, layer in weight_layers(module).items() if name in layers}
    zeros = {f"{name}.weight": (layer.weight.detach() == 0).cpu() for name, layer in found.items()}
    for name, layer in found.items():
        zeros |= _shift(name, layer, _empty_outputs(layer))
    before = dict(dense.named_modules())
    for name, norm in module.named_modules():
        scale, once = _scale(norm), _scale(before.get(name))
        if scale is not None and once is not None and scale.shape == once.shape:
            empty = (scale == 0) & (once != 0)
            zeros |= {f"{name}.weight": empty} | _shift(name, norm, empty)
    return {name: mask for name, mask in zeros.items() if bool(mask.any())}


def _scale(part: nn.Module | None) -> torch.Tensor | None:
    """The scale of each channel of a norm; None of anything else."""
    weight = getattr(part, "weight", None)
    return weight.detach().cpu() if isinstance(part, _NORMS) and isinstance(weight, nn.Parameter) else None


def _shift(name: str, part: nn.Module, empty: torch.Tensor) -> dict[str, torch.Tensor]:
    """What is zero of the bias of empty channels."""
    bias = getattr(part, "bias", None)
    if not isinstance(bias, nn.Parameter) or bias.shape != empty.shape:
        return {}
    return {f"{name}.bias": empty & (bias.detach() == 0).cpu()}


def _empty_outputs(layer: Layer) -> torch.Tensor:
    """Which output channels have no weight but zeros; shape [outputs], of transposed grouped ones [inputs]."""
    return (weight_by_output(layer) == 0).all(1).cpu()


@contextmanager
def held(module: nn.Module, zeros: Zeros) -> Iterator[None]:
    """While the body runs, gradients of what is zero are zero: no step of an optimiser moves it."""
    handles = []
    parameters = dict(module.named_parameters(remove_duplicate=False))
    for name, mask in zeros.items():
        parameter = parameters[name]
        frozen = not parameter.requires_grad
        parameter.requires_grad_(True)  # torch takes hooks for no other, and the body may thaw what is frozen
        handles.append(parameter.register_hook(_masking(mask)))  # type: ignore[no-untyped-call]
        parameter.requires_grad_(not frozen)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _masking(mask: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda gradient: gradient.masked_fill(mask.to(gradient.device), 0.0)


def require_held(module: nn.Module, zeros: Zeros, who: str) -> tuple[str, ...]:
    """Compare after training. Gives a note on parameters that are gone or have another shape, and so were not.

    Raises InvalidError, naming the layers, where zeros were filled.
    """
    parameters = dict(module.named_parameters(remove_duplicate=False))
    filled: list[str] = []
    unlike: list[str] = []
    for name, mask in zeros.items():
        now = parameters.get(name)
        if now is None or now.shape != mask.shape:
            unlike.append(name.rpartition(".")[0])
            continue
        count = int(((now.detach() != 0).cpu() & mask).sum())
        if count:
            filled.append(f"{name} ({count} of {int(mask.sum())})")
    if filled:
        raise InvalidError(
            f"{who} filled zeros that pruning had made",
            f"no longer zero: {short_list(filled)}",
            "train the module that is given, in place: its zeros are held by its gradients alone",
        )
    layers = list(dict.fromkeys(unlike))
    return (f"{who} gave other shapes to {short_list(layers)}: zeros there were not compared",) if layers else ()
