"""Structured pruning: whole channels, neurons, heads and layers."""

from __future__ import annotations

from torch import nn

from ..errors import InputError
from ..records.recipe import StructuredRecipe
from .blocks import remove_blocks
from .cutting import remove, zero
from .forward import Material
from .heads import settle_configs
from .layers import Touched, select_layers, weight_layers
from .planning import Planner


def prune_structured(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Touched:
    """Remove, or only zero, the least worth channels, neurons, heads and layers of the module, in place.

    Layers go first (see `remove_blocks`), and the rest is chosen in what is left. What a unit is worth is told by
    `recipe.importance` (see `Scorer`); units are compared within a group. Never more goes than the share asked for,
    and at least one unit stays. Where the recipe names widths, so many units of the named groups stay, and all of the
    others.

    What hangs together is found by Torch-Pruning's dependency graph, and in models that it cannot follow (rotary
    decoders, GPT-2's Conv1D) by their known structure.

    For a schedule, call it with the module as the step before left it, with growing shares and the dense module in
    `material.dense`: shares are always of the dense module, and so as many units are left in the end as one step
    would have left. Blocks of a ModuleList are numbered anew when some go: widths are then those of the dense
    module's block of the new number, which is the same where its blocks are alike. A step that finds nothing more
    to take touches nothing.

    Raises InputError for a unit that the model has not, for a module that cannot be traced, without calibration
    data where the importance needs them, and, but for such a step, where nothing would be pruned; InvalidError
    where removing is not the same as zeroing.
    """
    select_layers(module, recipe)
    layers, notes = tuple[str, ...](), tuple[str, ...]()
    if recipe.layers is not None:
        whole = remove_blocks(module, recipe, material)
        layers, notes = whole.layers, whole.notes
    if recipe.widths or recipe.shares.keys() - {"layers"}:
        narrower = _narrow(module, recipe, material)
        layers, notes = (*layers, *narrower.layers), (*notes, *narrower.notes)
    if not layers and material.dense is None:
        remedy = "lower a width" if recipe.widths else "raise the share, or lower round_to"
        raise InputError("The recipe prunes nothing", "; ".join(notes), remedy)
    return Touched(layers=layers, notes=notes)


def _narrow(module: nn.Module, recipe: StructuredRecipe, material: Material) -> Touched:
    """Remove or zero channels, neurons and heads."""
    plan = Planner(module, recipe, material)
    known = weight_layers(module)
    touched = {cut.name for pick in plan.picks for cut in pick.cuts}
    notes = tuple(plan.notes)
    if not recipe.remove:
        zero(module, plan.picks)
    elif plan.picks:
        remove(module, plan.graph, plan.picks, material.example_inputs)
        notes += settle_configs(module, [pick.attention for pick in plan.picks if pick.attention is not None])
    return Touched(layers=tuple(name for name in known if name in touched), notes=notes)
