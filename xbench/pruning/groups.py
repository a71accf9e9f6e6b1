"""The groups that a search for widths chooses for: how many units each has, what they are worth, and who is cut."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from torch import nn

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .eligible import producers
from .finding import Candidate, Finder
from .forward import Material
from .graph import Cut, is_depthwise
from .layers import is_layer
from .seeding import seeded
from .worth import Scorer


@dataclass(frozen=True, slots=True)
class PrunableGroup:
    """Units that are pruned together, under the name that `StructuredRecipe.widths` calls them by.

    `kind` is `heads`, `neurons` or `channels`. A unit is `unit_width` channels of the group's first layer: one, or a
    head's. `scores` are what the units are worth by the recipe's importance (see `Scorer`), the least first, one for
    each of the `units`. `makes` and `reads` tell how many outputs, or inputs, of which layer go with one unit;
    depthwise convolutions are in both.
    """

    name: str
    kind: str
    units: int
    unit_width: int
    scores: tuple[float, ...]
    makes: dict[str, int]
    reads: dict[str, int]


@dataclass(frozen=True, slots=True)
class Prunable:
    """What may be pruned, in the planner's order, and what was left alone and why."""

    groups: tuple[PrunableGroup, ...]
    notes: tuple[str, ...]


def groups_of(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Prunable:
    """The groups of the kinds that the recipe names a share of, within its scope; the module stays as it is.

    Which share does not matter. Groups whose units are of unequal size, and those that the model has not, are left
    out. Raises InputError where nothing is left, for a module that cannot be traced, and without calibration data
    where the importance needs them.
    """
    finder = Finder(module, recipe, material.example_inputs)
    candidates = [one for one in finder.all() if one.kind in recipe.shares]
    scorer = Scorer(module, recipe, material)
    scorer.prepare({name: part for one in candidates for name, part in producers(module, one.group).items()})
    notes, groups = list(finder.notes), []
    with seeded(recipe.seed):
        for one in candidates:
            group = _group(module, one, scorer)
            if group is None:
                notes.append(f"left alone: {one.name} (its units hang together with unequal numbers of channels)")
            elif one.units > 1:
                groups.append(group)
    if not groups:
        raise InputError(
            f"No {', '.join(recipe.shares)} may be pruned",
            "; ".join(notes) or "there is nothing within include, exclude and types",
            "widen include, or name other kinds of units",
        )
    return Prunable(tuple(groups), tuple(notes))


def _group(module: nn.Module, one: Candidate, scorer: Scorer) -> PrunableGroup | None:
    """None where units are of unequal size."""
    makes: Counter[str] = Counter()
    reads: Counter[str] = Counter()
    for cut in one.group.cuts:
        part = module.get_submodule(cut.name)
        each = _each(cut, one)
        if each is None:
            return None
        if is_layer(part):
            (makes if cut.side == "output" else reads)[cut.name] += each
            if is_depthwise(part):
                reads[cut.name] += each
    scores = scorer.of_units(one.group, one.units, one.width).sort().values.tolist()
    return PrunableGroup(one.name, one.kind, one.units, one.width, tuple(scores), dict(makes), dict(reads))


def _each(cut: Cut, one: Candidate) -> int | None:
    """How many channels of this module go with one unit; None where it is not the same for all."""
    counts = Counter(root // one.width for root in cut.roots)
    sizes = set(counts.values())
    return sizes.pop() if len(counts) == one.units and len(sizes) == 1 else None
