"""Chooses which channels, neurons and heads go, before the first removal moves an index."""

from __future__ import annotations

from torch import nn

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .attention import understand
from .cutting import Pick
from .eligible import producers
from .finding import Candidate, Finder
from .forward import Material
from .layers import channel_count, is_layer, short_list
from .widths import with_widths
from .worth import Scorer, units_to_remove, weakest

KINDS = ("heads", "neurons", "channels")
"""What is chosen here, in the order in which it is."""


class Planner:
    """What goes (`picks`), and what was left alone and why (`notes`). `graph` is None where there can be none.

    Raises InputError for a unit that the model has not, for an attention module that is not understood, for a
    module that does not run, for one that Torch-Pruning cannot trace where it is needed, and for widths that the
    model has not.
    """

    def __init__(self, module: nn.Module, recipe: StructuredRecipe, material: Material) -> None:
        self._module = module
        self._recipe = recipe
        self._material = material
        self._finder = Finder(module, recipe, material.example_inputs)
        self._scorer = Scorer(module, recipe, material)
        self.graph = self._finder.graph
        self.notes: list[str] = []
        if recipe.round_to == "profile":
            multiple = material.width_multiple
            said = f"multiples of {multiple}" if multiple > 1 else "any width: none of them names a multiple"
            self.notes.append(f"round_to: the targets like {said}")
        self.picks = self._by_widths() if recipe.widths else self._by_shares()

    def _by_shares(self) -> list[Pick]:
        asked = [(share, self._finder.required(kind)) for kind in KINDS if (share := self._recipe.shares.get(kind))]
        self.notes += self._finder.notes
        self._prepare([one for _, candidates in asked for one in candidates])
        picks: list[Pick] = []
        for share, candidates in asked:
            chosen = [(one, self._pick(one, self._count(one, share))) for one in candidates]
            picks += [pick for _, pick in chosen if pick is not None]
            unmoved = [one.group.root for one, pick in chosen if pick is None]
            if unmoved:
                self.notes.append(f"a share of {share:g} comes to no unit in {short_list(unmoved)}")
        return picks

    def _by_widths(self) -> list[Pick]:
        """What is left alone is not told here, but where a width names it: the widths say what is meant."""
        wanted = with_widths(self._module, self._finder.all(), self._finder.refused, self._recipe.widths)
        self._prepare([one for one, _ in wanted])
        picks: list[Pick] = []
        for one, width in wanted:
            pick = self._pick(one, one.units - width)
            if pick is not None:
                picks.append(pick)
            elif width < one.units:
                raise InputError(
                    f"{one.name} cannot be {width} wide",
                    "a layer that hangs together with it would end up empty",
                    "choose a larger width",
                )
        return picks

    def _prepare(self, candidates: list[Candidate]) -> None:
        groups = [one.group for one in candidates]
        self._scorer.prepare({name: layer for g in groups for name, layer in producers(self._module, g).items()})

    def _count(self, one: Candidate, share: float) -> int:
        return units_to_remove(one.units, share, one.width, self._multiple(), self._dense_units(one))

    def _pick(self, one: Candidate, count: int) -> Pick | None:
        """The weakest units of a group; None where there are none, or a coupled layer would end up empty."""
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
