"""The built-in fine-tuning: a pruned module learns the outputs of the dense one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import nn

from ..errors import InputError, InvalidError
from ..pruning.forward import Inputs, tensors_of
from ..pruning.seeding import seeded
from ..records.recipe import Distillation


def distil(module: nn.Module, dense: nn.Module, settings: Distillation, batches: Sequence[Inputs]) -> tuple[str, ...]:
    """Train `module` in place for `settings.steps` steps, one batch each, and tell the loss before and after.

    AdamW with PyTorch's own defaults but for the learning rate. The loss is `Distillation`'s: over the
    floating outputs, the mean of mean((y - t)^2) / mean(t^2), with t of the dense module. Batches come in an order
    that the seed gives, all of them before one comes again. Both modules are in eval mode: Dropout would make the
    target noisy, and BatchNorm would take its statistics from a few batches in place of the training data's.

    Raises InputError where nothing can be trained or learned from, InvalidError where the loss is NaN or infinite.
    """
    if not batches:
        raise InputError("Distillation needs inputs to learn from", "there are no calibration batches")
    trainable = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not trainable:
        raise InputError("Distillation has nothing to train", "no parameter of the module requires a gradient")
    module.eval()
    before = _mean_loss(module, dense, batches)
    optimiser = torch.optim.AdamW(trainable, lr=settings.learning_rate)
    with torch.enable_grad(), seeded(settings.seed):
        for _, batch in zip(range(settings.steps), _in_turn(batches, settings.seed), strict=False):
            optimiser.zero_grad(set_to_none=True)
            loss = relative_loss(module, dense, batch)
            _require_finite(loss)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    optimiser.zero_grad(set_to_none=True)
    after = _mean_loss(module, dense, batches)
    told = f"distilled for {settings.steps} steps on {len(batches)} batches"
    return (f"{told}: relative squared error of the outputs {before:.3g} before, {after:.3g} after",)


def relative_loss(module: nn.Module, dense: nn.Module, batch: Inputs) -> torch.Tensor:
    """The loss of one batch: a scalar. Outputs that are zero all over in the dense module count as they are.

    Raises InputError where the module has no floating output, or another number of them than the dense one.
    """
    with torch.no_grad():
        wanted = [tensor for tensor in tensors_of(dense(**batch)) if tensor.is_floating_point()]
    found = [tensor for tensor in tensors_of(module(**batch)) if tensor.is_floating_point()]
    if not wanted or [tensor.shape for tensor in wanted] != [tensor.shape for tensor in found]:
        told = (f"{len(wanted)} of shapes {[[*t.shape] for t in wanted]}", f"{[[*t.shape] for t in found]}")
        raise InputError("Distillation needs the same floating outputs of both modules", f"{told[0]}, and {told[1]}")
    terms = []
    for have, want in zip(found, wanted, strict=True):
        scale = want.square().mean()
        terms.append((have - want).square().mean() / torch.where(scale > 0, scale, torch.ones_like(scale)))
    return torch.stack(terms).mean()


def _in_turn(batches: Sequence[Inputs], seed: int) -> Iterator[Inputs]:
    """All batches in a random order, and again in another one, for ever."""
    generator = torch.Generator().manual_seed(seed)
    while True:
        for index in torch.randperm(len(batches), generator=generator).tolist():
            yield batches[index]


def _mean_loss(module: nn.Module, dense: nn.Module, batches: Sequence[Inputs]) -> float:
    with torch.no_grad():
        losses = torch.stack([relative_loss(module, dense, batch) for batch in batches])
    _require_finite(losses.mean())
    return float(losses.mean())


def _require_finite(loss: torch.Tensor) -> None:
    if not bool(torch.isfinite(loss)):
        raise InvalidError(
            "Distillation does not converge",
            f"its loss is {float(loss):g}",
            "lower finetune.learning_rate, or look for NaN in the outputs of the dense model",
        )
