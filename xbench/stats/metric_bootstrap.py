"""Intervals of metrics that are no means: macro F1, ROC AUC, calibration error, rank correlation.

A plain bootstrap knows only the changes that it saw: a candidate that answered all examples as the baseline did
would get an interval of no width, though 275 equal answers are no proof of the next. For a mean, `paired_bootstrap`
adds two samples with the largest change for the worse and two for the better, and a resample holds about Poisson(2)
of each. Here the same is done to the value itself: each resample is moved by the sum of Poisson(2) changes
for the worse less that of Poisson(2) for the better. A change is what the metric does where something of one
example becomes that of another example; each kind of example (rows that differ) is as likely as another, so that a
rare class counts as much as a common one; and of 200 tries the quarter that moved the metric most is drawn from.

What is exchanged depends on what the rows hold. Classes and flags: one figure of the row, for each answer may be
given to each example, and where all are right no row that was seen shows an error. Numbers, as predictions with
their true values: the whole row. The figures of such a row belong together: a good model's prediction for one example
with the true value of another is an error that no change by pruning makes, and intervals of R2 with such rows were
ten times too wide. The whole row of another example is one that was seen; this is what `mean_interval` does with
scores that have no bounds, whose extremes are those seen. Where that does not move the metric, as where all numbers
are right, it is one figure here too. The price: no added change is like a rare, large fault that no example shows.
docs/quality-statistics.md has the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from ..records.estimate import Estimate
from .checks import Floats, open_share
from .paired import ends

Value = Callable[[Floats, Floats], float]
"""The metric of examples with these scores, (examples, ...), each counted `weights` times, (examples,)."""

_RESAMPLES = 2_000
_TRIES, _LARGEST = 200, 4
_ADDED = 2.0  # changes for the worse, and as many for the better
_ROUNDING = 1e-12  # a rank correlation of 1 is one but for rounding, whichever row is exchanged


def value_interval(
    value: Value, scores: ArrayLike, confidence: float = 0.95, seed: int = 0, resamples: int = _RESAMPLES
) -> Estimate:
    """The metric of these examples, `scores` (examples, ...), in its own unit; the interval is two-sided.

    `value` is called with resamples as weights, and may raise ValueError where it is not defined, as where a class
    is missing: such a resample is drawn anew, and `method` says how many were. Resamples are moved by twice the bias
    that they show, for a calibration error of resamples is larger than that of the examples, which is larger than
    the true one (Efron and Tibshirani 1993, An Introduction to the Bootstrap, section 10.6); and the interval is cut
    at 0 and 1 where no resample lies beyond, since most metrics cannot either.

    Raises ValueError for fewer than 2 examples, scores or a value that are not finite, a metric that is not
    defined on more than half of the resamples, and scores that are all the same.
    """
    (rows,) = _tables(scores)
    point = _defined(value(rows, np.ones(len(rows))), "of all examples")
    draws = _Draws(rows, resamples, seed)
    found = draws.of(value)
    moved = found + draws.unseen(value, rows, rows) - 2 * (found.mean() - point)
    low, high = ends(moved, len(rows), open_share(confidence, "confidence"))
    low = max(low, 0.0) if found.min() >= 0 else low
    high = min(high, 1.0) if found.max() <= 1 else high
    return Estimate(
        point=point, low=min(low, point), high=max(high, point), confidence=confidence, method=draws.told()
    )


def drop_interval(
    value: Value,
    baseline: ArrayLike,
    candidate: ArrayLike,
    better: Literal["higher", "lower"],
    confidence: float = 0.90,
    seed: int = 0,
    resamples: int = _RESAMPLES,
) -> Estimate:
    """How much worse the candidate is, in the metric's own unit (above 0 is worse); the interval is two-sided.

    Scores of the same examples, (examples, ...) each; both sides are resampled together. A one-sided test at 95 %
    looks at one end of `confidence=0.90`. `value`, its ValueErrors, and the bias are as in `value_interval`. The drop
    of a calibration error with few examples, most of them changed, is still too low about twice as often as it says.

    Raises ValueError as that does, and for scores of different numbers of examples.
    """
    before, after = _tables(baseline, candidate)
    sign = 1.0 if better == "higher" else -1.0
    ones, width = np.ones(len(before)), before.shape[1:]
    start, now = _defined(value(before, ones), "of the baseline"), _defined(value(after, ones), "of the candidate")

    def drop(table: Floats, weights: Floats) -> float:
        first, second = table[:, : before[0].size], table[:, before[0].size :]
        return value(first.reshape(-1, *width), weights) - value(second.reshape(-1, *width), weights)

    draws = _Draws(np.hstack([one.reshape(len(before), -1) for one in (before, after)]), resamples, seed)
    found, point = sign * draws.of(drop), sign * (start - now)
    moved = found + draws.unseen(value, before, after) - 2 * (found.mean() - point)
    low, high = ends(moved, len(before), open_share(confidence, "confidence"))
    return Estimate(
        point=point, low=min(low, point), high=max(high, point), confidence=confidence, method=draws.told()
    )


def _tables(*scores: ArrayLike) -> tuple[Floats, ...]:
    tables = tuple(np.asarray(one, dtype=np.float64) for one in scores)
    if any(one.ndim == 0 or one.shape != tables[0].shape for one in tables):
        raise ValueError(f"scores of shapes {' and '.join(str(one.shape) for one in tables)} cannot be paired")
    if len(tables[0]) < 2:
        raise ValueError(f"{len(tables[0])} examples: an interval needs at least 2")
    if not all(np.isfinite(one).all() for one in tables):
        raise ValueError("scores hold a number that is not finite")
    return tables


def _defined(found: float, what: str) -> float:
    if not math.isfinite(found):
        raise ValueError(f"the value {what} is {found}")
    return float(found)


def _numbers(before: Floats, after: Floats) -> bool:
    """Whether the rows hold numbers only: fractions somewhere, and no column of flags, nor of classes alone."""
    rows = np.concatenate((before, after)).reshape(2 * len(before), -1)
    flags = np.isin(rows, (0.0, 1.0)).all(axis=0)
    return not flags.any() and bool((rows != np.floor(rows)).any())


class _Draws:
    """Resamples of the rows of a table, as weights. Those on which a metric is not defined are drawn anew."""

    def __init__(self, rows: Floats, resamples: int, seed: int) -> None:
        if resamples < 2:
            raise ValueError(f"resamples ({resamples}) must be at least 2")
        self._generator = np.random.default_rng(seed)
        self._rows, self._resamples, self._anew = rows, resamples, 0

    def of(self, figure: Value) -> Floats:
        """The figure of each resample, (resamples,). ValueError where it is not defined on as many as it is."""
        table, counts = np.unique(self._rows, axis=0, return_counts=True)
        if len(table) * 4 > len(self._rows):
            table, counts = self._rows, np.ones(len(self._rows), np.int64)
        owner, found = np.repeat(np.arange(len(table)), counts), np.empty(self._resamples)
        done = 0
        while done < self._resamples:
            drawn = owner[self._generator.integers(0, owner.size, owner.size)]
            weights = np.bincount(drawn, minlength=len(table)).astype(np.float64)
            try:
                found[done] = _defined(figure(table, weights), "of a resample")
                done += 1
            except ValueError as error:
                self._anew += 1
                if self._anew > self._resamples:
                    raise ValueError(f"not defined on more than half of the resamples: {error}") from error
        return found

    def unseen(self, value: Value, before: Floats, after: Floats) -> Floats:
        """What changes that were not seen, as many for the better as for the worse, do to each resample."""
        changes = self._changes(value, before, after)
        return self._sums(changes) - self._sums(changes)

    def _sums(self, changes: Floats) -> Floats:
        """For each resample the sum of Poisson(2) of the changes."""
        owner = np.repeat(np.arange(self._resamples), self._generator.poisson(_ADDED, self._resamples))
        drawn = self._generator.choice(changes, owner.size)
        return np.asarray(np.bincount(owner, drawn, self._resamples), np.float64)

    def _changes(self, value: Value, before: Floats, after: Floats) -> Floats:
        """How far the metric moves where something of one example becomes another example's: the largest moves."""
        for whole in (True, False) if _numbers(before, after) else (False,):
            moves = self._moves(value, before, after, whole)
            if len(moves) and moves[-1] > _ROUNDING:
                return moves[-max(1, len(moves) // _LARGEST) :]
        raise ValueError("no change of one example's score to another's changes the metric")

    def _moves(self, value: Value, before: Floats, after: Floats, whole: bool) -> Floats:
        """How far it moves, try by try, in ascending order. `whole`: rows are exchanged, and otherwise one figure."""
        count, shape = len(before), before.shape
        changed = before.reshape(count, -1).copy()
        pool = np.concatenate((changed, after.reshape(count, -1)))
        kinds = np.unique(changed, axis=0, return_index=True)[1]
        start, moves = value(before, np.ones(count)), []
        for _ in range(_TRIES):
            example, column = self._generator.choice(kinds), self._generator.integers(0, changed.shape[1])
            part = slice(None) if whole else slice(column, column + 1)
            was, other = changed[example].copy(), pool[self._generator.integers(0, 2 * count)]
            if (was[part] == other[part]).all():
                continue
            changed[example, part] = other[part]
            with suppress(ValueError):  # not defined with this change, which then tells nothing
                found = _defined(value(changed.reshape(shape), np.ones(count)), "of one change")
                moves.append(abs(found - start))
            changed[example] = was
        return np.sort(moves)

    def told(self) -> str:
        """How it was done, in words."""
        text = f"bootstrap of {len(self._rows)} examples and four added changes, corrected percentiles, "
        text += f"{self._resamples} resamples"
        return text + (f", {self._anew} drawn anew where the metric is not defined" if self._anew else "")
