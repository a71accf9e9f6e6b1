"""Finds the groups of channels, neurons and heads that may lose units, and tells why the others may not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .attention import Attention, refuse, understand
from .eligible import Eligibility, producers
from .feedforward import beyond_tracing, feed_forwards
from .forward import Inputs
from .graph import ChannelGraph, Group
from .heads import attention_in_scope, find_attention
from .layers import channel_count, has_type, in_scope, is_layer, short_list
from .watching import reused_layers


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group that may lose units. A unit is `width` consecutive channels of the root: one, or a head's."""

    group: Group
    units: int
    kind: str
    width: int = 1
    attention: Attention | None = None
    direct: bool = False

    @property
    def name(self) -> str:
        """What the group is called in recipes: its attention module, or the first of the layers that make it."""
        return self.group.root if self.attention is None else self.attention.name


class Finder:
    """The groups of a module that are in a recipe's scope; `notes` tell what was left alone, and why.

    `graph` is None where there can be none. `refused` is why a group may not be pruned, by its name.

    Raises InputError for a module that does not run, and for one that Torch-Pruning cannot trace.
    """

    def __init__(self, module: nn.Module, recipe: StructuredRecipe, inputs: Inputs) -> None:
        self._module = module
        self._recipe = recipe
        self._beyond = beyond_tracing(module)
        self.graph = None if self._beyond else ChannelGraph(module, inputs)
        reused = reused_layers(module, inputs) if self.graph is None else self.graph.reused
        self._rules = Eligibility(module, reused)
        self.notes: list[str] = []
        self.refused: dict[str, str] = {}
        self._in_heads: set[str] = set()

    def required(self, kind: str) -> list[Candidate]:
        """The groups of a kind: `heads`, `neurons` or `channels`. Raises InputError where there are none.

        For heads it is raised too where one in scope is not understood.
        """
        if kind == "heads":
            return [self._heads(attention) for attention in find_attention(self._module, self._recipe)]
        found = self._neurons() if kind == "neurons" else self._channels()
        if found:
            return found
        layer = "Linear layer that feeds another one" if kind == "neurons" else "convolution that feeds another layer"
        raise InputError(
            f"The recipe prunes {kind}, but no {layer} may be pruned",
            "; ".join(self.notes) or "there is none within include, exclude and types",
            f"leave {kind} out, or widen include",
        )

    def all(self) -> list[Candidate]:
        """The groups of every kind; what is in scope and may not be pruned goes to `notes` and `refused`."""
        heads = []
        for name, part in attention_in_scope(self._module, self._recipe):
            try:
                heads.append(self._heads(understand(name, part)))
            except InputError as error:
                self.refused[name] = error.found
                self.notes.append(f"left alone: {name} ({error.found})")
        self._in_heads = {name for one in heads for name in one.group.names("output")}
        return [*heads, *self._neurons(), *self._channels()]

    def _heads(self, attention: Attention) -> Candidate:
        direct = attention.group is not None
        group = attention.group or self._traced(attention)
        why = (attention.misread(group) if not direct else "") or self._rules.of_layers(group)
        if why:
            raise refuse(attention.name, why)
        return Candidate(group, attention.units, "heads", attention.size, attention, direct)

    def _traced(self, attention: Attention) -> Group:
        if self.graph is None:
            raise refuse(attention.name, self._beyond)
        return self.graph.group(attention.root)

    def _neurons(self) -> list[Candidate]:
        if self.graph is None:
            self.notes.append(f"only feed-forward layers that are known by their structure: {self._beyond}")
            return self._allowed(feed_forwards(self._module), "neurons", self._rules.of_layers, direct=True)
        return self._allowed(self._traced_groups(self.graph, nn.Linear), "neurons", self._rules.of_neurons)

    def _channels(self) -> list[Candidate]:
        if self.graph is None:
            self.notes.append(self._beyond)
            return []
        return self._allowed(self._traced_groups(self.graph, _ConvNd), "channels", self._rules.of_channels)

    def _traced_groups(self, graph: ChannelGraph, kind: type[nn.Module]) -> Iterator[Group]:
        """Each group once, by the first of its layers; layers that the trace has not met go to `notes`."""
        seen: set[str] = set()
        hidden: list[str] = []
        for name, layer in self._module.named_modules():
            if not isinstance(layer, kind) or not is_layer(layer) or name in seen:
                continue
            if layer in graph:
                group = graph.group(name)
                seen.update(group.names("output"))
                yield group
            elif in_scope(name, self._recipe) and has_type(layer, self._recipe):
                hidden.append(name)
        if hidden:
            why = "no output depends on them by a path that Torch-Pruning can trace"
            self.refused |= dict.fromkeys(hidden, why)
            self.notes.append(f"left alone: {short_list(hidden)} ({why})")

    def _allowed(
        self, groups: Iterable[Group], kind: str, refusal: Callable[[Group], str], direct: bool = False
    ) -> list[Candidate]:
        """The groups that are in scope and may go; what is in scope and may not goes to `notes`."""
        candidates: list[Candidate] = []
        refused: dict[str, list[str]] = {}
        for group in groups:
            made_by = producers(self._module, group)
            if group.root in self._in_heads:
                continue  # its channels go as heads
            if not all(in_scope(key, self._recipe) and has_type(part, self._recipe) for key, part in made_by.items()):
                continue
            why = refusal(group)
            if why:
                refused.setdefault(why, []).append(group.root)
                self.refused |= dict.fromkeys(group.names("output"), why)
            else:
                candidates.append(Candidate(group, channel_count(made_by[group.root], "output"), kind, direct=direct))
        self.notes += [f"left alone: {short_list(names)} ({why})" for why, names in refused.items()]
        return candidates
