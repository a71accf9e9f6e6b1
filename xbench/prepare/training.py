"""Trains what pruning left, by the user's function or by distillation, with its zeros held."""

from __future__ import annotations

from collections.abc import Collection

import torch

from ..errors import InputError
from ..pruning import copied
from ..records.recipe import Distillation
from ..sources.factory import load_factory
from .dense import users_code
from .distilling import distil
from .holding import held, require_held, zeros_of
from .workshop import Workshop

Notes = tuple[str, ...]


def trained(
    module: torch.nn.Module, finetune: str | Distillation, workshop: Workshop, pruned: Collection[str]
) -> tuple[torch.nn.Module, Notes]:
    """A trained module in eval mode, on the CPU, and notes. `pruned` are the layers whose zeros must stay.

    The user's function takes the module, and returns it or another; it runs as long as it likes, since
    nobody but the user knows how long training may take. The dense module is never given away: a copy is.

    Raises InputError where the user's code fails or returns no module, InvalidError where zeros were filled
    (a loss of sparsity between two stages) and where distillation does not converge.
    """
    dense = workshop.dense.module
    module = copied(module) if module is dense else module
    zeros = zeros_of(module, dense, pruned)
    who = finetune if isinstance(finetune, str) else "Distillation"
    notes: Notes = ()
    with held(module, zeros):
        if isinstance(finetune, Distillation):
            # The forward that is run is the user's own.
            with users_code("The module's forward"):
                notes = distil(module, dense, finetune, workshop.material(calibrated=True).calibration)
        else:
            module = _by_the_user(finetune, module, workshop)
    module = module.eval().cpu()
    return module, (*notes, *require_held(module, zeros, who))


def _by_the_user(reference: str, module: torch.nn.Module, workshop: Workshop) -> torch.nn.Module:
    train = load_factory(reference, workshop.base, workshop.trusted)
    with users_code(reference), torch.enable_grad():
        result = train(module)
    if not isinstance(result, torch.nn.Module):
        raise InputError(f"{reference} returned no torch.nn.Module", f"it returned {type(result).__name__}")
    return result
