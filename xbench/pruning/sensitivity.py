"""How much outputs, or a loss, would change if a weight were zero: to first order, from gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from torch import nn

from ..errors import InputError
from ..sources.quiet import one_line
from .activation import call, require_calibration
from .forward import MODEL_FAULTS, Inputs, Material, tensors_of
from .layers import Layer, short_list

PROBES = 32
"""Backward passes in all, at least, where there is no loss: the relative deviation of a score is about
sqrt(2 / 32) = 25 %, against scores that span orders of magnitude."""

Gradients = Sequence[torch.Tensor | None]


def taylor_scores(
    module: nn.Module, layers: Mapping[str, Layer], material: Material, seed: int
) -> dict[str, torch.Tensor]:
    """What setting each weight to zero is estimated to change, by layer: of the weight's shape, at least float32.

    With `material.loss`: (w * g)^2, summed over the calibration batches, where g is the gradient of a batch's
    loss: the first-order estimate of Molchanov et al., "Importance Estimation for Neural Network Pruning" (arXiv
    1906.10771).

    Without: the squared change of the outputs themselves, to first order w^2 * sum over outputs of J^2, that is
    w^2 times the diagonal of the Gauss-Newton matrix J^T J of a squared error (whose own gradient is zero at
    the dense model, so that there is no first order to take). The diagonal is E_v[(v^T J)^2] for v of random signs
    (Hutchinson's probes; Bekas, Kokiopoulou and Saad 2007, "An estimator for the diagonal of a matrix"). Each
    output tensor is scaled by its norm over the batch, so that large outputs do not drown small ones.

    All batches count alike. Weights that need no gradient are given one meanwhile. Raises InputError without
    calibration data, where the module or the loss fails with them, where no gradient reaches a layer (naming
    it), and for a gradient that is not finite.
    """
    require_calibration(material.calibration, "gradients")
    weights: dict[str, torch.Tensor] = {name: layer.weight for name, layer in layers.items()}
    scores = {name: torch.zeros_like(w, dtype=_at_least_float32(w)) for name, w in weights.items()}
    reached: set[str] = set()
    with _differentiable(weights.values()), torch.enable_grad():
        for gradients in _all_gradients(module, list(weights.values()), material, seed):
            for (name, weight), gradient in zip(weights.items(), gradients, strict=True):
                if gradient is not None:
                    reached.add(name)
                    dtype = scores[name].dtype
                    scores[name] += (weight.detach().to(dtype) * gradient.to(dtype)).square_()
    _require_scores(scores, reached)
    return scores


def _all_gradients(
    module: nn.Module, weights: list[torch.Tensor], material: Material, seed: int
) -> Iterator[Gradients]:
    """The gradients of the loss for each batch, or of several random projections of the outputs."""
    generator = torch.Generator().manual_seed(seed)
    probes = -(-PROBES // len(material.calibration))
    for number, batch in enumerate(material.calibration):
        outputs = call(module, batch, number)
        if material.loss is not None:
            yield _backward(_loss(material.loss, outputs, batch), weights, keep=False)
            continue
        scaled = _scaled(outputs)
        for probe in range(probes):
            yield _backward(_projection(scaled, generator), weights, keep=probe < probes - 1)


def _backward(scalar: torch.Tensor, weights: list[torch.Tensor], keep: bool) -> Gradients:
    if not scalar.requires_grad:
        raise InputError(
            "No gradient reaches the layers that the recipe names",
            "the result depends on no weight by a path that autograd can follow",
            "taylor cannot rank what runs under no_grad, or is detached: use wanda or magnitude",
        )
    try:
        return torch.autograd.grad(scalar, weights, retain_graph=keep, allow_unused=True)
    except MODEL_FAULTS as error:
        raise InputError(
            "The gradients that taylor needs cannot be computed",
            one_line(error),
            "use wanda or magnitude, or a forward method that autograd can follow",
        ) from error


def _loss(loss: Callable[[object, Inputs], torch.Tensor], outputs: object, batch: Inputs) -> torch.Tensor:
    asked = "The loss of the recipe cannot be used"
    remedy = "a loss takes (outputs, inputs) and gives a tensor with one element"
    try:
        value = loss(outputs, batch)
    except MODEL_FAULTS as error:
        raise InputError(asked, one_line(error), remedy) from error
    if not isinstance(value, torch.Tensor) or value.numel() != 1:
        shape = [*value.shape] if isinstance(value, torch.Tensor) else type(value).__name__
        raise InputError(asked, f"it gave {shape}", remedy)
    return value.reshape(())


def _scaled(outputs: object) -> list[torch.Tensor]:
    """The outputs that autograd can follow, each divided by its norm; zeros, which have none, stay out."""
    found = [tensor for tensor in tensors_of(outputs) if tensor.requires_grad]
    norms = [tensor.detach().double().norm() for tensor in found]
    return [tensor / norm.to(tensor.dtype) for tensor, norm in zip(found, norms, strict=True) if norm != 0]


def _projection(outputs: list[torch.Tensor], generator: torch.Generator) -> torch.Tensor:
    total = torch.zeros(())
    for tensor in outputs:
        signs = torch.randint(0, 2, tensor.shape, generator=generator).mul_(2).sub_(1)
        total = total.to(tensor.device) + (tensor * signs.to(tensor)).sum()
    return total


def _require_scores(scores: Mapping[str, torch.Tensor], reached: set[str]) -> None:
    cut_off = [name for name in scores if name not in reached]
    if cut_off:
        raise InputError(
            f"No gradient reaches {short_list(cut_off)}",
            "no output, or no part of the loss, depends on these layers with the calibration data",
            "name them in exclude, or use a loss or calibration data that reach them",
        )
    wrong = [name for name, score in scores.items() if not bool(score.isfinite().all())]
    if wrong:
        raise InputError(
            f"The gradients of {short_list(wrong)} are not finite with the calibration data",
            "their squares sum up to NaN or infinity",
            "look for NaN in the calibration data and in the weights, or scale the loss down",
        )


def _at_least_float32(weight: torch.Tensor) -> torch.dtype:
    return torch.promote_types(weight.dtype, torch.float32)


@contextmanager
def _differentiable(weights: Iterable[torch.Tensor]) -> Iterator[None]:
    """Gradients on for frozen weights while the block runs."""
    frozen = [w for w in weights if not w.requires_grad]
    for weight in frozen:
        weight.requires_grad_(True)
    try:
        yield
    finally:
        for weight in frozen:
            weight.requires_grad_(False)
