"""Scores an artifact with its own outputs, computed on the device's own runner (never in PyTorch)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..errors import InputError, InvalidError
from ..measure.inspection import loaded
from ..measure.model_file import model_file
from ..protocols import all_finite
from ..records.artifact import Artifact
from ..records.profile import HardwareProfile
from ..records.quality import ExampleScores
from ..suite.model import ClassificationSpec, RetrievalSpec
from .classification import ClassificationTask, digits
from .docstrings import docstring_pairs
from .retrieval import RetrievalTask
from .tasks import Task


def make_task(spec: RetrievalSpec | ClassificationSpec, tokenizer: Path | None) -> Task:
    """The task that a suite asks for. `tokenizer` is the folder of the Transformers model, if there is one."""
    if isinstance(spec, ClassificationSpec):
        training, _, images, labels = digits()
        return ClassificationTask(images, labels, spec.batch, spec.input, training)
    if tokenizer is None:
        raise InputError("The retrieval task needs a tokenizer", "the model is no folder", "set evaluate.tokenizer")
    return RetrievalTask(docstring_pairs(), tokenizer, spec.max_length, spec.batch, spec.pooling)


def evaluate(
    artifact: Artifact,
    task: Task,
    profile: HardwareProfile,
    time_limit: float,
    on_batch: Callable[[int, int], None],
) -> ExampleScores:
    """Run all examples through the artifact in a worker. `on_batch` hears of batches done and in all.

    Raises InvalidError where an output is NaN or infinite: such a score would be a wrong number.
    """
    inputs = {spec.name: spec.dtype for spec in artifact.signature.inputs}
    kept = []
    with loaded(model_file(artifact, profile), artifact.variant, profile, time_limit) as model:
        for batch, feeds in enumerate(task.feeds(inputs)):
            (outputs,) = model.infer([feeds])
            bad = [name for name, array in outputs.items() if not all_finite(array)]
            if bad:
                raise InvalidError(f"The output {bad[0]!r} of {artifact.variant} holds NaN or infinity on real data")
            kept.append(task.reduce(batch, outputs))
            on_batch(batch + 1, task.batches)
    return ExampleScores(artifact.variant, profile.name, task.dataset_sha256, task.score(kept))
