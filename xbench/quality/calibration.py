"""Real inputs without labels: from the user's file, or from the part of a task's data that is not scored."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..onnxfile.npz import load_inputs, names_in
from ..onnxfile.opening import open_model
from ..onnxfile.signature import signature
from ..protocols import Calibration, Feeds
from ..records.artifact import Signature, TensorSpec
from ..suite.loading import LoadedSuite
from .tasks import Task, Unscored, fixed_rows

_HELD_OUT = 8
# What a Transformers model may take; which of them a module does take is known only once it is loaded.
_TEXT_INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def calibration_data(loaded: LoadedSuite, task: Task | None) -> Calibration:
    """The calibration data of a suite: the same bytes each time.

    Batches hold up to `calibration.batch` samples, or as many as the model fixes. For a Transformers folder they may
    hold an input that its module does not take, such as `token_type_ids`. Raises InputError where there are no data,
    or the file cannot be used.
    """
    asked = loaded.suite.calibration
    found = _found(loaded, task, asked.samples, asked.batch)
    if found is None:
        why = "the suite has no key evaluate" if task is None else "all of the evaluation's data are scored"
        raise InputError(
            "Calibration data are needed: real inputs without labels",
            f"the suite names no file of them, and {why}",
            "save some with numpy.savez(file, NAME=array, ...) and name it: calibration: {file: inputs.npz}",
        )
    return _sealed(found.batches, found.source)


def held_out(loaded: LoadedSuite, task: Task | None) -> tuple[Feeds, ...]:
    """Some more real inputs without labels, one sample in each, so that no text is padded.

    Others than the calibration data, where there are enough. None where there are no real inputs at all. Raises
    InputError where the file of them cannot be used.
    """
    found = _found(loaded, task, loaded.suite.calibration.samples + _HELD_OUT, 1)
    return () if found is None else found.batches[-_HELD_OUT:]


def _found(loaded: LoadedSuite, task: Task | None, samples: int, batch: int) -> Unscored | None:
    """Up to so many samples of the user's file, or of the task's data; None without either."""
    file = loaded.suite.calibration.file
    wanted = known_inputs(loaded)
    batch = fixed_rows(wanted) or batch
    found: Unscored | None = None
    if file is not None:
        found = _of_file(loaded.path(file), wanted, samples, batch)
    elif task is not None:
        found = task.unscored(wanted_inputs(loaded, task), samples, batch)
    return None if found is None else Unscored(_whole(found.batches, fixed_rows(wanted)), found.source)


def _of_file(path: Path, wanted: Sequence[TensorSpec], samples: int, batch: int) -> Unscored:
    """Batches out of the user's file, and words for them."""
    named = wanted or [TensorSpec(name=n, dtype="int64", shape=None) for n in names_in(path) if n in _TEXT_INPUTS]
    arrays = load_inputs(path, Signature(inputs=tuple(map(_with_open_samples, named)), outputs=()))
    there = _samples(path, arrays)
    used = min(there, samples)
    batches = tuple(
        {name: array[start : min(start + batch, used)] for name, array in arrays.items()}
        for start in range(0, used, batch)
    )
    return Unscored(batches, f"the first {used} of {there} samples in {path.name}")


def wanted_inputs(loaded: LoadedSuite, task: Task) -> Sequence[TensorSpec]:
    """The inputs of the suite's model as far as they are known, else those that its task feeds by itself."""
    sampled = [TensorSpec(name=name, dtype=dtype, shape=None) for name, dtype in task.sample_inputs.items()]
    return known_inputs(loaded) or sampled


def known_inputs(loaded: LoadedSuite) -> Sequence[TensorSpec]:
    """The inputs of the suite's model, as far as they are known before it is loaded."""
    model, baseline = loaded.suite.model, loaded.suite.baseline
    finished = baseline.onnx or (model.onnx if model is not None else None)
    if finished is not None:
        return signature(open_model(loaded.path(finished), load_external=False)).inputs
    specs = model.inputs if model is not None else {}
    return [TensorSpec(name=name, dtype=spec.dtype, shape=tuple(spec.shape)) for name, spec in specs.items()]


def _with_open_samples(spec: TensorSpec) -> TensorSpec:
    """The file may hold more samples than the model takes at a time."""
    if not spec.shape:
        return spec
    return spec.model_copy(update={"shape": (None, *spec.shape[1:])})


def _samples(path: Path, arrays: Mapping[str, NDArray[Any]]) -> int:
    """How many samples a file holds: the same number for each of its inputs."""
    counts = {name: len(array) if array.ndim else 0 for name, array in arrays.items()}
    least = min(counts, key=lambda name: counts[name], default="")
    if not counts or not counts[least]:
        found = f"the input {least!r} has none" if counts else "it holds no input of the model"
        raise InputError(f"{path.name} holds no samples to calibrate with", found, "its first axis is the samples")
    if len(set(counts.values())) > 1:
        raise InputError(
            f"{path.name} cannot be cut into samples",
            "its inputs differ in length: " + ", ".join(f"{name} {count}" for name, count in counts.items()),
            "the first axis of each array is the samples, the same number for all",
        )
    return counts[least]


def _whole(batches: Sequence[Feeds], fixed: int | None) -> tuple[Feeds, ...]:
    """Without a last batch that has fewer samples than the model fixes."""
    kept = tuple(feeds for feeds in batches if fixed is None or all(len(array) == fixed for array in feeds.values()))
    if not kept:
        raise InputError(
            f"The model takes {fixed} samples at a time", "there are fewer to calibrate with", "give more of them"
        )
    return kept


def _sealed(batches: Sequence[Feeds], source: str) -> Calibration:
    digest = hashlib.sha256()
    for feeds in batches:
        for name, array in sorted(feeds.items()):
            digest.update(f"{name} {array.dtype} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    return Calibration(tuple(batches), source, digest.hexdigest())
