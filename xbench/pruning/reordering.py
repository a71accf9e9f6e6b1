"""Brings the channels of a group into another order, in every module that makes or reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import nn

from .graph import Group, is_depthwise
from .layers import Layer, is_layer, is_transposed


@dataclass(frozen=True, slots=True)
class Places:
    """Where the channels of a group are in one module: `indices[r]` are the places of the root's channel r."""

    name: str
    side: Literal["input", "output"]
    indices: tuple[tuple[int, ...], ...]

    def consecutive(self, m: int) -> bool:
        """Whether each channel has one place, and stripes of M channels fall on stripes of the module's weight."""
        first = self.indices[0][0]
        flat = [places[0] for places in self.indices]
        single = all(len(places) == 1 for places in self.indices)
        return single and flat == [*range(first, first + len(flat))] and first % m == 0 and len(flat) % m == 0

    def sources(self, order: Sequence[int], width: int) -> torch.Tensor:
        """For each of `width` places, the one whose content it gets when channel r becomes channel order[r]."""
        found = torch.arange(width)
        for channel, former in enumerate(order):
            found[list(self.indices[channel])] = torch.tensor(self.indices[former])
        return found


def find_places(group: Group) -> tuple[Places, ...]:
    """The places of a group's channels, module by module; empty where they cannot change places with each other."""
    found: dict[tuple[str, Literal["input", "output"]], dict[int, int]] = {}
    for cut in group.cuts:
        roots = found.setdefault((cut.name, cut.side), {})
        for place, root in zip(cut.channels, cut.roots, strict=True):
            if roots.setdefault(place, root) != root:
                return ()
    every = sorted({root for roots in found.values() for root in roots.values()})
    places = []
    for (name, side), roots in found.items():
        indices = tuple(tuple(sorted(p for p, r in roots.items() if r == root)) for root in every)
        if len({len(index) for index in indices}) != 1:
            return ()
        places.append(Places(name, side, indices))
    return tuple(places) if every == [*range(len(every))] else ()


def input_axis(layer: Layer) -> int:
    """The axis of the weight that runs over the inputs."""
    return 0 if is_transposed(layer) else 1


def reorder(
    module: nn.Module, places: Sequence[Places], order: Sequence[int], scores: Mapping[str, torch.Tensor]
) -> None:
    """Put channel order[r] of the group in the place of its channel r, in place, in all modules and their scores."""
    with torch.no_grad():
        for one in places:
            part = module.get_submodule(one.name)
            for tensor, axis in _tensors(part, one, scores):
                sources = one.sources(order, tensor.shape[axis]).to(tensor.device)
                tensor.copy_(tensor.index_select(axis, sources))


def _tensors(part: nn.Module, one: Places, scores: Mapping[str, torch.Tensor]) -> list[tuple[torch.Tensor, int]]:
    """What of a module runs over its channels, each with the axis that does."""
    if not is_layer(part):
        held = [getattr(part, name, None) for name in ("weight", "bias", "running_mean", "running_var")]
        # A PReLU may have one slope for all channels.
        return [(tensor, 0) for tensor in held if tensor is not None and len(tensor) > 1]
    outward = one.side == "output"
    axis = 0 if is_depthwise(part) else input_axis(part) ^ outward
    biases = [(part.bias, 0)] if outward and part.bias is not None else []
    return [(part.weight, axis), *((scores[name], axis) for name in (one.name,) if name in scores), *biases]
