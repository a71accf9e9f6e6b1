"""The mean of each metric of a task, for anything that turns inputs into outputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..errors import InvalidError
from ..protocols import Feeds, Outputs, all_finite
from .tasks import Task


def mean_scores(task: Task, inputs: Mapping[str, str], infer: Callable[[Feeds], Outputs]) -> dict[str, float]:
    """The mean over the examples by metric. `inputs` are names and dtypes, as `Task.feeds` takes them.

    Raises InvalidError where an output is NaN or infinite: such a mean would be a wrong number.
    """
    kept = []
    for batch, feeds in enumerate(task.feeds(inputs)):
        outputs = infer(feeds)
        bad = [name for name, array in outputs.items() if not all_finite(array)]
        if bad:
            raise InvalidError(f"The output {bad[0]!r} holds NaN or infinity on the task's data")
        kept.append(task.reduce(batch, outputs))
    return {metric: float(scores.mean()) for metric, scores in task.score(kept).items()}
