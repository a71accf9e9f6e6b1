"""The dense model of a suite, as a PyTorch module with everything that its export needs."""

from __future__ import annotations

import hashlib
import inspect
import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePath

import numpy as np
import torch

from ..errors import InputError, XbenchError
from ..protocols import Feeds
from ..pruning.forward import MODEL_FAULTS
from ..sources.checkpoint import load_checkpoint
from ..sources.decoders import FEATURES, WITH_PAST, holds_decoder
from ..sources.factory import load_factory
from ..sources.quiet import one_line
from ..sources.transformers_dir import load_transformers
from ..suite.loading import LoadedSuite
from ..suite.model import InputSpec, ModelSpec
from .decoders import BATCH, SEQUENCE, axes_with_past, feeds_with_past, past_of, positions, token_ids, with_past
from .locating import transformers_folder
from .slimming import require_onnxslim

_TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids")
_DECODER_INPUTS = ("input_ids", "attention_mask", "position_ids")
Axes = dict[str, dict[int, str]]


@dataclass(frozen=True)
class DenseModel:
    """The module in eval mode, example inputs, dynamic axes by input, exporter, and the source's digest.

    `past` are the past keys and values of a decoder that takes them as inputs, for as many samples as the example
    inputs; those stand without it, since pruning needs none. `slim`: whether onnxslim simplifies the exported file.
    """

    module: torch.nn.Module
    example_inputs: dict[str, torch.Tensor]
    dynamic_axes: Axes
    exporter: str
    opset: int | None
    source: str
    source_sha256: str
    slim: bool = False
    past: Mapping[str, torch.Tensor] = field(default_factory=dict)

    @property
    def export_inputs(self) -> dict[str, torch.Tensor]:
        """The inputs of the ONNX file, by name: the example inputs, and the past where there is one."""
        return with_past(self.example_inputs, self.past) if self.past else self.example_inputs

    def example_feeds(self) -> list[Feeds]:
        """The example inputs as arrays, once as they are and once with open batch axes at size 1.

        A decoder goes on from a past in the first, and has none in the second.
        """
        if self.past:
            return feeds_with_past(self.example_inputs, self.past)
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
    if spec.slim:
        require_onnxslim()
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
    decoder = holds_decoder(folder)
    task = spec.task or (WITH_PAST if decoder else FEATURES)
    exporter = spec.exporter or "optimum"
    if task == WITH_PAST:
        _require_past_possible(spec, exporter, samples)
    module = load_transformers(folder, task)
    known = inspect.signature(module.forward).parameters
    names = [name for name in (_DECODER_INPUTS if decoder else _TEXT_INPUTS) if name in known]
    if "input_ids" not in names:
        raise InputError(f"The model in {folder.name} takes no input_ids", "only text models can come as folders")
    vocabulary = int(getattr(module.config, "vocab_size", 2))
    example = _text_inputs(names, samples[0] if samples else {}, vocabulary)
    past = past_of(module, vocabulary) if task == WITH_PAST else {}
    axes = {name: {0: BATCH, 1: SEQUENCE} for name in example}
    return DenseModel(
        module=module,
        example_inputs=example,
        dynamic_axes=axes_with_past(example, past) if past else axes,
        exporter=exporter,
        opset=spec.opset,
        source=f"transformers:{spec.package or ''}/{_named(spec)}",
        source_sha256=_state_digest(module),
        slim=spec.slim,
        past=past,
    )


def _named(spec: ModelSpec) -> str:
    """The folder as the suite names it; an absolute path says where it lies on this machine, and not what it is."""
    named = PurePath(spec.transformers or "")
    return named.name if named.is_absolute() else str(named)


def _require_past_possible(spec: ModelSpec, exporter: str, samples: Sequence[Feeds]) -> None:
    if exporter != "optimum":
        raise InputError(
            f"A decoder with its past cannot be exported by {exporter}",
            f"task {WITH_PAST} is {'asked for' if spec.task else 'what the model was saved for'}",
            "leave out exporter (it is optimum then), or give task: text-generation",
        )
    if samples:
        raise InputError(
            f"A model for {WITH_PAST} cannot be scored by this evaluation",
            "its inputs are past keys and values too, and the evaluation's data hold none",
            "give model.task: feature-extraction, or leave out evaluate",
        )


def _text_inputs(names: Sequence[str], sample: Feeds, vocabulary: int) -> dict[str, torch.Tensor]:
    """The inputs of a text model `[batch, sequence]`: those of a real sample, or made-up ones of all names."""
    if sample:
        return {name: torch.from_numpy(sample[name]) for name in names if name in sample}
    ids = token_ids(vocabulary)
    made = {
        "input_ids": ids,
        "attention_mask": torch.ones_like(ids),
        "token_type_ids": torch.zeros_like(ids),
        "position_ids": positions(ids),
    }
    return {name: made[name] for name in names}


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
    example = {name: _example(one) for name, one in spec.inputs.items()}
    _require_fitting(module, example, spec.factory)
    return DenseModel(
        module=module,
        example_inputs=example,
        dynamic_axes=_dynamic_axes(spec.inputs),
        exporter=spec.exporter or "dynamo",
        opset=spec.opset,
        source=f"factory:{spec.factory}",
        source_sha256=_state_digest(module),
        slim=spec.slim,
    )


def _require_fitting(module: torch.nn.Module, inputs: Mapping[str, torch.Tensor], reference: str) -> None:
    try:
        with torch.no_grad():
            module(**inputs)
    except MODEL_FAULTS as error:
        raise InputError(
            f"The module of {reference} cannot take the inputs that the suite names",
            f"{', '.join(f'{name} {[*one.shape]} {one.dtype}' for name, one in inputs.items())}: {one_line(error)}",
            "mend model.inputs, or the module's forward method",
        ) from error


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
