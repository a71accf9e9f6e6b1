"""Runs a task's data through an artifact on the device's own runner (never in PyTorch), and keeps the answers."""

from __future__ import annotations

from collections.abc import Callable

from ..errors import InvalidError
from ..measure.inspection import LoadedModel, loaded
from ..measure.model_file import model_file
from ..protocols import Outputs, all_finite
from ..records.artifact import Artifact
from ..records.profile import HardwareProfile
from .tasks import Task


def evaluate(
    artifact: Artifact,
    task: Task,
    profile: HardwareProfile,
    time_limit: float,
    keep: Callable[[Outputs], None],
    on_batch: Callable[[int, int], None],
) -> None:
    """Run all examples through the artifact in a worker. `keep` is given what the task keeps of each batch, in order.

    `on_batch` hears of rows done and in all. Raises InputError for data that do not fit the model, InvalidError
    where an output is NaN or infinite: such a score would be a wrong number.
    """
    with loaded(model_file(artifact, profile), artifact.variant, profile, time_limit) as model:
        evaluate_loaded(model, task, artifact, keep, on_batch)


def evaluate_loaded(
    model: LoadedModel,
    task: Task,
    artifact: Artifact,
    keep: Callable[[Outputs], None],
    on_batch: Callable[[int, int], None],
) -> None:
    """What `evaluate` does with a model that is loaded, `artifact`."""
    done = 0
    batches = ((batch.feeds, batch) for batch in task.feeds(artifact.signature.inputs))
    for batch, outputs in model.stream(batches):
        require_finite(outputs, f"of {artifact.variant} holds NaN or infinity on real data")
        keep(task.reduce(batch, outputs))
        done += batch.count
        on_batch(done, task.rows)


def require_finite(outputs: Outputs, told: str) -> None:
    """Raises InvalidError, with `told` after the output's name, where one is NaN or infinite."""
    bad = [name for name, array in outputs.items() if not all_finite(array)]
    if bad:
        raise InvalidError(f"The output {bad[0]!r} {told}")
