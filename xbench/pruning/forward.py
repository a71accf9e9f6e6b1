"""What it takes to run a module that this program did not write."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

Inputs = Mapping[str, torch.Tensor]
"""The keyword arguments of one forward call."""


@dataclass(frozen=True, slots=True)
class Material:
    """What a method may look at beside the module.

    `example_inputs` are the keyword arguments of one forward call, tensors on the module's device. `calibration`
    is several such calls with real inputs; empty where there are none. `loss` takes the module's outputs and
    inputs and gives a scalar; None: the squared change of the outputs. `width_multiple` is the width, in channels,
    that the targets' kernels like multiples of: what `round_to: profile` means. `dense` is the module before the
    first of several steps: what a share of channels, neurons, heads or layers is a share of. None: of the module.
    """

    example_inputs: Inputs
    calibration: Sequence[Inputs] = ()
    loss: Callable[[object, Inputs], torch.Tensor] | None = None
    width_multiple: int = 1
    dense: torch.nn.Module | None = None


# What a forward method, or a library that walks through it, raises for a module that it cannot run.
MODEL_FAULTS = (
    RuntimeError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    AssertionError,
    ArithmeticError,
)


def widened(inputs: Inputs, axes: Mapping[str, Mapping[int, str]]) -> dict[str, torch.Tensor]:
    """The inputs with open axes (by input) of size 1 doubled: torch.export takes a size of 1 for a constant."""
    found = dict(inputs)
    for name, named in axes.items():
        for axis in named:
            if found[name].shape[axis] == 1:
                found[name] = found[name].repeat_interleave(2, dim=axis)
    return found


def tensors_of(output: object) -> list[torch.Tensor]:
    """The tensors of a forward's result, in order, out of nested tuples, lists and mappings."""
    if isinstance(output, torch.Tensor):
        return [output]
    if isinstance(output, Mapping):
        return [tensor for value in output.values() for tensor in tensors_of(value)]
    if isinstance(output, list | tuple):
        return [tensor for value in output for tensor in tensors_of(value)]
    return []
