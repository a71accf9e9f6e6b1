"""Holds an exported file against the module that it was made of: its outputs, and its zeros."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch

from ..artifacts.parity import parity, require_parity
from ..errors import InvalidError
from ..measure.inspection import loaded as loaded_model
from ..protocols import Feeds, Outputs
from ..pruning.forward import tensors_of
from ..pruning.layers import weight_layers
from ..records.artifact import Artifact, Parity, SparsityAudit
from .dense import users_code
from .workshop import Workshop


def _torch_outputs(module: torch.nn.Module, feeds: Feeds, names: Sequence[str]) -> Outputs:
    with users_code("The module's forward"), torch.no_grad():
        tensors = tensors_of(module(**{name: torch.from_numpy(array) for name, array in feeds.items()}))
    # Exporters may leave outputs away at the end (Optimum leaves BERT's pooler), never in the middle.
    return {name: tensor.numpy() for name, tensor in zip(names, tensors, strict=False)}


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


def require_2_4(audit: SparsityAudit, variant: str) -> None:
    """Half zeros are not yet 2:4: a transposed weight may hold them along the wrong axis (rule 14)."""
    for found in audit.layers:
        if 2 * found.zeros >= found.elements and not found.valid_2_4:
            raise InvalidError(
                f"The 2:4 pattern of {variant} was lost on the way into the ONNX file",
                f"{found.node} ({found.op_type}) has {found.zeros} zeros of {found.elements}, not two in each four",
                "try the other exporter (key model.exporter)",
            )


def require_zeros_survived(module: torch.nn.Module, audit: SparsityAudit, variant: str) -> None:
    """Each weight in the file has a weight of the module with the same sizes and the same zeros (rule 14).

    Exporters rename and transpose weights, so they are matched by sorted shape and count of zeros. Weights
    of which the module has none of that shape are the graph's own.
    """
    there: Counter[tuple[tuple[int, ...], int]] = Counter()
    for layer in weight_layers(module).values():
        weight = layer.weight.detach()
        there[(tuple(sorted(weight.shape)), int((weight == 0).sum()))] += 1
    shapes = {shape for shape, _ in there}
    for found in audit.layers:
        key = (tuple(sorted(found.shape)), found.zeros)
        if there[key] > 0:
            there[key] -= 1
        elif key[0] in shapes:
            raise InvalidError(
                f"Zeros of {variant} were lost or moved on the way into the ONNX file",
                f"{found.node} ({found.op_type}) has {found.zeros} zeros of {found.elements}, "
                "and no layer of the module has that",
                "try the other exporter (key model.exporter)",
            )
