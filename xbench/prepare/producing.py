"""Makes the module of a variant: prunes it by its recipe or takes a checkpoint, and trains what is left."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch

from ..errors import InputError
from ..pruning import Material
from ..pruning.forward import Inputs
from ..records.artifact import PruneReport
from ..records.recipe import Distillation, Recipe
from ..sources.factory import load_factory
from ..sources.paths import path_from
from ..suite.model import VariantSpec
from .adopting import adopted
from .dense import users_code
from .scheduling import pruned
from .training import trained
from .workshop import Workshop


def produce(spec: VariantSpec, workshop: Workshop) -> tuple[torch.nn.Module, PruneReport | None]:
    """The variant's module in eval mode, and what was done to it; None where nothing was pruned.

    Raises InputError and InvalidError as `pruned`, `adopted` and `trained` do; InputError too where the
    recipe needs calibration data and there are none.
    """
    if spec.prune is not None:
        module, report = pruned(spec, spec.prune, material_for(spec.prune, workshop), workshop)
    elif spec.checkpoint is not None:
        module, report = _from_checkpoint(spec, spec.checkpoint, workshop)
    elif spec.finetune is not None:
        return trained(workshop.dense.module, spec.finetune, workshop, ())[0], None
    else:
        return workshop.dense.module, None
    return module, report.model_copy(update={"calibration": _looked_at(spec, workshop)})


def needs_calibration(recipe: Recipe) -> bool:
    """Whether the recipe ranks by what real inputs do to the module, and so cannot do without them."""
    return not {recipe.method, getattr(recipe, "importance", "")}.isdisjoint({"wanda", "taylor"})


def material_for(recipe: Recipe, workshop: Workshop) -> Material:
    """What the recipe may look at: the calibration data, and the user's loss, where it asks for them."""
    loss = getattr(recipe, "loss", None)
    material = workshop.material(calibrated=needs_calibration(recipe))
    return material if loss is None else replace(material, loss=_loss(loss, workshop))


def _loss(reference: str, workshop: Workshop) -> Callable[[object, Inputs], torch.Tensor]:
    """The user's own loss; what it raises, and what it gives but a scalar, is told as a fault of that code."""
    function = load_factory(reference, workshop.base, workshop.trusted)

    def loss(outputs: object, inputs: Inputs) -> torch.Tensor:
        with users_code(reference):
            value = function(outputs, inputs)
        if not isinstance(value, torch.Tensor) or value.numel() != 1:
            shape = [*value.shape] if isinstance(value, torch.Tensor) else type(value).__name__
            raise InputError(f"{reference} returned no loss", f"it returned {shape}, not a tensor of one number")
        return value.reshape(())

    return loss


def _from_checkpoint(spec: VariantSpec, named: str, workshop: Workshop) -> tuple[torch.nn.Module, PruneReport]:
    module, report = adopted(path_from(workshop.base, named), workshop)
    if spec.finetune is None:
        return module, report
    module, notes = trained(module, spec.finetune, workshop, report.layers)
    return module, report.model_copy(update={"notes": (*report.notes, *notes)})


def _looked_at(spec: VariantSpec, workshop: Workshop) -> str:
    """Which calibration data the variant was made with; empty where it was made with none."""
    if not (spec.prune is not None and needs_calibration(spec.prune)) and not isinstance(spec.finetune, Distillation):
        return ""
    data = workshop.calibration()
    return f"{data.source} (sha256 {data.sha256[:12]})"
