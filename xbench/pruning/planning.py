"""Chooses which channels, neurons and heads go, before the first removal moves an index."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .attention import Attention, refuse, understand
from .cutting import Pick
from .eligible import Eligibility, producers
from .feedforward import beyond_tracing, feed_forwards
from .forward import Material
from .graph import ChannelGraph, Group
from .heads import find_attention
from .layers import channel_count, has_type, in_scope, is_layer, short_list
from .watching import reused_layers
from .worth import Scorer, units_to_remove, weakest


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group that may lose units. A unit is `width` consecutive channels of the root: one, or a head's."""

    group: Group
    units: int
    width: int = 1
    attention: Attention | None = None
    direct: bool = False


class Planner:
    """What goes (`picks`), and what was left alone and why (`notes`). `graph` is None where there can be none.

    Raises InputError for a unit that the model has not, for an attention module that is not understood, for a
    module that does not run, and for one that Torch-Pruning cannot trace where it is needed.
    """

    def __init__(self, module: nn.Module, recipe: StructuredRecipe, material: Material) -> None:
        self._module = module
        self._recipe = recipe
        self._material = material
        self._beyond = beyond_tracing(module)
        inputs = material.example_inputs
        self.graph = None if self._beyond else ChannelGraph(module, inputs)
        reused = reused_layers(module, inputs) if self.graph is None else self.graph.reused
        self._rules = Eligibility(module, reused)
        self._scorer = Scorer(module, recipe, material)
        self.notes: list[str] = []
        if recipe.round_to == "profile":
            multiple = material.width_multiple
            said = f"multiples of {multiple}" if multiple > 1 else "any width: none of them names a multiple"
            self.notes.append(f"round_to: the targets like {said}")
        self.picks = self._plan()

    def _plan(self) -> list[Pick]:
        asked: list[tuple[float, list[Candidate]]] = []
        if self._recipe.heads is not None:
            asked.append((self._recipe.heads, self._heads()))
        if self._recipe.neurons is not None:
            asked.append((self._recipe.neurons, self._neurons()))
        if self._recipe.channels is not None:
            asked.append((self._recipe.channels, self._channels()))
        groups = [one.group for _, candidates in asked for one in candidates]
        self._scorer.prepare({name: layer for g in groups for name, layer in producers(self._module, g).items()})
        picks: list[Pick] = []
        for share, candidates in asked:
            chosen = [(one, self._pick(one, share)) for one in candidates]
            picks += [pick for _, pick in chosen if pick is not None]
            unmoved = [one.group.root for one, pick in chosen if pick is None]
            if unmoved:
                self.notes.append(f"a share of {share:g} comes to no unit in {short_list(unmoved)}")
        return picks

    def _heads(self) -> list[Candidate]:
        candidates = []
        for attention in find_attention(self._module, self._recipe):
            direct = attention.group is not None
            group = attention.group or self._traced(attention)
            why = (attention.misread(group) if not direct else "") or self._rules.of_layers(group)
            if why:
                raise refuse(attention.name, why)
            candidates.append(Candidate(group, attention.units, attention.size, attention, direct))
        return candidates

    def _traced(self, attention: Attention) -> Group:
        if self.graph is None:
            raise refuse(attention.name, self._beyond)
        return self.graph.group(attention.root)

    def _neurons(self) -> list[Candidate]:
        unit, layer = "neurons", "Linear layer that feeds another one"
        if self.graph is None:
            self.notes.append(f"only feed-forward layers that are known by their structure: {self._beyond}")
            groups: Iterable[Group] = feed_forwards(self._module)
            return self._require(self._allowed(groups, self._rules.of_layers, direct=True), unit, layer)
        groups = self._traced_groups(self.graph, nn.Linear)
        return self._require(self._allowed(groups, self._rules.of_neurons), unit, layer)

    def _channels(self) -> list[Candidate]:
        unit, layer = "channels", "convolution that feeds another layer"
        if self.graph is None:
            self.notes.append(self._beyond)
            return self._require([], unit, layer)
        groups = self._traced_groups(self.graph, _ConvNd)
        return self._require(self._allowed(groups, self._rules.of_channels), unit, layer)

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
            self.notes.append(f"left alone: {short_list(hidden)} ({why})")

    def _allowed(
        self, groups: Iterable[Group], refusal: Callable[[Group], str], direct: bool = False
    ) -> list[Candidate]:
        """The groups that are in scope and may go; what is in scope and may not goes to `notes`."""
        candidates: list[Candidate] = []
        refused: dict[str, list[str]] = {}
        for group in groups:
            made_by = producers(self._module, group)
            if not all(in_scope(key, self._recipe) and has_type(part, self._recipe) for key, part in made_by.items()):
                continue
            why = refusal(group)
            if why:
                refused.setdefault(why, []).append(group.root)
            else:
                candidates.append(Candidate(group, channel_count(made_by[group.root], "output"), direct=direct))
        self.notes += [f"left alone: {short_list(names)} ({why})" for why, names in refused.items()]
        return candidates

    def _require(self, candidates: list[Candidate], unit: str, layer: str) -> list[Candidate]:
        if candidates:
            return candidates
        raise InputError(
            f"The recipe prunes {unit}, but no {layer} may be pruned",
            "; ".join(self.notes) or "there is none within include, exclude and types",
            f"leave {unit} out, or widen include",
        )

    def _pick(self, one: Candidate, share: float) -> Pick | None:
        """The weakest units of a group; None where there are none, or a coupled layer would end up empty."""
        count = units_to_remove(one.units, share, one.width, self._multiple(), self._dense_units(one))
        if count == 0:
            return None
        gone = weakest(self._scorer.of_units(one.group, one.units, one.width), count)
        channels = tuple(unit * one.width + offset for unit in gone for offset in range(one.width))
        root, left = one.group.root, one.units - count
        if one.direct or self.graph is None:
            return Pick(root, channels, one.group.only(channels), one.attention, left, direct=True)
        if not self.graph.leaves_something(root, channels):
            return None
        return Pick(root, channels, self.graph.group(root, channels).cuts, one.attention, left)

    def _multiple(self) -> int:
        asked = self._recipe.round_to
        return self._material.width_multiple if asked == "profile" else asked

    def _dense_units(self, one: Candidate) -> int | None:
        dense = self._material.dense
        if dense is None:
            return None
        if one.attention is not None:
            return understand(one.attention.name, dense.get_submodule(one.attention.name)).units
        root = dense.get_submodule(one.group.root)
        return channel_count(root, "output") if is_layer(root) else None
