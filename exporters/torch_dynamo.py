"""Exports any PyTorch module by torch.export and torch.onnx."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch

from xbench.errors import InputError, InvalidError
from xbench.pruning.forward import widened
from xbench.sources.quiet import hushed, one_line

Axes = Mapping[str, Mapping[int, str]]

# torch.export wraps most of what a module raises; these are what comes through.
_EXPORT_FAULTS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, OSError)


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
        """Write `module`, in eval mode, to `path`; weights beyond 1.5 GiB go to `path` + `.data` beside it.

        `example_inputs` are passed by keyword, and their keys become the names of the ONNX inputs. Outputs
        are called after the keys of a mapping, else `output`, or `output_0`, `output_1` and so on.
        `dynamic_axes` names, for each input, the axes whose size stays open; equal names mean equal sizes.
        `opset` None means torch's default (20 for torch 2.13). The module stays as it is.

        Raises InputError for axes that no input has, InvalidError where the export fails or the file has
        other inputs than asked for.
        """
        _require_axes(example_inputs, dynamic_axes)
        inputs = widened(example_inputs, dynamic_axes)
        try:
            with hushed(), torch.no_grad(), _evaluating(module):
                torch.onnx.export(
                    module,
                    (),
                    path,
                    kwargs=inputs,
                    input_names=list(inputs),
                    output_names=_output_names(module(**inputs)),
                    dynamic_shapes=_dynamic_shapes(inputs, dynamic_axes),
                    opset_version=opset,
                    dynamo=True,
                    external_data=False,
                    verbose=False,
                )
        except _EXPORT_FAULTS as error:
            raise InvalidError(
                f"torch cannot export {type(module).__name__} to ONNX",
                one_line(_root_cause(error)),
                "export with fixed axes, or mend the module's forward method",
            ) from error
        _require_inputs(path, list(inputs))


def _require_axes(inputs: Mapping[str, torch.Tensor], axes: Axes) -> None:
    for name, named in axes.items():
        rank = inputs[name].dim() if name in inputs else 0
        wrong = [axis for axis in named if not 0 <= axis < rank]
        if name not in inputs or wrong:
            raise InputError(
                f"There is no axis {wrong[0] if wrong else ''} of input {name!r} to keep open",
                f"inputs are {', '.join(f'{key} {[*tensor.shape]}' for key, tensor in inputs.items())}",
                "number axes from 0",
            )
        unfit = [label for label in named.values() if not label.isidentifier()]
        if unfit:
            raise InputError(f"{unfit[0]!r} cannot name an axis", "", "use letters, digits and underscores")


def _dynamic_shapes(inputs: Mapping[str, torch.Tensor], axes: Axes) -> dict[str, dict[int, torch.export.Dim] | None]:
    labels = {label for named in axes.values() for label in named.values()}
    dims = {label: torch.export.Dim(label) for label in labels}
    return {name: {axis: dims[label] for axis, label in axes.get(name, {}).items()} or None for name in inputs}


def _output_names(output: object, prefix: str = "output") -> list[str]:
    """A name for each tensor, in the order in which torch flattens a result."""
    if isinstance(output, torch.Tensor):
        return [prefix]
    if isinstance(output, Mapping):
        return [name for key, value in output.items() for name in _output_names(value, str(key))]
    if isinstance(output, list | tuple):
        return [n for i, value in enumerate(output) for n in _output_names(value, f"{prefix}_{i}")]
    return []


@contextmanager
def _evaluating(module: torch.nn.Module) -> Iterator[None]:
    training = [part for part in module.modules() if part.training]
    module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


def _root_cause(error: BaseException) -> BaseException:
    """torch.onnx wraps an error in advice of many lines; what happened is at the bottom."""
    while error.__cause__ is not None:
        error = error.__cause__
    return error


def _require_inputs(path: Path, wanted: list[str]) -> None:
    graph = onnx.load(path, load_external_data=False).graph
    found = [value.name for value in graph.input]
    if sorted(found) != sorted(wanted):
        raise InvalidError(
            f"The exported file {path.name} has other inputs than asked for",
            f"asked: {', '.join(wanted)}; found: {', '.join(found)}",
            "give only inputs that the module uses",
        )
