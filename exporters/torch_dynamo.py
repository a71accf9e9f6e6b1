"""Exports any PyTorch module by torch.export and torch.onnx."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from .tracing import Axes, Inputs, traced


class TorchDynamoExporter:
    """Writes ONNX files with `torch.onnx.export(dynamo=True)`."""

    def export(
        self,
        module: torch.nn.Module,
        example_inputs: dict[str, torch.Tensor],
        dynamic_axes: dict[str, dict[int, str]],
        path: Path,
        opset: int | None = None,
    ) -> None:
        """Write `module`, in eval mode, to `path`; torch puts weights beyond 1.5 GiB beside it.

        `example_inputs` are passed by keyword, and their keys become the names of the ONNX inputs. Outputs
        are called after the keys of a mapping, else `output`, or `output_0`, `output_1` and so on.
        `dynamic_axes` names, for each input, the axes whose size stays open; equal names mean equal sizes.
        `opset` None means torch's default (20 for torch 2.13). The module stays as it is.

        Raises InputError for axes that no input has, InvalidError where the export fails or the file has
        other inputs than asked for.
        """

        def write(inputs: Inputs, outputs: list[str]) -> None:
            torch.onnx.export(
                module,
                (),
                path,
                kwargs=inputs,
                input_names=list(inputs),
                output_names=outputs,
                dynamic_shapes=_dynamic_shapes(inputs, dynamic_axes),
                opset_version=opset,
                dynamo=True,
                external_data=False,
                verbose=False,
            )

        remedy = "export with fixed axes, mend the module's forward method, or name the older exporter: torchscript"
        traced(module, example_inputs, dynamic_axes, path, opset, remedy, write)


def _dynamic_shapes(inputs: Mapping[str, torch.Tensor], axes: Axes) -> dict[str, dict[int, torch.export.Dim] | None]:
    labels = {label for named in axes.values() for label in named.values()}
    dims = {label: torch.export.Dim(label) for label in labels}
    return {name: {axis: dims[label] for axis, label in axes.get(name, {}).items()} or None for name in inputs}
