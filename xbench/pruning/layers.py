"""Which layers of a module have weights to prune, and which of them a recipe means.

GPT-2's `Conv1D` (transformers.pytorch_utils) counts as a layer. It is a Linear whose weight is [inputs, outputs], and
it is pruned as it is: a Linear in its place would be exported as other operators than the dense model has, and the
checkpoints of such models would not fit. So never take a layer that is no Linear for a convolution: `is_transposed`,
`channel_count`, `reduced_width` and `weight_by_output` answer for all kinds.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal, Protocol, TypeGuard

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..errors import InputError

if TYPE_CHECKING:
    from typing_extensions import TypeIs


class Conv1D(nn.Module):
    """What transformers.pytorch_utils.Conv1D has, for type checkers alone: `is_conv1d` tells one by its structure."""

    weight: nn.Parameter
    bias: nn.Parameter
    nx: int
    nf: int


Layer = nn.Linear | _ConvNd | Conv1D


class Scope(Protocol):
    """What every recipe has: shell patterns of the module names that it may and may not touch, and class names."""

    @property
    def include(self) -> tuple[str, ...]: ...

    @property
    def exclude(self) -> tuple[str, ...]: ...

    @property
    def types(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Touched:
    """What a method did: the names of the layers whose weights it changed, and remarks for the report."""

    layers: tuple[str, ...]
    notes: tuple[str, ...] = ()


def is_layer(module: object) -> TypeGuard[Layer]:
    """Whether a module is a Linear, a convolution or a Conv1D."""
    return isinstance(module, nn.Linear | _ConvNd) or is_conv1d(module)


def is_conv1d(module: object) -> TypeIs[Conv1D]:
    """Whether a module is GPT-2's Conv1D: of that name, with `nx` inputs, `nf` outputs and a bias."""
    if not isinstance(module, nn.Module) or type(module).__name__ != "Conv1D":
        return False
    return all(hasattr(module, name) for name in ("nx", "nf", "bias"))


def is_transposed(layer: Layer) -> bool:
    """Whether the first axis of the weight is the input: in transposed convolutions and in Conv1D."""
    return isinstance(layer, _ConvTransposeNd) or is_conv1d(layer)


def weight_layers(module: nn.Module) -> dict[str, Layer]:
    """Every Linear and convolution by dotted name.

    A weight that layers share counts once, one that is tied to an embedding never.

    Raises InputError for a layer whose weight is computed on the fly and could not be overwritten.
    """
    seen = {id(m.weight) for m in module.modules() if isinstance(m, nn.Embedding | nn.EmbeddingBag)}
    layers: dict[str, Layer] = {}
    for name, layer in module.named_modules():
        if not is_layer(layer):
            continue
        if "weight" not in layer._parameters:
            raise InputError(
                f"The weight of layer {name!r} is computed, not stored",
                "it has a parametrization or an unfinished torch.nn.utils.prune mask",
                "make it permanent first (parametrize.remove_parametrizations or prune.remove)",
            )
        if id(layer.weight) not in seen:
            seen.add(id(layer.weight))
            layers[name] = layer
    return layers


def count_weights(module: nn.Module) -> tuple[int, int]:
    """The number of weights of all Linear and convolution layers, and how many of them are zero."""
    weights = [layer.weight for layer in weight_layers(module).values()]
    return sum(w.numel() for w in weights), sum(int((w == 0).sum()) for w in weights)


def in_scope(name: str, scope: Scope) -> bool:
    """Whether a recipe may touch the layer: a pattern that matches a module means all that is inside it."""
    return _matches(name, scope.include) and not _matches(name, scope.exclude)


def has_type(layer: Layer, scope: Scope) -> bool:
    """Whether a recipe may touch layers of this class: without types it may touch all."""
    return not scope.types or type(layer).__name__ in scope.types


def _require_types(types: Sequence[str], layers: Mapping[str, Layer]) -> None:
    there = sorted({type(layer).__name__ for layer in layers.values()})
    for wanted in types:
        if wanted not in there:
            near = difflib.get_close_matches(wanted, there, n=3, cutoff=0.3) or there
            raise InputError(
                f"No layer with weights is of the type {wanted!r}",
                f"nearest types: {short_list(near)}" if near else "the model has no Linear and no convolution",
                "types are class names of layers, such as Linear or Conv2d",
            )


def _matches(name: str, patterns: Iterable[str]) -> bool:
    parts = name.split(".")
    prefixes = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatchcase(prefix, pattern) for pattern in patterns for prefix in prefixes)


def select_layers(module: nn.Module, scope: Scope) -> dict[str, Layer]:
    """The layers that a recipe means, by name.

    Raises InputError for a pattern or a type that matches nothing, and where nothing is left to prune.
    """
    layers = weight_layers(module)
    modules = [name for name, _ in module.named_modules() if name]
    for pattern in scope.include:
        _require_match("include", pattern, list(layers))
    for pattern in scope.exclude:
        _require_match("exclude", pattern, modules)
    _require_types(scope.types, layers)
    chosen = {name: layer for name, layer in layers.items() if in_scope(name, scope) and has_type(layer, scope)}
    if not chosen:
        limits = [
            f"{option} {', '.join(names)}" for option in ("exclude", "types") if (names := getattr(scope, option))
        ]
        raise InputError(
            "The recipe leaves no layer to prune",
            f"nothing is left of what include names, after {' and '.join(limits)}",
            f"layers with weights: {short_list(list(layers))}",
        )
    return chosen


def _require_match(option: str, pattern: str, names: Sequence[str]) -> None:
    if any(_matches(name, (pattern,)) for name in names):
        return
    near = difflib.get_close_matches(pattern, names, n=3, cutoff=0.3) or list(names)
    raise InputError(
        f"The {option} pattern {pattern!r} matches no layer of the model",
        f"nearest names: {short_list(near)}" if near else "the model has no Linear and no convolution",
        "patterns are shell patterns of dotted module names, such as 'encoder.layer.0.*'",
    )


def short_list(names: Sequence[str], most: int = 3) -> str:
    """The first names, and how many more there are."""
    shown = ", ".join(names[:most])
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown


def channel_count(layer: Layer, side: Literal["input", "output"]) -> int:
    """The number of features or channels that a layer takes or gives."""
    if isinstance(layer, nn.Linear):
        return layer.out_features if side == "output" else layer.in_features
    if is_conv1d(layer):
        return layer.nf if side == "output" else layer.nx
    return layer.out_channels if side == "output" else layer.in_channels


def reduced_width(layer: Layer) -> int:
    """The number of input features or channels that one output reads: those of its own group."""
    return channel_count(layer, "input") // (layer.groups if isinstance(layer, _ConvNd) else 1)


def weight_by_output(layer: Layer) -> torch.Tensor:
    """The weight as a matrix: one row for each output channel of an ungrouped or depthwise layer."""
    weight = layer.weight.detach()
    if is_transposed(layer) and getattr(layer, "groups", 1) == 1:
        weight = weight.transpose(0, 1)
    return weight.flatten(1)
