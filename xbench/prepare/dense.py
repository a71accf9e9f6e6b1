"""The dense model of a suite, as a PyTorch module with everything that its export needs."""

from __future__ import annotations

import hashlib
import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from ..errors import InputError, XbenchError
from ..protocols import Feeds
from ..sources.checkpoint import load_checkpoint
from ..sources.factory import load_factory
from ..sources.transformers_dir import load_transformers
from ..suite.loading import LoadedSuite
from ..suite.model import InputSpec, ModelSpec
from .locating import transformers_folder

_TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_BATCH, _SEQUENCE = "batch", "sequence"
Axes = dict[str, dict[int, str]]


@dataclass(frozen=True)
class DenseModel:
    """The module in eval mode, example inputs, dynamic axes by input, exporter, and the source's digest."""

    module: torch.nn.Module
    example_inputs: dict[str, torch.Tensor]
    dynamic_axes: Axes
    exporter: str
    opset: int | None
    source: str
    source_sha256: str

    def example_feeds(self) -> list[Feeds]:
        """The example inputs as arrays, once as they are and once with open batch axes at size 1."""
        whole = {name: tensor.numpy() for name, tensor in self.example_inputs.items()}
        if not all(0 in self.dynamic_axes.get(name, {}) for name in whole):
            return [whole]
        return [whole, {name: array[:1] for name, array in whole.items()}]


def load_dense(loaded: LoadedSuite, trusted: bool, samples: Sequence[Feeds]) -> DenseModel:
    """Load the dense model. `samples` are real inputs, where the suite's task has any.

    Raises InputError where the model cannot be loaded, or is code and `--trust` was not given.
    """
    spec = loaded.suite.model
    if spec is None:
        raise InputError("The suite names no model to prune")
    folder = transformers_folder(loaded)
    if folder is not None:
        return _from_folder(spec, folder, samples)
    return _from_factory(spec, loaded, trusted)


@contextmanager
def users_code(reference: str) -> Iterator[None]:
    """Whatever the user's own code raises is a fault of that code: told with its name and its place."""
    try:
        yield
    except XbenchError:
        raise
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        raise InputError(
            f"{reference} failed: {type(error).__name__}: {error}",
            f"at line {last.lineno} of {Path(last.filename).name}",
            "see the whole traceback with --debug",
        ) from error


def _from_folder(spec: ModelSpec, folder: Path, samples: Sequence[Feeds]) -> DenseModel:
    module = load_transformers(folder)
    known = inspect.signature(module.forward).parameters
    names = [name for name in _TEXT_INPUTS if name in known]
    if "input_ids" not in names:
        raise InputError(f"The model in {folder.name} takes no input_ids", "only text models can come as folders")
    if samples:
        example = {name: torch.from_numpy(samples[0][name]) for name in names if name in samples[0]}
    else:
        example = {name: _text_example(name) for name in names}
    return DenseModel(
        module=module,
        example_inputs=example,
        dynamic_axes={name: {0: _BATCH, 1: _SEQUENCE} for name in example},
        exporter=spec.exporter or "optimum",
        opset=spec.opset,
        source=f"transformers:{spec.package or ''}/{spec.transformers}",
        source_sha256=_state_digest(module),
    )


def _text_example(name: str) -> torch.Tensor:
    shape = (2, 16)
    return torch.zeros(shape, dtype=torch.int64) if name == "token_type_ids" else torch.ones(shape, dtype=torch.int64)


def _from_factory(spec: ModelSpec, loaded: LoadedSuite, trusted: bool) -> DenseModel:
    assert spec.factory is not None  # noqa: S101 - the suite's schema sees to it
    factory = load_factory(spec.factory, loaded.base, trusted)
    with users_code(spec.factory):
        module = factory()
    if not isinstance(module, torch.nn.Module):
        raise InputError(f"{spec.factory} returned no torch.nn.Module", f"it returned {type(module).__name__}")
    if spec.checkpoint is not None:
        load_checkpoint(module, loaded.path(spec.checkpoint))
    module.eval()
    return DenseModel(
        module=module,
        example_inputs={name: _example(one) for name, one in spec.inputs.items()},
        dynamic_axes=_dynamic_axes(spec.inputs),
        exporter=spec.exporter or "dynamo",
        opset=spec.opset,
        source=f"factory:{spec.factory}",
        source_sha256=_state_digest(module),
    )


def _example(spec: InputSpec) -> torch.Tensor:
    shape = [size if isinstance(size, int) else 2 for size in spec.shape]
    generator = np.random.default_rng(0)
    if spec.dtype == "int64":
        return torch.from_numpy(generator.integers(0, 2, shape))
    return torch.from_numpy(generator.standard_normal(shape).astype(np.float32))


def _dynamic_axes(inputs: Mapping[str, InputSpec]) -> Axes:
    axes = {
        name: {axis: size for axis, size in enumerate(spec.shape) if isinstance(size, str)}
        for name, spec in inputs.items()
    }
    return {name: found for name, found in axes.items() if found}


def _state_digest(module: torch.nn.Module) -> str:
    """SHA-256 of all weights with their names, so that the source is known wherever it came from."""
    digest = hashlib.sha256()
    for name, tensor in sorted(module.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
