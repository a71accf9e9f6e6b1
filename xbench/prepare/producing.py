"""Makes the module of a variant: prunes it by its recipe, and trains what is left."""

from __future__ import annotations

import torch

from ..errors import InputError
from ..pruning import prune
from ..records.artifact import PruneReport
from ..sources.factory import load_factory
from ..suite.model import VariantSpec
from .deadline import deadline
from .dense import users_code
from .workshop import Workshop


def produce(spec: VariantSpec, workshop: Workshop) -> tuple[torch.nn.Module, PruneReport | None]:
    """The variant's module in eval mode, and what was done to it; None where nothing was pruned.

    Raises InputError and InvalidError as `prune` does, and where training fails.
    """
    module: torch.nn.Module = workshop.dense.module
    report = None
    if spec.prune is not None:
        with deadline(workshop.time_limit, f"Pruning {spec.name}"):
            module, report = prune(module, spec.prune, workshop.material(calibrated=False))
    if isinstance(spec.finetune, str):
        module = _trained(spec.finetune, module, workshop)
    return module, report


def _trained(reference: str, module: torch.nn.Module, workshop: Workshop) -> torch.nn.Module:
    train = load_factory(reference, workshop.base, workshop.trusted)
    with users_code(reference):
        trained = train(module)
    if not isinstance(trained, torch.nn.Module):
        raise InputError(f"{reference} returned no torch.nn.Module", f"it returned {type(trained).__name__}")
    return trained.eval()
