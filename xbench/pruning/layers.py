"""Which layers of a module have weights to prune, and which of them a recipe means."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Literal, Protocol, TypeGuard

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd

from ..errors import InputError

Layer = nn.Linear | _ConvNd


class Scope(Protocol):
    """What every recipe has: shell patterns of the module names that it may and may not touch."""

    @property
    def include(self) -> tuple[str, ...]: ...

    @property
    def exclude(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Touched:
    """What a method did: the names of the layers whose weights it changed, and remarks for the report."""

    layers: tuple[str, ...]
    notes: tuple[str, ...] = ()


def is_layer(module: object) -> TypeGuard[Layer]:
    """Whether a module is a Linear or a convolution."""
    return isinstance(module, nn.Linear | _ConvNd)


def is_transposed(layer: Layer) -> bool:
    """Whether the first axis of the weight is the input: so it is in transposed convolutions alone."""
    return isinstance(layer, _ConvTransposeNd)


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


def _matches(name: str, patterns: Iterable[str]) -> bool:
    parts = name.split(".")
    prefixes = [".".join(parts[: end + 1]) for end in range(len(parts))]
    return any(fnmatchcase(prefix, pattern) for pattern in patterns for prefix in prefixes)


def select_layers(module: nn.Module, scope: Scope) -> dict[str, Layer]:
    """The layers that a recipe means, by name.

    Raises InputError for a pattern that matches nothing, and where nothing is left to prune.
    """
    layers = weight_layers(module)
    modules = [name for name, _ in module.named_modules() if name]
    for pattern in scope.include:
        _require_match("include", pattern, list(layers))
    for pattern in scope.exclude:
        _require_match("exclude", pattern, modules)
    chosen = {name: layer for name, layer in layers.items() if in_scope(name, scope)}
    if not chosen:
        raise InputError(
            "The recipe leaves no layer to prune",
            f"exclude takes away all that include names: {', '.join(scope.exclude)}",
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
    return layer.out_channels if side == "output" else layer.in_channels


def weight_by_output(layer: Layer) -> torch.Tensor:
    """The weight as a matrix: one row for each output channel of an ungrouped or depthwise layer."""
    weight = layer.weight.detach()
    if is_transposed(layer) and getattr(layer, "groups", 1) == 1:
        weight = weight.transpose(0, 1)
    return weight.flatten(1)
