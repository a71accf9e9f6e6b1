"""Structured pruning: whole channels, neurons and heads, by Torch-Pruning's dependency graph."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from math import gcd

import torch
from torch import nn
from torch.nn.modules.conv import _ConvNd

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .attention import Attention, find_attention, refuse
from .cutting import Pick, remove, zero
from .eligible import Eligibility, producers
from .forward import Material
from .graph import ChannelGraph, Group
from .layers import (
    Touched,
    channel_count,
    in_scope,
    is_layer,
    select_layers,
    short_list,
    weight_by_output,
    weight_layers,
)

_NORMS = {"l1": 1, "l2": 2}


@dataclass(frozen=True, slots=True)
class Candidate:
    """A group that may lose units. A unit is `width` consecutive channels of the root: one, or a head's."""

    group: Group
    units: int
    width: int = 1
    attention: Attention | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes, and what was left alone and why."""

    picks: tuple[Pick, ...]
    notes: tuple[str, ...]


def prune_structured(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Touched:
    """Remove, or only zero, the weakest channels, neurons and heads of the module, in place.

    A unit's rank is the L1 or L2 norm (`recipe.importance`) of the weights that make it, in all layers of its
    group that are coupled to the root; biases and the weights that read it do not count. Ranks are compared
    within a group. Never more goes than the share asked for, and at least one unit stays.

    Raises InputError for a unit that the model has not, for a module that cannot be traced, and where
    nothing would be pruned; InvalidError where removing is not the same as zeroing.
    """
    select_layers(module, recipe)
    graph = ChannelGraph(module, material.example_inputs)
    plan = _plan(module, graph, recipe)
    if not plan.picks:
        raise InputError("The recipe prunes nothing", "; ".join(plan.notes), "raise the share, or lower round_to")
    known = weight_layers(module)
    touched = {cut.name for pick in plan.picks for cut in pick.cuts}
    if recipe.remove:
        remove(module, graph, plan.picks, material.example_inputs)
    else:
        zero(module, plan.picks)
    return Touched(layers=tuple(name for name in known if name in touched), notes=plan.notes)


def _plan(module: nn.Module, graph: ChannelGraph, recipe: StructuredRecipe) -> Plan:
    """Choose everything in the dense graph, before the first removal moves an index."""
    rules = Eligibility(module, graph)
    notes: list[str] = []
    asked: list[tuple[float, list[Candidate]]] = []
    if recipe.heads is not None:
        asked.append((recipe.heads, _heads(module, graph, recipe, rules)))
    if recipe.neurons is not None:
        found = _layers(module, graph, recipe, nn.Linear, rules.of_neurons, notes)
        asked.append((recipe.neurons, _require(found, "neurons", notes)))
    if recipe.channels is not None:
        found = _layers(module, graph, recipe, _ConvNd, rules.of_channels, notes)
        asked.append((recipe.channels, _require(found, "channels", notes)))
    picks: list[Pick] = []
    for share, candidates in asked:
        chosen = [(one, _pick(module, graph, one, share, recipe)) for one in candidates]
        picks += [pick for _, pick in chosen if pick is not None]
        unmoved = [one.group.root for one, pick in chosen if pick is None]
        if unmoved:
            notes.append(f"a share of {share:g} comes to no unit in {short_list(unmoved)}")
    return Plan(tuple(picks), tuple(notes))


def _heads(module: nn.Module, graph: ChannelGraph, recipe: StructuredRecipe, rules: Eligibility) -> list[Candidate]:
    candidates = []
    for attention in find_attention(module, recipe):
        group = graph.group(attention.root)
        why = attention.misread(group) or rules.of_layers(group)
        if why:
            raise refuse(attention.name, why)
        candidates.append(Candidate(group, attention.heads, attention.size, attention))
    return candidates


def _layers(
    module: nn.Module,
    graph: ChannelGraph,
    recipe: StructuredRecipe,
    kind: type[nn.Module],
    refusal: Callable[[Group], str],
    notes: list[str],
) -> list[Candidate]:
    """The groups that start at a layer of this kind, may go and are in scope; the rest goes to `notes`."""
    candidates: list[Candidate] = []
    refused: dict[str, list[str]] = {}
    for group in _groups(module, graph, kind):
        made_by = producers(module, group)
        if not all(in_scope(name, recipe) for name in made_by):
            continue
        why = refusal(group)
        if why:
            refused.setdefault(why, []).append(group.root)
        else:
            candidates.append(Candidate(group, channel_count(made_by[group.root], "output")))
    notes += [f"left alone: {short_list(names)} ({why})" for why, names in refused.items()]
    return candidates


def _groups(module: nn.Module, graph: ChannelGraph, kind: type[nn.Module]) -> Iterator[Group]:
    """Each group once, by the first of its layers."""
    seen: set[str] = set()
    for name, layer in module.named_modules():
        if isinstance(layer, kind) and is_layer(layer) and layer in graph and name not in seen:
            group = graph.group(name)
            seen.update(group.names("output"))
            yield group


def _require(candidates: list[Candidate], unit: str, notes: Sequence[str]) -> list[Candidate]:
    if candidates:
        return candidates
    layers = {
        "neurons": "Linear layer that feeds another one",
        "channels": "convolution that feeds another layer",
    }
    raise InputError(
        f"The recipe prunes {unit}, but no {layers[unit]} may be pruned",
        "; ".join(notes) or "there is none within include and exclude",
        f"leave {unit} out, or widen include",
    )


def _pick(
    module: nn.Module, graph: ChannelGraph, one: Candidate, share: float, recipe: StructuredRecipe
) -> Pick | None:
    """The weakest units of a group; None where there are none, or a coupled layer would end up empty."""
    count = units_to_remove(one.units, share, one.width, recipe.round_to if isinstance(recipe.round_to, int) else 1)
    if count == 0:
        return None
    scores = channel_scores(module, one.group, one.units * one.width, _NORMS[recipe.importance])
    weakest = _weakest(scores.reshape(one.units, one.width).sum(1), count)
    channels = tuple(unit * one.width + offset for unit in weakest for offset in range(one.width))
    if not graph.leaves_something(one.group.root, channels):
        return None
    pick = Pick(one.group.root, channels, graph.group(one.group.root, channels).cuts)
    if one.attention is None:
        return pick
    return replace(pick, attention=one.attention, heads_left=one.units - count)


def units_to_remove(units: int, share: float, width: int, round_to: int) -> int:
    """How many units, each `width` channels wide, go, so that a multiple of `round_to` is left.

    It is never more than the share, and never all of them.
    """
    step = round_to // gcd(round_to, width)
    # The small addend: 10 * 0.3 is 2.9999999999999996 in binary.
    left = units - int(units * share + 1e-9)
    left = max(-(-left // step) * step, 1)
    return max(units - left, 0)


def channel_scores(module: nn.Module, group: Group, width: int, norm: int) -> torch.Tensor:
    """The sum of |w|^norm over the weights that make each of the root's channels: float64, shape [width]."""
    made_by = producers(module, group)
    scores = torch.zeros(width, dtype=torch.float64)
    for cut in group.cuts:
        if cut.side == "output" and cut.name in made_by:
            powers = weight_by_output(made_by[cut.name]).double().abs().pow(norm).sum(1).cpu()
            scores.index_add_(0, torch.tensor(cut.roots), powers[list(cut.channels)])
    return scores


def _weakest(scores: torch.Tensor, count: int) -> list[int]:
    """The indices of the smallest scores, in order; equal ones are told apart by torch's random state."""
    shuffle = torch.randperm(len(scores))
    order = shuffle[scores[shuffle].argsort(stable=True)]
    return sorted(int(index) for index in order[:count])
