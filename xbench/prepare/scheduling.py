"""Goes to a recipe's target in steps, trains after each, and stops where quality falls below the floor."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from ..errors import InputError, InvalidError
from ..pruning import Material, asked_share, prune
from ..pruning.layers import count_weights
from ..records.artifact import PruneReport, PruneStep
from ..records.recipe import Recipe, Schedule, StructuredRecipe
from ..suite.model import VariantSpec
from .deadline import deadline
from .training import trained
from .workshop import Workshop

_SHARES = ("sparsity", "channels", "neurons", "heads", "layers")


@dataclass(frozen=True)
class _Stand:
    """Where a schedule stands: the module, the report of the last step, and what was done so far."""

    module: torch.nn.Module
    report: PruneReport | None = None
    steps: tuple[PruneStep, ...] = ()
    layers: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def shares(schedule: Schedule) -> tuple[float, ...]:
    """The share of the target after each step, 0 to 1, the last of them 1.

    Of n steps, `linear` has t / n after step t, and `cubic` 1 - (1 - t / n)^3: equation 1 of Zhu and Gupta
    (arXiv 1710.01878) with an initial sparsity of zero.
    """
    parts = [step / schedule.steps for step in range(1, schedule.steps + 1)]
    return tuple(1 - (1 - part) ** 3 for part in parts) if schedule.curve == "cubic" else tuple(parts)


def recipe_of_step(recipe: Recipe, share: float) -> Recipe:
    """The recipe of the step that goes to a share of the target, 0 to 1; shares are of the dense module throughout.

    Zeros rank lowest and are zeroed again, so a later step holds an earlier one. What is removed is gone: structured
    recipes find out from `Material.dense` how much of their share is left to take.
    """
    whole: dict[str, float | None] = {key: getattr(recipe, key, None) for key in _SHARES}
    scaled = {key: value * share for key, value in whole.items() if value is not None}
    return recipe.model_copy(update={"schedule": Schedule(), **scaled})


def pruned(
    spec: VariantSpec, recipe: Recipe, material: Material, workshop: Workshop
) -> tuple[torch.nn.Module, PruneReport]:
    """The variant's module, pruned and trained in the recipe's steps, and what was done.

    The first step after which a metric is below the schedule's floor is undone, and ends the schedule.
    Raises InputError and InvalidError as `prune` and `trained` do, InputError for a floor on what is not
    measured, InvalidError where the first step already falls below the floor.
    """
    schedule = recipe.schedule
    if schedule.floor and workshop.score is None:
        found = "the suite has no key evaluate, so nothing is scored"
        raise InputError(f"The schedule of {spec.name} has a floor", found, "add evaluate, or leave out the floor")
    if schedule.steps > 1:
        material = replace(material, dense=workshop.dense.module)
    way, stand = _Way(spec, recipe, material, workshop), _Stand(workshop.dense.module)
    for number, share in enumerate(shares(schedule), 1):
        reached = way.stepped(stand, number, share)
        scores = way.scored(reached.module)
        fell = [
            f"{name} {scores[name]:.4g} is below {floor:g}"
            for name, floor in schedule.floor.items()
            if not scores[name] >= floor
        ]
        elements, zeros = count_weights(reached.module)
        step = PruneStep(share=share, elements=elements, zeros=zeros, scores=scores, kept=not fell)
        if fell:
            stand = way.undone(stand, number, step, ", ".join(fell))
            break
        stand = replace(reached, steps=(*stand.steps, step))
    if not stand.layers:  # a step may find nothing more to take, but not all of them
        raise InputError(f"The schedule of {spec.name} prunes nothing", "; ".join(stand.notes), "raise the share")
    return stand.module, _report(stand, recipe, workshop)


@dataclass(frozen=True)
class _Way:
    """What every step of a variant's schedule is taken with."""

    spec: VariantSpec
    recipe: Recipe
    material: Material
    workshop: Workshop

    def stepped(self, stand: _Stand, number: int, share: float) -> _Stand:
        """One step: prune, and train. Only pruning has a time limit."""
        name, steps = self.spec.name, self.recipe.schedule.steps
        step = f"step {number} of {steps}" if steps > 1 else ""
        try:
            with deadline(self.workshop.time_limit, f"Pruning {name}"):
                module, report = prune(stand.module, recipe_of_step(self.recipe, share), self.material)
        except InputError as error:
            if not step:
                raise
            raise InputError(f"{error.asked} (in {step} of {name})", error.found, error.remedy) from error
        layers = tuple(dict.fromkeys((*stand.layers, *report.layers)))
        notes = report.notes
        if self.spec.finetune is not None:
            removing = isinstance(self.recipe, StructuredRecipe) and self.recipe.remove
            module, told = trained(module, self.spec.finetune, self.workshop, () if removing else layers)
            notes = (*notes, *(f"{step}: {note}" if step else note for note in told))
        return _Stand(module, report, stand.steps, layers, tuple(dict.fromkeys((*stand.notes, *notes))))

    def scored(self, module: torch.nn.Module) -> dict[str, float]:
        """The module's metrics; none without a floor. Raises InputError for a floor on a metric that is not there."""
        floor = self.recipe.schedule.floor
        if not floor or self.workshop.score is None:
            return {}
        scores = self.workshop.score(module)
        unknown = [name for name in floor if name not in scores]
        if unknown:
            asked = f"The schedule of {self.spec.name} has a floor on the metric {unknown[0]!r}"
            raise InputError(asked, f"measured are: {', '.join(scores)}")
        return scores

    def undone(self, stand: _Stand, number: int, step: PruneStep, fell: str) -> _Stand:
        """The stand before a step that fell below the floor. Raises InvalidError where that was the first one."""
        if stand.report is None:
            raise InvalidError(
                f"The first step of pruning {self.spec.name} already falls below the floor of its schedule",
                fell,
                "lower the floor, prune less, take more steps, or name a finetune",
            )
        note = f"step {number} of {self.recipe.schedule.steps} was undone and ended the schedule: {fell}"
        return replace(stand, steps=(*stand.steps, step), notes=(*stand.notes, note))


def _report(stand: _Stand, recipe: Recipe, workshop: Workshop) -> PruneReport:
    """Of the way as a whole: what was asked is the target, and what was got is what is there after training."""
    last = stand.report
    assert last is not None  # noqa: S101 - a schedule has a step
    before, _ = count_weights(workshop.dense.module)
    after, zeros = count_weights(stand.module)
    several = recipe.schedule.steps > 1 or recipe.schedule.floor
    return last.model_copy(
        update={
            "elements_before": before,
            "elements_after": after,
            "zeros": zeros,
            "layers": stand.layers,
            "notes": stand.notes,
            "asked": asked_share(recipe),
            "steps": stand.steps if several else (),
        }
    )
