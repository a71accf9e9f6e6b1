"""How large the inputs of layers are, over calibration data."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..sources.quiet import one_line
from .forward import MODEL_FAULTS, Inputs, Material
from .layers import Layer, is_layer, is_transposed, short_list


def wanda_scores(module: nn.Module, layers: Mapping[str, Layer], material: Material) -> dict[str, torch.Tensor]:
    """|weight| times the norm of the input that it multiplies, by layer: of the weight's shape, at least float32.

    S_ij = |W_ij| * ||X_j||_2 is the measure of Sun et al., "A Simple and Effective Pruning Approach for Large
    Language Models" (arXiv 2306.11695). Raises InputError as `input_norms` does.
    """
    norms = input_norms(module, layers, material.calibration)
    scores = {}
    for name, layer in layers.items():
        dtype = torch.promote_types(layer.weight.dtype, torch.float32)
        scores[name] = layer.weight.detach().abs().to(dtype) * norms[name].to(dtype)
    return scores


def input_norms(module: nn.Module, layers: Mapping[str, Layer], batches: Sequence[Inputs]) -> dict[str, torch.Tensor]:
    """The L2 norm of all that each weight is multiplied with, over all batches: float64, weight's shape, by layer.

    For a Linear it is the norm of an input feature over samples and positions, equal in each output. For a
    convolution it is that of an input channel as seen from one place of the kernel: a column of the unfolded input.
    Padding counts as what it is filled with. What a mask hides counts too: no layer knows of masks. Where several
    modules share a weight, or a module is called more than once, all calls count.

    `layers` are layers of `module`, whose mode (eval) is the caller's to set. A tensor may be a view that is
    expanded: do not write to it. Raises InputError without batches, where the module does not run with them, and,
    naming it, for a layer that was never called, or whose input is not finite.
    """
    require_calibration(batches, "activation norms")
    sums: dict[str, torch.Tensor] = {}
    with torch.no_grad(), _hooks(module, layers, sums):
        for number, batch in enumerate(batches):
            call(module, batch, number)
    idle = [name for name in layers if name not in sums]
    if idle:
        raise InputError(
            f"No activation norms for {short_list(idle)}",
            "never called with the calibration data, as a module; its weight may be used by a function",
            "name it in exclude, or give calibration data that reach it",
        )
    wrong = [name for name, total in sums.items() if not bool(total.isfinite().all())]
    if wrong:
        raise InputError(
            f"The inputs of {short_list(wrong)} are not finite with the calibration data",
            "their squares sum up to NaN or infinity",
            "look for NaN in the calibration data and in the weights before that layer",
        )
    return {name: total.sqrt() for name, total in sums.items()}


def require_calibration(batches: Sequence[Inputs], what: str) -> None:
    """Raises InputError where there are no calibration data."""
    if not batches:
        raise InputError(
            f"The recipe needs calibration data, for {what}",
            "there are none",
            "add calibration or a task to the suite, or use a method that ranks by magnitude",
        )


def call(module: nn.Module, batch: Inputs, number: int) -> object:
    """The module's outputs for one calibration batch. Raises InputError, with the reason, where it does not run."""
    try:
        return module(**batch)
    except MODEL_FAULTS as error:
        raise InputError(
            f"The module {type(module).__name__} does not run with calibration batch {number}",
            one_line(error),
            f"a batch must hold what the module takes; this one holds {', '.join(batch) or 'nothing'}",
        ) from error


@contextmanager
def _hooks(module: nn.Module, layers: Mapping[str, Layer], sums: dict[str, torch.Tensor]) -> Iterator[None]:
    """Adds up squares in `sums`, by layer, while the block runs."""
    names = {id(layer.weight): name for name, layer in layers.items()}
    users = [part for part in module.modules() if is_layer(part) and id(part.weight) in names]
    hooks = [
        part.register_forward_pre_hook(_gather(part, names[id(part.weight)], sums), with_kwargs=True)
        for part in users
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _gather(layer: Layer, name: str, sums: dict[str, torch.Tensor]) -> Callable[..., None]:
    square_sums = _conv_sums(layer) if isinstance(layer, _ConvNd) else _linear_sums

    def hook(_layer: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        found = _expanded(square_sums(*args, **kwargs), layer)
        sums[name] = sums[name] + found if name in sums else found

    return hook


def _linear_sums(*args: torch.Tensor, **kwargs: torch.Tensor) -> torch.Tensor:
    (features,) = (*args, *kwargs.values())
    return features.detach().double().square().reshape(-1, features.shape[-1]).sum(0)


def _conv_sums(layer: _ConvNd) -> Callable[..., torch.Tensor]:
    """What gives the sums of squares by weight, one output channel for each group.

    A convolution is linear in its weight, so the gradient of the sum of its outputs, with squared inputs, is
    the sum of the squared inputs that each weight meets: whatever stride, dilation, padding or transposition.
    """
    twin = copy.deepcopy(layer).double().train(layer.training)
    outputs = twin.groups if not is_transposed(layer) else 1
    weight = twin.weight.detach()
    slim = weight[:, :1] if is_transposed(layer) else weight[:outputs]
    twin.weight = nn.Parameter(torch.zeros_like(slim))
    twin.bias = None

    def sums(input: torch.Tensor, *rest: Any, **options: Any) -> torch.Tensor:  # noqa: A002
        with torch.enable_grad():
            total = twin.forward(input.detach().double().square(), *rest, **options).sum()
            (gradient,) = torch.autograd.grad(total, [twin.weight])
        return gradient

    return sums


def _expanded(found: torch.Tensor, layer: Layer) -> torch.Tensor:
    """Sums of squares, by input or for one output of each group, as a tensor of the weight's shape."""
    weight = layer.weight
    if not isinstance(layer, _ConvNd):
        return found.unsqueeze(1 if is_transposed(layer) else 0).expand(weight.shape)
    if is_transposed(layer) or layer.groups == 1:
        return found.expand(weight.shape)
    return found.repeat_interleave(layer.out_channels // layer.groups, dim=0)
