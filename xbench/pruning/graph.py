"""The one place that speaks to Torch-Pruning: its dependency graph, and what a pruning group touches."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import torch
import torch_pruning as tp
from torch import nn
from torch.nn.modules.conv import _ConvNd
from torch_pruning.ops import OPTYPE

from ..errors import InputError
from .forward import MODEL_FAULTS, Inputs, tensors_of
from .layers import Layer
from .watching import Watch, watched


@dataclass(frozen=True, slots=True)
class Cut:
    """Channels of one module that go together with others.

    `channels[i]` of this module goes with channel `roots[i]` of the group's root. `side` is `output` also
    for modules such as BatchNorm and depthwise convolutions, whose inputs are their outputs.
    """

    name: str
    side: Literal["input", "output"]
    channels: tuple[int, ...]
    roots: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """All that goes when channels of the layer `root` go. `operations` are autograd's names on the way.

    `kinds` are Torch-Pruning's names of the nodes (CONV, LINEAR, LN, OUTPUT, ...).
    """

    root: str
    cuts: tuple[Cut, ...]
    kinds: frozenset[str]
    operations: frozenset[str]

    def names(self, side: Literal["input", "output"]) -> tuple[str, ...]:
        """The modules that lose channels on that side."""
        return tuple(cut.name for cut in self.cuts if cut.side == side)

    def only(self, channels: Iterable[int]) -> tuple[Cut, ...]:
        """The cuts for these channels of the root, of a group that was built for all of them."""
        kept = set(channels)
        pairs = [
            (cut, [(c, root) for c, root in zip(cut.channels, cut.roots, strict=True) if root in kept])
            for cut in self.cuts
        ]
        return tuple(
            replace(cut, channels=tuple(c for c, _ in chosen), roots=tuple(root for _, root in chosen))
            for cut, chosen in pairs
        )


class ChannelGraph:
    """Which channels of a module hang together.

    Raises InputError, with the reason and, where it is known, the layer, for a module that cannot be run or traced.
    """

    def __init__(self, module: nn.Module, inputs: Inputs) -> None:
        self._module = module
        self._names = {layer: name for name, layer in module.named_modules()}
        self._graph = tp.DependencyGraph()
        with _traceable(module), watched(module) as watch:
            self._build(inputs, watch)
        self.reused = watch.reused

    def _build(self, inputs: Inputs, watch: Watch) -> None:
        try:
            self._graph.build_dependency(self._module, dict(inputs), forward_fn=_forward, verbose=False)
        except MODEL_FAULTS as error:
            raise InputError(
                f"Torch-Pruning cannot trace the module {type(self._module).__name__}",
                watch.told(error),
                "give inputs that the module runs with, or use an unstructured method",
            ) from error

    def __contains__(self, layer: Layer) -> bool:
        return layer in self._graph.module2node

    def group(self, root: str, channels: Iterable[int] | None = None) -> Group:
        """What goes when these output channels (all of them by default) of the layer `root` go."""
        items = self._items(root, channels)
        nodes = [item.dep.target for item in items]
        cuts = [self._cut(item) for item in items if isinstance(item.dep.target.module, nn.Module)]
        return Group(
            root=root,
            cuts=tuple(cut for cut in cuts if cut is not None),
            kinds=frozenset(node.type.name for node in nodes),
            operations=frozenset(
                str(node.module._grad_fn).lower() for node in nodes if hasattr(node.module, "_grad_fn")
            ),
        )

    def leaves_something(self, root: str, channels: Iterable[int]) -> bool:
        """Whether every layer that is touched keeps at least one channel."""
        return bool(self._graph.check_pruning_group(self._items(root, channels)))

    def remove(self, root: str, channels: Iterable[int]) -> None:
        """Take these output channels of `root`, and all that hangs on them, out of the module, in place."""
        self._items(root, channels).prune(record_history=False)

    def _items(self, root: str, channels: Iterable[int] | None) -> Any:
        layer = self._module.get_submodule(root)
        pruner = self._graph.get_pruner_of_module(layer)
        chosen = range(pruner.get_out_channels(layer)) if channels is None else channels
        return self._graph.get_pruning_group(layer, pruner.prune_out_channels, list(chosen))

    def _cut(self, item: Any) -> Cut | None:
        """None for the placeholders that stand for operations without a module."""
        target = item.dep.target
        if target.module not in self._names:
            return None
        outward = item.dep.handler == self._graph.get_pruner_of_module(target.module).prune_out_channels
        return Cut(
            name=self._names[target.module],
            side="output" if outward else "input",
            channels=tuple(int(index) for index in item.idxs),
            roots=tuple(int(index) for index in item.root_idxs if index is not None),
        )


def is_depthwise(layer: Layer) -> bool:
    """Whether each output channel of a convolution sees one input channel, its own."""
    return isinstance(layer, _ConvNd) and 1 < layer.groups == layer.out_channels == layer.in_channels


NORMALISING = frozenset({OPTYPE.BN.name, OPTYPE.IN.name, OPTYPE.PRELU.name})
"""Kinds of nodes that treat each channel apart from the others."""


def _forward(module: nn.Module, inputs: dict[str, torch.Tensor]) -> list[torch.Tensor]:
    # Torch-Pruning sees an output only where an operation, not a layer, makes it: hence the clone.
    outputs = [tensor.clone() for tensor in tensors_of(module(**inputs)) if tensor.requires_grad]
    if not outputs:
        raise ValueError("no output depends on the weights by a path that autograd can follow")
    return outputs


@contextmanager
def _traceable(module: nn.Module) -> Iterator[None]:
    """Autograd on for all parameters, and warnings off."""
    frozen = [p for p in module.parameters() if not p.requires_grad and p.is_floating_point()]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        with torch.enable_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
