"""Opens the workshop that a suite's variants are made in: for a whole run, or for a single step of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError
from ..prepare.locating import transformers_folder
from ..profiles.finding import reference_profile
from ..protocols import Feeds
from ..quality.calibration import calibration_data, known_inputs, wanted_inputs
from ..quality.mean import mean_scores
from ..quality.opening import make_task
from ..quality.tasks import Task, fixed_rows
from ..suite.loading import LoadedSuite

if TYPE_CHECKING:
    from ..prepare.dense import DenseModel
    from ..prepare.workshop import Score, Workshop


def task_of(loaded: LoadedSuite, trusted: bool) -> Task | None:
    """The task that a suite's quality is scored by; None where it has none. Raises InputError.

    `trusted`: whether an iterator over the data, which is code of the suite's, may be run.
    """
    spec = loaded.suite.evaluate
    if spec is None:
        return None
    if not getattr(spec, "inputs", True) and not getattr(spec, "text", ()):
        # The columns have the names of the model's inputs.
        spec = spec.model_copy(update={"inputs": {one.name: one.name for one in known_inputs(loaded)}})
    return make_task(spec, loaded.base, transformers_folder(loaded), trusted)


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

    _require_floors(loaded, task)
    samples = _samples(loaded, task)
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


def _require_floors(loaded: LoadedSuite, task: Task | None) -> None:
    """Raises InputError for a schedule that has a floor on a metric which is the better the lower it is."""
    metrics = task.metrics if task is not None else {}
    for variant in loaded.suite.variants:
        for name in variant.prune.schedule.floor if variant.prune is not None else ():
            if name in metrics and metrics[name].better == "lower":
                rising = [other for other, metric in metrics.items() if metric.better == "higher"]
                raise InputError(
                    f"The schedule of {variant.name} has a floor on {name}, of which lower is better",
                    f"of these higher is better: {', '.join(rising) or 'none'}",
                    "set the floor on one of them, or name one in evaluate.metrics",
                )


def _samples(loaded: LoadedSuite, task: Task | None) -> list[Feeds]:
    """Two batches of real inputs, of different sizes, so that open axes are tried as such; one of a fixed size."""
    if task is None:
        return []
    wanted = wanted_inputs(loaded, task)
    first = next(iter(task.feeds(wanted))).feeds
    if fixed_rows(wanted) is not None:
        return [first]
    return [first, {name: array[:1] for name, array in first.items()}]
