"""Exports any PyTorch module by tracing it with TorchScript: the older exporter, only where it is named."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch.backends import mha

from .tracing import Inputs, traced


class TorchScriptExporter:
    """Writes ONNX files with `torch.onnx.export(dynamo=False)`.

    A trace records what happened for the example inputs: a branch that depends on values is fixed without a word
    (the check of the outputs against the module finds what comes of that for the inputs that are tried).
    """

    def export(
        self,
        module: torch.nn.Module,
        example_inputs: dict[str, torch.Tensor],
        dynamic_axes: dict[str, dict[int, str]],
        path: Path,
        opset: int | None = None,
    ) -> None:
        """Write `module`, in eval mode, to `path`; names, axes and errors are those of the exporter `dynamo`.

        `opset` None means torch's default for this exporter (20 for torch 2.13). The module stays as it is.
        """

        def write(inputs: Inputs, outputs: list[str]) -> None:
            ordered = _as_in_forward(module, inputs)
            with _slow_attention():
                torch.onnx.export(
                    copy.deepcopy(module),  # tracing may leave traces in a module
                    (),
                    str(path),  # for a Path torch would not put weights beyond 2 GiB beside the file
                    kwargs=ordered,
                    input_names=list(ordered),
                    output_names=outputs,
                    dynamic_axes={name: dict(named) for name, named in dynamic_axes.items()},
                    opset_version=opset,
                    dynamo=False,
                    verbose=False,
                )

        remedy = "mend the module's forward method, name a lower opset, or use the exporter dynamo"
        traced(module, example_inputs, dynamic_axes, path, opset, remedy, write)


def _as_in_forward(module: torch.nn.Module, inputs: Inputs) -> Inputs:
    """The inputs in the order of forward's parameters: the trace has them so, and torch hands out names in turn."""
    names = [name for name in inspect.signature(module.forward).parameters if name in inputs]
    return {name: inputs[name] for name in (*names, *(name for name in inputs if name not in names))}


@contextmanager
def _slow_attention() -> Iterator[None]:
    """In eval mode torch's attention and encoder layers take a fused path that has no ONNX operator."""
    before = mha.get_fastpath_enabled()
    mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        mha.set_fastpath_enabled(before)
