"""Keeps a variant's module as a `torch.export` program, for devices that run PyTorch itself."""

from __future__ import annotations

import copy
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import torch

from ..artifacts.modules import keep_module
from ..errors import InputError
from ..pruning.forward import MODEL_FAULTS, tensors_of, widened
from ..records.artifact import Artifact
from ..sources.quiet import hushed, one_line
from ..store.files import storing
from .deadline import deadline
from .dense import Axes, DenseModel


class _ByName(torch.nn.Module):
    """The module with its inputs in one tuple, and its tensors, as many as the ONNX file gives, in another.

    So the program knows no class of the model's library, which would have to be imported to load it.
    """

    def __init__(self, module: torch.nn.Module, inputs: Sequence[str], outputs: int) -> None:
        super().__init__()
        self.module = module
        self._inputs = tuple(inputs)
        self._outputs = outputs

    def forward(self, tensors: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        found = tensors_of(self.module(**dict(zip(self._inputs, tensors, strict=True))))
        return tuple(found[: self._outputs])


def with_program(module: torch.nn.Module, dense: DenseModel, artifact: Artifact, time_limit: float) -> Artifact:
    """The artifact with its program kept beside it; with the reason where torch cannot export the module.

    The program has the ONNX file's inputs, outputs and open axes, and is made of the same module, in eval mode.
    """
    home = Path(artifact.path).parent
    outputs = [spec.name for spec in artifact.signature.outputs]
    try:
        with storing(home), tempfile.TemporaryDirectory(dir=home) as folder:
            path = Path(folder) / "program.pt2"
            with deadline(time_limit, f"Exporting the PyTorch program of {artifact.variant}"):
                program = _exported(module, dense.export_inputs, dense.dynamic_axes, len(outputs))
                _save(program, path, list(dense.export_inputs), outputs)
            return keep_module(path, artifact)
    except (*MODEL_FAULTS, InputError) as error:
        reason = error.reason if isinstance(error, InputError) else one_line(error)
        return artifact.model_copy(update={"module_note": f"torch.export cannot export the module: {reason}"})


def _save(program: torch.export.ExportedProgram, path: Path, inputs: list[str], outputs: list[str]) -> None:
    """Some programs can be made and not be written, as those of decoders whose mask is made by vmap."""
    signature = json.dumps({"inputs": inputs, "outputs": outputs})
    with hushed():
        torch.export.save(program, path, extra_files={"signature.json": signature})


def _exported(
    module: torch.nn.Module, inputs: dict[str, torch.Tensor], axes: Axes, outputs: int
) -> torch.export.ExportedProgram:
    """Of a copy: tracing may leave traces in a module. Open axes that turn out to be fixed are an error."""
    wide = widened(inputs, axes)
    shapes = tuple(dict.fromkeys(axes.get(name, {}), torch.export.Dim.DYNAMIC) or None for name in wide)
    with hushed(), torch.no_grad():
        program = torch.export.export(
            _ByName(copy.deepcopy(module), list(wide), outputs),
            (tuple(wide.values()),),
            dynamic_shapes=(shapes,),
            strict=False,
        )
    # They would be kept as a pickle.
    program.example_inputs = None
    return program
