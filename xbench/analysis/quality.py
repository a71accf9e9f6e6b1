"""The quality of a candidate against the baseline, example by example."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..protocols import Metric
from ..quantities import examples_text
from ..records.quality import ExampleError, ExampleFacts, ExampleScores, MetricResult, QualityResult
from .dropping import metric_result
from .exemplars import all_exemplars, example_id
from .flips import divergence, flips
from .scored import example_count, scored, unscored_by_either
from .slicing import Correction, Figure, Pair, slice_results

SHOWN = 20


@dataclass(frozen=True, slots=True)
class QualityOptions:
    """`seed` of the bootstraps; `correction` of the alarms over slices and classes."""

    seed: int = 0
    correction: Correction = "holm"


def quality_result(
    scores: ExampleScores,
    baseline: ExampleScores | None,
    examples: ExampleFacts | None,
    metrics: Mapping[str, Metric],
    options: QualityOptions,
    dense: Sequence[ExampleScores] = (),
    others: Sequence[ExampleScores] = (),
    label: Callable[[int], str] = str,
) -> QualityResult:
    """All metrics and, against a baseline (None for itself), drops, flips, slices and exemplars.

    Examples that either of the two failed in are left out of both, and listed. `examples` is None in records of
    before, which have neither slices nor ids; a metric that `metrics` does not hold is the mean of its scores, more
    being better. `dense` and `others` are further dense and pruned models on the same device, for the exemplars.
    `label` names the code of an answer. Different data are not compared: that is a failure.
    """
    result = _listed(scores, baseline, examples)
    failure = not_alike(scores, baseline, examples)
    if failure:
        return result.model_copy(update={"failure": failure})
    rows = scored(scores) if baseline is None else scored(scores) & scored(baseline)
    if len(rows) and not rows.any():
        why = f"none of {examples_text(len(rows))} could be scored; the first: {result.errors[0].reason}"
        return result.model_copy(update={"failure": why})
    found: dict[str, Any] = {"metrics": _metrics(scores, baseline, metrics, rows, options.seed)}
    if baseline is not None and scores.metrics:
        lost = all_exemplars(scores, baseline, examples, dense, others, label)
        found |= {
            "flips": flips(scores, baseline, rows),
            "divergence": divergence(scores, rows, options.seed),
            "exemplars": lost[:SHOWN],
            "exemplar_count": len(lost),
        }
        first = next(iter(scores.metrics))
        if examples is not None and first in baseline.metrics:
            figure = Figure(first, metrics.get(first), scores.metrics[first], baseline.metrics[first])
            pair = Pair(scores, baseline, rows, figure, options.seed)
            found["slices"] = slice_results(pair, examples, options.correction, label)
            found["correction"] = options.correction
    return result.model_copy(update=found)


def _listed(scores: ExampleScores, baseline: ExampleScores | None, examples: ExampleFacts | None) -> QualityResult:
    """The examples that could not be scored, and nothing else as yet."""
    reasons = unscored_by_either(scores, baseline)
    ids = examples if examples is not None and len(examples.ids) == example_count(scores) else None
    return QualityResult(
        variant=scores.variant,
        hardware=scores.hardware,
        dataset_sha256=scores.dataset_sha256,
        errors=tuple(
            ExampleError(index=index, id=example_id(ids, index), reason=reasons[index])
            for index in list(reasons)[:SHOWN]
        ),
        error_count=len(reasons),
    )


def not_alike(
    scores: ExampleScores,
    baseline: ExampleScores | None,
    examples: ExampleFacts | None,
    whose: str = "the baseline",
) -> str:
    """Why these cannot be put side by side; nothing where they can. `whose` is what messages call the second."""
    count = example_count(scores)
    if baseline is not None and baseline.dataset_sha256 != scores.dataset_sha256:
        return (
            f"the data differ from {whose}'s: its digest is {baseline.dataset_sha256[:12]}, "
            f"and that of these is {scores.dataset_sha256[:12]}"
        )
    if baseline is not None and example_count(baseline) != count:
        return f"there are scores of {examples_text(count)}, and of {example_count(baseline)} of {whose}"
    if examples is not None and len(examples.ids) != count:
        return f"there are scores of {examples_text(count)}, and the data have {len(examples.ids)}"
    return ""


def _metrics(
    scores: ExampleScores,
    baseline: ExampleScores | None,
    metrics: Mapping[str, Metric],
    rows: NDArray[np.bool_],
    seed: int,
) -> tuple[MetricResult, ...]:
    found = []
    for name, values in scores.metrics.items():
        before = None if baseline is None else baseline.metrics.get(name)
        one = metric_result(name, metrics.get(name), values[rows], None if before is None else before[rows], seed)
        if baseline is not None and before is None:
            why = f"{name} has no drop: the baseline has no scores of it"
            one = one.model_copy(update={"note": "; ".join(text for text in (one.note, why) if text)})
        found.append(one)
    return tuple(found)
