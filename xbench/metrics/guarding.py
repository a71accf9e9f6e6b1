"""A third party's metric, kept from harming others: it works on copies, and cannot end the program."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Metric, Rows
from ..records.quality import Better
from ..sources.quiet import one_line

T = TypeVar("T")


class GuardedMetric:
    """The same metric. What it writes into its arguments is written into copies, which nobody else reads."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self.name: str = metric.name
        self.tasks: tuple[str, ...] = tuple(metric.tasks)
        self.better: Better = metric.better
        self.span: float | None = metric.span

    def scores(self, answers: Rows, targets: Rows) -> NDArray[np.float64]:
        """See `Metric.scores`; whoever asks tells what it raises of the example that it is of."""
        return _staying(lambda: self._metric.scores(copy.deepcopy(dict(answers)), copy.deepcopy(dict(targets))))

    def value(self, scores: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
        """See `Metric.value`. Raises InvalidError for whatever else than ValueError the metric raises."""
        try:
            return float(_staying(lambda: self._metric.value(scores.copy(), weights.copy())))
        except ValueError:
            raise
        except Exception as error:
            raise InvalidError(
                f"The metric {self.name} failed to make a value of {len(scores)} scores",
                one_line(error),
                "mend the metric; ValueError says that it is not defined",
            ) from error


def _staying(call: Callable[[], T]) -> T:
    """What a call returns. Raises RuntimeError where it would end the program."""
    try:
        return call()
    except SystemExit as error:
        raise RuntimeError(f"it tried to end the program with the code {error.code!r}") from error
