"""What the exporters that call `torch.onnx.export` have in common."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import onnx
import torch

from xbench.errors import InputError, InvalidError
from xbench.onnxfile.operators import standard_opset
from xbench.pruning.forward import widened
from xbench.sources.quiet import hushed, one_line

Axes = Mapping[str, Mapping[int, str]]
Inputs = dict[str, torch.Tensor]

# torch wraps most of what a module raises; these are what comes through.
EXPORT_FAULTS = (RuntimeError, ValueError, TypeError, LookupError, AttributeError, AssertionError, OSError)


def traced(
    module: torch.nn.Module,
    example_inputs: Inputs,
    axes: Axes,
    path: Path,
    opset: int | None,
    remedy: str,
    write: Callable[[Inputs, list[str]], object],
) -> None:
    """Call `write` with the inputs, open axes wide enough to be seen, and the names of the outputs.

    The module is in eval mode meanwhile. Raises InputError for axes that no input has; InvalidError, with `remedy`,
    where writing fails, and where the file at `path` has other inputs or another opset than asked for.
    """
    _require_axes(example_inputs, axes)
    # Each a tensor of its own: torch.export takes one tensor under two names for one input.
    inputs = {name: tensor.clone() for name, tensor in widened(example_inputs, axes).items()}
    try:
        with hushed(), without_native_output(), torch.no_grad(), _evaluating(module):
            write(inputs, _output_names(module(**inputs)))
    except EXPORT_FAULTS as error:
        raise InvalidError(
            f"torch cannot export {type(module).__name__} to ONNX", one_line(_root_cause(error)), remedy
        ) from error
    require_asked(path, inputs, opset)


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


def require_asked(path: Path, inputs: Mapping[str, torch.Tensor], opset: int | None) -> None:
    """Raise InvalidError where the file has other inputs, of other sizes, or another opset than asked for."""
    model = onnx.load(path, load_external_data=False)
    found = {value.name: value.type.tensor_type.shape.dim for value in model.graph.input}
    if set(found) != set(inputs):
        raise InvalidError(
            f"The exported file {path.name} has other inputs than asked for",
            f"asked: {', '.join(inputs)}; found: {', '.join(found)}",
            "give only inputs that the module uses",
        )
    for name, tensor in inputs.items():
        sizes = [dim.dim_value or None for dim in found[name]]
        if len(sizes) != tensor.dim() or any(
            size not in (None, n) for size, n in zip(sizes, tensor.shape, strict=True)
        ):
            raise InvalidError(
                f"The exported file {path.name} has another shape for its input {name!r} than asked for",
                f"asked: {[*tensor.shape]}; found: {sizes}",
                "try another exporter (key model.exporter)",
            )
    got = standard_opset(model.opset_import)
    if opset is not None and got != opset:
        raise InvalidError(
            f"The exported file {path.name} is not of opset {opset}",
            f"the exporter wrote opset {got}",
            f"ask for opset: {got}, or leave it out",
        )


@contextmanager
def without_native_output() -> Iterator[None]:
    """Throw away what C++ writes to the terminal while the block runs: torch dumps its graph when it fails."""
    flush = ctypes.CDLL(None).fflush
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        flush(None)
        with Path(os.devnull).open("wb") as nowhere:
            for number in kept:
                os.dup2(nowhere.fileno(), number)
        yield
    finally:
        flush(None)
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
