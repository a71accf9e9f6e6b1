"""Judges what undoing or sparing wins: values, paired gains, and what of it is beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..analysis.dropping import metric_drop, value_of
from ..analysis.scored import scored
from ..protocols import Metric
from ..records.estimate import Estimate
from ..records.quality import ExampleScores
from ..records.sensitivity import SensitivePart
from ..stats.alarms import holm
from ..stats.metric_bootstrap import drop_interval
from ..stats.worse import worse_p_value

Rows = NDArray[np.bool_]
ALPHA = 0.05
"""One-sided; corrected for all parts that are looked at."""

_SHOWN_IDS = 5


@dataclass(frozen=True)
class Judge:
    """The metric, and what it is compared with. `ids` are the examples' names, `seed` that of the bootstraps."""

    name: str
    metric: Metric
    dense: ExampleScores
    pruned: ExampleScores
    choosing: Rows
    confirming: Rows
    ids: NDArray[np.str_]
    seed: int

    @property
    def left_out(self) -> int:
        """Examples that the dense or the pruned model could not be scored on."""
        return int((~(scored(self.dense) & scored(self.pruned))).sum())

    @property
    def lost(self) -> Estimate:
        """How much worse pruned is than dense, on the examples that choose. Raises ValueError as `gain` does."""
        return self.gain(self.dense, self.pruned, self.choosing)

    def value(self, scores: ExampleScores, rows: Rows) -> float:
        """The metric on some of the examples. Raises ValueError where it is not defined."""
        return value_of(self.metric, scores.metrics[self.name][rows & scored(scores)])

    def gain(self, better: ExampleScores, worse: ExampleScores, rows: Rows) -> Estimate:
        """How much better the first is than the second, paired, two-sided at 90 %. Raises ValueError as `value`."""
        return metric_drop(self.metric, *self._paired(better, worse, rows), self.seed)

    def p_value(self, better: ExampleScores, worse: ExampleScores, rows: Rows) -> float | None:
        """One-sided, that the first is no better than the second; None for a metric that is no mean of scores."""
        if self.metric.span is None:
            return None
        first, second = self._paired(better, worse, rows)
        sign = -1.0 if self.metric.better == "lower" else 1.0
        return worse_p_value(sign * first, sign * second, self.seed)

    def shown(self, better: ExampleScores, worse: ExampleScores, rows: Rows) -> bool:
        """Whether the first is shown to be better than the second: by the test, or by the interval without one.

        The intervals are made for margins: they hold for changes that were not seen, and are wide where few examples
        change. Whether there is a difference at all is for the test to tell.
        """
        p_value = self.p_value(better, worse, rows)
        return self.gain(better, worse, rows).low > 0 if p_value is None else p_value < ALPHA

    def helps(self, scores: ExampleScores, looked_at: int) -> bool:
        """For a metric that is no mean: whether an interval, widened for all looked at, says so (Bonferroni)."""
        found, pruned = self._paired(scores, self.pruned, self.choosing)
        interval = drop_interval(
            self.metric.value,
            found,
            pruned,
            better=self.metric.better,
            confidence=1 - 2 * ALPHA / looked_at,
            seed=self.seed,
        )
        return interval.low > 0

    def answers(self, scores: ExampleScores) -> tuple[int | None, int | None, tuple[str, ...]]:
        """Answers that become right, and wrong, of the examples that choose; and the first of those won."""
        if scores.right is None or self.pruned.right is None:
            return None, None, ()
        rows = self.choosing & scored(scores) & scored(self.pruned)
        won = rows & scores.right & ~self.pruned.right
        lost = rows & ~scores.right & self.pruned.right
        return int(won.sum()), int(lost.sum()), tuple(str(one) for one in self.ids[won][:_SHOWN_IDS])

    def _paired(
        self, first: ExampleScores, second: ExampleScores, rows: Rows
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        both = rows & scored(first) & scored(second)
        return first.metrics[self.name][both], second.metrics[self.name][both]


def ranked(parts: Sequence[SensitivePart]) -> tuple[SensitivePart, ...]:
    """The one worth most first, of equal ones the one that costs less; with p-values corrected for all of them.

    Holm's correction: with a chance of 95 % none of those beyond chance is there by chance alone.
    """
    tested = {one.name: one.p_value for one in parts if one.p_value is not None}
    adjusted = dict(zip(tested, holm(list(tested.values())), strict=True)) if tested else {}
    told = {name: {"adjusted_p": float(p), "beyond_chance": bool(p < ALPHA)} for name, p in adjusted.items()}
    found = [one.model_copy(update=told.get(one.name, {})) for one in parts]
    return tuple(sorted(found, key=_order))


def _order(part: SensitivePart) -> tuple[float, int]:
    return (-part.worth if part.worth is not None else np.inf, part.weights_back)
