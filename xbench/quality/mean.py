"""A task's scores and metrics in memory, for anything that turns inputs into outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

import numpy as np

from ..protocols import Feeds, Outputs
from ..records.artifact import TensorSpec
from ..records.quality import ExampleScores
from .evaluation import require_finite
from .scoring import example_scores
from .tasks import Task

Infer = Callable[[Feeds], Outputs]


def module_scores(
    task: Task, inputs: Mapping[str, str], infer: Infer, reference: Iterable[Outputs] | None = None
) -> ExampleScores:
    """The scores of whatever `infer` is. `inputs` are names and dtypes; `reference` what was kept of the baseline.

    Raises InvalidError where an output is NaN or infinite: such a score would be a wrong number.
    """
    return example_scores(task, answers_of(task, inputs, infer), reference, variant="", hardware="")


def answers_of(task: Task, inputs: Mapping[str, str], infer: Infer) -> list[Outputs]:
    """What the task keeps of each batch, in order; see `module_scores`."""
    wanted = [TensorSpec(name=name, dtype=dtype, shape=None) for name, dtype in inputs.items()]
    kept = []
    for batch in task.feeds(wanted):
        outputs = infer(batch.feeds)
        require_finite(outputs, "holds NaN or infinity on the task's data")
        kept.append(task.reduce(batch, outputs))
    return kept


def mean_scores(task: Task, inputs: Mapping[str, str], infer: Infer) -> dict[str, float]:
    """The value of each metric that has one on these answers, of all examples that could be scored.

    Raises as `module_scores` does.
    """
    found = module_scores(task, inputs, infer)
    scored = np.asarray([number not in found.failed for number in range(len(task.examples.ids))])
    values = {}
    for name, metric in task.metrics.items():
        with suppress(ValueError):  # as where all of one class is missing
            values[name] = metric.value(found.metrics[name][scored], np.ones(int(scored.sum())))
    return values
