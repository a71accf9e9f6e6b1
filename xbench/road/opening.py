"""Opens the workshop that a suite's variants are made in: for a whole run, or for a single step of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..prepare.locating import transformers_folder
from ..profiles.finding import reference_profile
from ..protocols import Feeds
from ..quality.calibration import calibration_data
from ..quality.evaluation import make_task
from ..quality.mean import mean_scores
from ..quality.tasks import Task
from ..suite.loading import LoadedSuite

if TYPE_CHECKING:
    from ..prepare.dense import DenseModel
    from ..prepare.workshop import Score, Workshop


def task_of(loaded: LoadedSuite) -> Task | None:
    """The task that a suite's quality is scored by; None where it has none. Raises InputError."""
    spec = loaded.suite.evaluate
    if spec is None:
        return None
    named = getattr(spec, "tokenizer", None)
    return make_task(spec, loaded.path(named) if named else transformers_folder(loaded))


def open_workshop(
    loaded: LoadedSuite,
    task: Task | None,
    *,
    artifacts: Path,
    time_limit: float,
    trusted: bool,
    keep_modules: bool = False,
    width_multiple: int = 1,
) -> Workshop:
    """The workshop, with the dense model loaded. Imports torch; raises as `load_dense` does.

    `artifacts` is the folder that exported files are kept in; `time_limit` is in seconds; `width_multiple` is what
    `round_to: profile` means.
    """
    from ..prepare.dense import load_dense
    from ..prepare.workshop import Workshop

    samples = _samples(task)
    dense = load_dense(loaded, trusted, samples)
    return Workshop(
        dense=dense,
        samples=samples or dense.example_feeds(),
        artifacts=artifacts,
        reference=reference_profile(),
        time_limit=time_limit,
        base=loaded.base,
        trusted=trusted,
        calibration=lambda: calibration_data(loaded, task),
        score=_score(task, dense) if task is not None else None,
        keep_modules=keep_modules,
        width_multiple=width_multiple,
    )


def _score(task: Task, dense: DenseModel) -> Score:
    """Scores modules in PyTorch, for floors of schedules alone: what is reported is computed on the device."""
    from ..prepare.running import input_dtypes, outputs_of

    inputs = input_dtypes(dense)
    return lambda module: mean_scores(task, inputs, lambda feeds: outputs_of(module, feeds))


def _samples(task: Task | None) -> list[Feeds]:
    """Two batches of real inputs, of different sizes, so that open axes are tried as such."""
    if task is None:
        return []
    first = next(iter(task.feeds(task.sample_inputs)))
    return [first, {name: array[:1] for name, array in first.items()}]
