"""Parts of the examples by themselves: where a candidate got worse, and which of that is an alarm."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..protocols import Metric
from ..quantities import examples_text
from ..records.quality import ExampleFacts, ExampleScores, SliceResult
from ..stats.alarms import benjamini_hochberg, holm
from ..stats.worse import worse_p_value
from .dropping import Scores, higher_is_better, is_mean, known_drop, known_value
from .flips import flips

Correction = Literal["holm", "benjamini-hochberg"]
Kind = Literal["slice", "class"]
Rows = NDArray[np.bool_]

ALARM = 0.05
# The tests compare with all ways to swap the two models' scores, 2^n of n examples: 4 never come below 5 %.
FEWEST = 5


@dataclass(frozen=True, slots=True)
class Figure:
    """Scores of all examples, (examples,) or (examples, k), and their metric; None: the mean, more is better."""

    name: str
    metric: Metric | None
    candidate: Scores
    baseline: Scores


@dataclass(frozen=True, slots=True)
class Pair:
    """Candidate and baseline of the same data, and the examples, (examples,), that both have scores of."""

    scores: ExampleScores
    baseline: ExampleScores
    rows: Rows
    first: Figure
    seed: int

    @property
    def right(self) -> Figure | None:
        """Right answers; None where the task has none."""
        if self.scores.right is None or self.baseline.right is None:
            return None
        return Figure("right", None, self.scores.right.astype(np.float64), self.baseline.right.astype(np.float64))


def slice_results(
    pair: Pair, examples: ExampleFacts, correction: Correction, label: Callable[[int], str]
) -> tuple[SliceResult, ...]:
    """All slices, then all classes. Alarms are corrected over all that can be tested."""
    found = [_slice(pair, name, "slice", rows) for name, rows in examples.slices.items()]
    found += [_slice(pair, name, "class", rows) for name, rows in _classes(examples, label)]
    return tuple(_corrected(found, correction))


def _corrected(found: Sequence[SliceResult], correction: Correction) -> Iterator[SliceResult]:
    tested = [one.p_value for one in found if one.p_value is not None]
    adjust = holm if correction == "holm" else benjamini_hochberg
    adjusted = iter(adjust(np.asarray(tested)).tolist() if tested else ())
    for one in found:
        if one.p_value is None:
            yield one
            continue
        p = next(adjusted)
        yield one.model_copy(update={"adjusted_p": p, "alarm": p < ALARM})


def _classes(examples: ExampleFacts, label: Callable[[int], str]) -> Iterator[tuple[str, Rows]]:
    """Classes that have a name, though no example has them, and those of the examples."""
    if examples.labels is None:
        return
    seen = set(np.unique(examples.labels[examples.labels >= 0]).tolist())
    for number in sorted(seen | set(range(len(examples.classes)))):
        name = examples.classes[number] if number < len(examples.classes) else label(number)
        yield name, examples.labels == number


def _slice(pair: Pair, name: str, kind: Kind, members: Rows) -> SliceResult:
    rows = members & pair.rows
    count = int(rows.sum())
    if count == 0:
        why = "0 examples" if not members.any() else f"none of {examples_text(int(members.sum()))} could be scored"
        return SliceResult(slice=name, kind=kind, examples=0, note=why)
    figure = _figure(pair, kind)
    candidate, baseline = figure.candidate[rows], figure.baseline[rows]
    value, no_value = known_value(figure.name, figure.metric, candidate)
    before, no_before = known_value(figure.name, figure.metric, baseline)
    drop, no_drop = known_drop(figure.name, figure.metric, baseline, candidate, pair.seed)
    p_value, untested = _p_value(pair, figure, rows)
    return SliceResult(
        slice=name,
        kind=kind,
        examples=count,
        metric=figure.name,
        value=value,
        baseline=before,
        drop=drop,
        flips=flips(pair.scores, pair.baseline, rows),
        p_value=p_value,
        note="; ".join(text for text in (no_value or no_before or no_drop, untested) if text),
    )


def _figure(pair: Pair, kind: Kind) -> Figure:
    """What is shown: of a class by itself, F1 or a correlation means nothing, and the share of right answers does."""
    if kind == "class" and not is_mean(pair.first.metric):
        return pair.right or pair.first
    return pair.first


def _p_value(pair: Pair, figure: Figure, rows: Rows) -> tuple[float | None, str]:
    """That the candidate is no worse on these examples, and why there is no such figure."""
    count = int(rows.sum())
    if count < FEWEST:
        return None, f"{examples_text(count)}: too few for an alarm, which takes {FEWEST}"
    tested = figure if is_mean(figure.metric) else pair.right
    if tested is None:
        return None, f"not tested: {figure.name} is no mean of the examples, and the task has no right answers"
    baseline, candidate = higher_is_better(tested.metric, tested.baseline[rows], tested.candidate[rows])
    return worse_p_value(baseline, candidate, seed=pair.seed), ""
