"""The quality of a candidate against the baseline, example by example."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..records.estimate import Estimate
from ..records.quality import ExampleScores, MetricResult, QualityResult
from ..stats.paired import paired_bootstrap, tango_interval

# Two-sided 90 %: each end is a one-sided bound at 95 %, which is what a gate asks for.
CONFIDENCE = 0.90


def quality_result(scores: ExampleScores, baseline: ExampleScores | None, seed: int) -> QualityResult:
    """Means of all metrics and, against a baseline, their drops. Different data are not compared."""
    if baseline is not None and baseline.dataset_sha256 != scores.dataset_sha256:
        return QualityResult(
            variant=scores.variant,
            hardware=scores.hardware,
            failure="the data differ from the baseline's",
            dataset_sha256=scores.dataset_sha256,
        )
    metrics = tuple(
        MetricResult(
            metric=name,
            value=float(values.mean()),
            examples=len(values),
            drop=None if baseline is None else drop(baseline.metrics[name], values, seed),
        )
        for name, values in scores.metrics.items()
    )
    return QualityResult(
        variant=scores.variant,
        hardware=scores.hardware,
        metrics=metrics,
        dataset_sha256=scores.dataset_sha256,
    )


def drop(baseline: NDArray[np.float64], candidate: NDArray[np.float64], seed: int) -> Estimate:
    """Baseline minus candidate, paired: Tango's interval where scores are 0 or 1, else the bootstrap."""
    if _binary(baseline) and _binary(candidate):
        lost = int(((baseline == 1) & (candidate == 0)).sum())
        won = int(((baseline == 0) & (candidate == 1)).sum())
        return tango_interval(lost, won, len(baseline), confidence=CONFIDENCE)
    return paired_bootstrap(baseline, candidate, confidence=CONFIDENCE, seed=seed)


def _binary(values: NDArray[np.float64]) -> bool:
    return bool(np.isin(values, (0.0, 1.0)).all())
