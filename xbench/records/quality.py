"""Quality: one score for each example, and the paired comparison with the baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .base import Record
from .estimate import Estimate


@dataclass(frozen=True, slots=True)
class ExampleScores:
    """Scores of one variant on one device. `metrics`: by name, shape (examples,), float64; more is better.

    `dataset_sha256` is the digest of the examples: only equal data are compared.
    """

    variant: str
    hardware: str
    dataset_sha256: str
    metrics: dict[str, NDArray[np.float64]]


class MetricResult(Record):
    """A metric's mean for a variant and, but for the baseline, its drop against the baseline.

    `drop` is baseline minus candidate, in the metric's own units: positive is worse. Its interval is
    two-sided at 90 %, so that each side is a one-sided test at 95 %.
    """

    metric: str
    value: float
    examples: int
    drop: Estimate | None = None


class QualityResult(Record):
    """All metrics of one variant on one device; or the reason why there are none."""

    variant: str
    hardware: str
    metrics: tuple[MetricResult, ...] = ()
    failure: str = ""
    dataset_sha256: str = ""

    def metric(self, name: str) -> MetricResult | None:
        """One metric by its name."""
        return next((result for result in self.metrics if result.metric == name), None)
