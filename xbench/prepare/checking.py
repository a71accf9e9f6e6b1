"""Holds an exported file against the module that it was made of: its outputs, and its zeros."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..artifacts.parity import parity, require_parity
from ..errors import InvalidError
from ..measure.inspection import loaded as loaded_model
from ..onnxfile.following import Traced, follow, told_gains
from ..onnxfile.opening import open_model
from ..onnxfile.patterns import DENSE_BELOW, holds
from ..onnxfile.tracing import traced
from ..onnxfile.weights import conv_rows, deconv_rows
from ..protocols import Feeds, Outputs
from ..pruning.forward import tensors_of
from ..pruning.layers import Layer, is_conv1d, is_layer, is_transposed
from ..records.artifact import Artifact, Parity
from .dense import users_code
from .running import outputs_of
from .workshop import Workshop


def _torch_outputs(module: torch.nn.Module, feeds: Feeds, names: Sequence[str]) -> Outputs:
    # Exporters may leave outputs away at the end (Optimum leaves BERT's pooler), never in the middle.
    return dict(zip(names, outputs_of(module, feeds).values(), strict=False))


def checked_parity(module: torch.nn.Module, artifact: Artifact, workshop: Workshop) -> Parity:
    """The file against the module, on real inputs of several shapes, by ONNX Runtime on the CPU."""
    wanted = [spec.name for spec in artifact.signature.inputs]
    outputs = [spec.name for spec in artifact.signature.outputs]
    sets = [{name: feeds[name] for name in wanted} for feeds in workshop.samples]
    references = [_torch_outputs(module, feeds, outputs) for feeds in sets]
    path = Path(artifact.path)
    with loaded_model(path, artifact.variant, workshop.reference, workshop.time_limit) as model:
        result = parity(references, model.infer(sets), "fp32", artifact.variant)
    require_parity(result, f"The ONNX file of {artifact.variant}", "the PyTorch module")
    return result


def followed_into_file(
    module: torch.nn.Module,
    artifact: Artifact,
    workshop: Workshop,
    n_m: tuple[int, int] | None,
    pruned: Sequence[str],
) -> Artifact:
    """The artifact with its audit named after the module's layers, and notes on what else was seen (rule 14).

    `n_m`: the layers `pruned` have at most n of each m consecutive weights. Raises InvalidError, naming the layer and
    the node, where a weight that is zero in the module is not in the file, N:M does not hold along the axis that is
    reduced there, or a pruned layer is not in the file though an output depends on it.
    """
    variant = artifact.variant
    before, after = _module_weights(module), traced(open_model(Path(artifact.path)))
    asked = f"Zeros of {variant} were lost on the way into the ONNX file"
    found = follow(before, after, asked, _OTHER_EXPORTER)
    names = [before[index].names[0] if index is not None else "" for index in found.found]
    if n_m is not None:
        for name, weight in zip(names, after, strict=True):
            if name in pruned:
                _require_n_m(weight, name, n_m, variant)
    missing = _missing(module, [before[index] for index in found.missing], artifact, workshop)
    layers = (
        layer.model_copy(update={"module": name}) for layer, name in zip(artifact.audit.layers, names, strict=False)
    )
    audit = artifact.audit.model_copy(update={"layers": tuple(layers), "missing_modules": missing})
    masks = tuple(_UNMERGED.format(weight.whose, weight.mask) for weight in after if weight.mask)
    notes = (*artifact.notes, *masks, *told_gains(found, "in the module"))
    return artifact.model_copy(update={"audit": audit, "notes": notes})


_OTHER_EXPORTER = "try the other exporter (key model.exporter)"
_UNMERGED = (
    "{} is multiplied by its mask {} in the graph, each time or when a runtime loads it, and the file holds both: "
    "call torch.nn.utils.prune.remove before the export"
)


def _module_weights(module: torch.nn.Module) -> list[Traced]:
    """The weights of all layers, as they are computed with; a weight that layers share counts once."""
    found: dict[int, Traced] = {}
    for name, layer in module.named_modules():
        if not is_layer(layer):
            continue
        weight = layer.weight.detach().cpu()
        rows = _layer_rows(layer, (weight.float() if weight.dtype == torch.bfloat16 else weight).numpy())
        one = Traced(f"layer {name}", (name,), np.asarray(rows != 0, np.bool_), rows)
        found.setdefault(id(layer.weight), one)
    return list(found.values())


def _layer_rows(layer: Layer, weight: NDArray[Any]) -> NDArray[Any]:
    """As a node of the file would have it: [outputs, places of the kernel, inputs of its group]."""
    if is_conv1d(layer):
        return conv_rows(weight.T)
    if isinstance(layer, torch.nn.Linear):
        return conv_rows(weight)
    return deconv_rows(weight, layer.groups) if is_transposed(layer) else conv_rows(weight)


def _require_n_m(weight: Traced, layer: str, n_m: tuple[int, int], variant: str) -> None:
    """Enough zeros are not yet N:M: a transposed weight may hold them along the wrong axis."""
    n, m = n_m
    if holds(weight.rows, n, m):
        return
    elsewhere = holds(np.swapaxes(weight.rows, 0, 2), n, m)
    axis = f"it holds along the outputs, where no {n}:{m} kernel looks" if elsewhere else "and not along the outputs"
    raise InvalidError(
        f"The {n}:{m} pattern of {variant} is not in the ONNX file",
        f"layer {layer} became {weight.whose}, with {weight.counted()}: {axis}",
        _OTHER_EXPORTER,
    )


def _missing(
    module: torch.nn.Module, weights: Sequence[Traced], artifact: Artifact, workshop: Workshop
) -> tuple[str, ...]:
    """The layers of which nothing is in the file. Raises InvalidError where an output depends on one with zeros."""
    if not weights:
        return ()
    names = [weight.names[0] for weight in weights]
    needed = _needed(module, names, len(artifact.signature.outputs), workshop)
    for weight, name in zip(weights, names, strict=True):
        if name in needed and weight.zeros >= DENSE_BELOW * weight.rows.size:
            raise InvalidError(
                f"Zeros of {artifact.variant} were lost on the way into the ONNX file",
                f"{weight.whose} has {weight.counted()}, an output depends on it, and no weight of the file is its",
                _OTHER_EXPORTER,
            )
    return tuple(names)


def _needed(module: torch.nn.Module, names: Sequence[str], outputs: int, workshop: Workshop) -> set[str]:
    """Those of the layers on which one of the first outputs depends, which are those of the file."""
    parameters = {name: list(module.get_submodule(name).parameters(recurse=False)) for name in names}
    every = [parameter for mine in parameters.values() for parameter in mine]
    frozen = [parameter for parameter in every if not parameter.requires_grad]
    for parameter in frozen:
        parameter.requires_grad_(True)
    try:
        with users_code("The module's forward"), torch.enable_grad():
            given = tensors_of(module(**workshop.dense.example_inputs))[:outputs]
            sums = [tensor.sum() for tensor in given if tensor.is_floating_point() and tensor.requires_grad]
            if not sums:
                return set()
            grads = torch.autograd.grad(torch.stack(sums).sum(), every, allow_unused=True)
    finally:
        for parameter in frozen:
            parameter.requires_grad_(False)
    reached = {id(parameter) for parameter, grad in zip(every, grads, strict=True) if grad is not None}
    return {name for name, mine in parameters.items() if any(id(parameter) in reached for parameter in mine)}
