"""Which groups of channels or neurons may be pruned without touching what others rely on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from torch import nn

from .graph import NORMALISING, Cut, Group, is_depthwise
from .layers import Layer, channel_count, is_layer

# Operations whose result for one channel depends on the other channels, or that split channels into heads.
_MIXING = (
    "softmax",
    "bmm",
    "attention",
    "norm",
    "amax",
    "amin",
    "maxbackward",
    "minbackward",
    "cum",
    "shuffle",
)
# Convolutional nets average over space, which is harmless; between two Linear layers it may be over features.
_MIXING_NEURONS = (*_MIXING, "mean", "sum", "prod", "var", "std")

_PLAIN = frozenset({"LINEAR", "ELEMENTWISE", "RESHAPE"}) | NORMALISING
# Not SPLIT or SLICE: sizes in the forward method, or parts that must stay equal, would no longer hold.
_CONVOLUTIONAL = _PLAIN | {"CONV", "DEPTHWISE_CONV", "CONCAT"}


class Eligibility:
    """Says of a group why it must not be pruned. Built once for a module, before anything is removed.

    `reused` are the layers that one forward call calls more than once.
    """

    def __init__(self, module: nn.Module, reused: frozenset[str]) -> None:
        self._modules = dict(module.named_modules())
        self._reused = reused
        owners = Counter(id(p) for m in module.modules() for p in m.parameters(recurse=False))
        self._shared = {
            name for name, m in self._modules.items() if any(owners[id(p)] > 1 for p in m.parameters(recurse=False))
        }

    def of_channels(self, group: Group) -> str:
        """Why these convolution channels stay; an empty string where they may go."""
        return self._refusal(group, _CONVOLUTIONAL, _MIXING)

    def of_neurons(self, group: Group) -> str:
        """Why these Linear neurons stay; an empty string where they may go."""
        return self._refusal(group, _PLAIN, _MIXING_NEURONS)

    def _refusal(self, group: Group, kinds: frozenset[str], mixing: tuple[str, ...]) -> str:
        if "OUTPUT" in group.kinds:
            return "feeds the model's output"
        foreign = sorted(group.kinds - kinds)
        if foreign:
            return f"touches {', '.join(foreign)}"
        mixer = next((op for op in sorted(group.operations) if any(word in op for word in mixing)), "")
        return f"passes through {mixer}" if mixer else self.of_layers(group)

    def of_layers(self, group: Group) -> str:
        """Why one of the group's layers cannot be cut, whatever the unit; an empty string where all can."""
        checks: tuple[tuple[str, Callable[[str], bool]], ...] = (
            ("touches a layer that is called more than once", lambda name: name in self._reused),
            ("touches a layer that shares its weight", lambda name: name in self._shared),
            ("touches a grouped convolution", self._is_grouped),
        )
        names = {cut.name for cut in group.cuts}
        reason = next((text for text, check in checks if any(check(name) for name in names)), "")
        if not reason and any(not self._fits(cut) for cut in group.cuts):
            reason = "is reshaped on its way in a manner that Torch-Pruning cannot follow"
        return reason or ("" if group.names("input") else "feeds no other layer")

    def _is_grouped(self, name: str) -> bool:
        layer = self._modules[name]
        return is_layer(layer) and getattr(layer, "groups", 1) > 1 and not is_depthwise(layer)

    def _fits(self, cut: Cut) -> bool:
        """Whether the layer has the channels that the graph believes it has."""
        layer = self._modules[cut.name]
        if not is_layer(layer):
            return True
        width = channel_count(layer, cut.side)
        return len(cut.channels) == len(cut.roots) and max(cut.channels) < width


def producers(module: nn.Module, group: Group) -> dict[str, Layer]:
    """The Linear and convolution layers that make the group's channels."""
    found = {name: module.get_submodule(name) for name in group.names("output")}
    return {name: layer for name, layer in found.items() if is_layer(layer)}
