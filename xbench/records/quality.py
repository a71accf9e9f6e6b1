"""Quality: the data, what each example scored, and the paired comparison with the baseline."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .base import Record
from .estimate import Estimate

Better = Literal["higher", "lower"]
"""Which values of a metric are the better ones."""


class DataFacts(Record):
    """What the data are. `sha256` is of the contents that are used, `version` what the user calls them."""

    source: str
    sha256: str
    examples: int
    version: str = ""


@dataclass(frozen=True, slots=True)
class ExampleFacts:
    """What is known of the examples before any model answers; the same for all variants of a run.

    `ids`: (examples,) text. `labels`: the number of each example's class, (examples,), -1 where it has none; None
    where the task has no classes. `classes`: their names by number. `slices`: which examples lie in each, by the
    slice's name, (examples,) of truth values, in the order in which they are told.
    """

    ids: NDArray[np.str_]
    labels: NDArray[np.int64] | None = None
    classes: tuple[str, ...] = ()
    slices: dict[str, NDArray[np.bool_]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ExampleScores:
    """Scores of one variant on one device.

    `dataset_sha256` is the digest of the examples: only equal data are compared. `metrics`: by name, float64, shape
    (examples,) where the metric is the mean of them, else (examples, k), of which the metric makes its value.
    `failed`: reasons by the number of an example that could not be scored; its row is NaN in every metric.

    Where the task has answers: `answers` are their codes, int64 (examples,), equal where the answers are;
    `right` whether each is; `confidence` its probability, NaN where there is none. A task's `label` names a code.
    `divergence`: from the baseline's outputs, of the kind that is named: `kl` is the Kullback-Leibler divergence of
    the candidate from the baseline in nats, `cosine` is 1 less the cosine of the two embeddings; (examples,).
    """

    variant: str
    hardware: str
    dataset_sha256: str
    metrics: dict[str, NDArray[np.float64]]
    failed: dict[int, str] = field(default_factory=dict)
    answers: NDArray[np.int64] | None = None
    right: NDArray[np.bool_] | None = None
    confidence: NDArray[np.float64] | None = None
    divergence: NDArray[np.float64] | None = None
    divergence_kind: Literal["", "kl", "cosine"] = ""


class MetricResult(Record):
    """A metric's value for a variant and, but for the baseline, its drop against the baseline.

    `drop` says how much worse the candidate is, in the metric's own units: positive is worse, whichever way the
    metric points. Its interval is two-sided at 90 %, so that each side is a one-sided test at 95 %. `interval` is
    the value's own, two-sided at 95 %; None in records from before it was computed. Where one of them is not
    defined, as a correlation of equal numbers, it is None and `note` says why.
    """

    metric: str
    value: float | None
    examples: int
    drop: Estimate | None = None
    better: Better = "higher"
    interval: Estimate | None = None
    note: str = ""


class ExampleError(Record):
    """An example that could not be scored, and why."""

    index: int
    id: str
    reason: str


class Flips(Record):
    """Answers of the candidate against the baseline's, example by example; counts of all that both answered.

    arXiv 2407.09141 (Accuracy is Not All You Need) calls a flip an answer that goes from right to wrong or from
    wrong to right; answers that go from wrong to another wrong one are counted beside.
    """

    examples: int
    right_to_wrong: int
    wrong_to_right: int
    wrong_to_other_wrong: int
    agreement: Estimate

    @property
    def flips(self) -> int:
        """Right to wrong, and wrong to right."""
        return self.right_to_wrong + self.wrong_to_right


class Divergence(Record):
    """How far the outputs moved from the baseline's: mean over the examples, and the largest percentile told.

    `interval` is the mean's, two-sided at 95 %; None where all examples moved equally far, as by nothing at all: an
    example that was not seen may move by anything.
    """

    kind: Literal["kl", "cosine"]
    mean: float
    interval: Estimate | None = None
    p99: float
    examples: int


class SliceResult(Record):
    """The first metric on a part of the examples, against the baseline on the same.

    `kind`: a slice of the suite, or a class of the task. `metric`: what the figures are of; `right` is the share of
    right answers, which takes the place of a metric that means nothing for one class alone. `examples`: those that
    both models have scores of. `p_value`: one-sided, that it is no worse than the baseline; `adjusted_p` after the
    suite's correction over all slices and classes of this variant and device; `alarm` where that is below 5 %.
    `note` says why there is no figure, or none of those.
    """

    slice: str
    kind: Literal["slice", "class"]
    examples: int
    metric: str = ""
    value: float | None = None
    baseline: float | None = None
    drop: Estimate | None = None
    flips: Flips | None = None
    p_value: float | None = None
    adjusted_p: float | None = None
    alarm: bool = False
    note: str = ""


class Exemplar(Record):
    """An example that all dense models answer rightly, and the candidate does not (arXiv 1911.05248).

    `label`: its class, or the right answer. `dense` and `answer`: what the baseline and the candidate say.
    `lost_by`: how many of the pruned variants on this device do not answer it rightly, this one among them.
    """

    index: int
    id: str
    label: str
    dense: str
    answer: str
    dense_confidence: float | None = None
    confidence: float | None = None
    lost_by: int = 1
    slices: tuple[str, ...] = ()


class QualityResult(Record):
    """All metrics of one variant on one device; or the reason why there are none.

    `errors` are the first of `error_count` examples that could not be scored. `exemplars` are the first of
    `exemplar_count`, those that most variants lose first. `reused` says which recorded baseline the scores are from.
    `correction` is that of the alarms.
    """

    variant: str
    hardware: str
    metrics: tuple[MetricResult, ...] = ()
    failure: str = ""
    dataset_sha256: str = ""
    errors: tuple[ExampleError, ...] = ()
    error_count: int = 0
    flips: Flips | None = None
    divergence: Divergence | None = None
    slices: tuple[SliceResult, ...] = ()
    exemplars: tuple[Exemplar, ...] = ()
    exemplar_count: int = 0
    reused: str = ""
    correction: Literal["", "holm", "benjamini-hochberg"] = ""

    def metric(self, name: str) -> MetricResult | None:
        """One metric by its name."""
        return next((result for result in self.metrics if result.metric == name), None)


class QualityPlan(Record):
    """What a gate on quality can decide, said before anything is run.

    `examples`: how many there are, in all or in the `slice`. `needed`: how many a pass needs, if the share
    `expected_change` of them changes and the truth is no drop (power 80 %, one-sided at `confidence`). `smallest`:
    the smallest true drop that as many examples detect, under the same. `decidable` is false where no outcome on
    these data could pass.
    """

    gate: str
    bound: float
    examples: int
    expected_change: float
    decidable: bool
    needed: int | None = None
    smallest: float | None = None
    text: str
    slice: str = ""
    confidence: float = 0.95
