"""Which examples two models can be compared on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..records.quality import ExampleScores


def example_count(scores: ExampleScores) -> int:
    """How many examples there are, those that could not be scored among them; 0 where there is no metric."""
    return len(next(iter(scores.metrics.values()), ()))


def unscored(scores: ExampleScores) -> dict[int, str]:
    """Reasons by example: those that failed, and those with a score that is no number."""
    found: dict[int, str] = {}
    for name, values in scores.metrics.items():
        finite = np.isfinite(values).reshape(len(values), -1).all(axis=1)
        found |= {int(index): f"its score of {name} is no finite number" for index in np.flatnonzero(~finite)}
    return dict(sorted((found | scores.failed).items()))


def unscored_by_either(
    scores: ExampleScores, baseline: ExampleScores | None, whose: str = "the baseline"
) -> dict[int, str]:
    """Reasons by example, in their order, that either of two models failed in; those of the second say `whose`."""
    reasons = unscored(scores)
    if baseline is not None:
        reasons = {index: f"of {whose}: {why}" for index, why in unscored(baseline).items()} | reasons
    return dict(sorted(reasons.items()))


def scored(scores: ExampleScores) -> NDArray[np.bool_]:
    """Which examples have scores, (examples,)."""
    found = np.ones(example_count(scores), dtype=np.bool_)
    found[list(unscored(scores))] = False
    return found
