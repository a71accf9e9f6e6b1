"""Whether a figure changed from run to run: at a step, or by creeping. Dense in the same run took out the machine."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import special, stats

from ..records.estimate import Estimate
from .checks import Floats, finite_vector
from .levels import changes_of_level, noise_of, without_spikes

ERROR = 0.05
"""How often a series without a change may be called changed: half of it for steps, half for creep."""
LEAST_LEVEL = 3
"""Runs that a level takes: one outlier, or two on one bad day, are no step."""
STEP_RUNS = 9
"""Fewer cannot show a step: the most extreme order of 4 and 4 runs has a chance of 2 in 70, of 5 and 4 2 in 126."""
CREEP_RUNS = 5
"""Fewer cannot show a creep: 4 runs that only rise or fall have a chance of 2 in 24, 5 of 2 in 120."""
LATEST = 200
"""So many runs are looked at, the latest ones."""

_DRAWS, _FEW_DRAWS = 9_999, 999
_FARTHEST, _MAD_TO_DEVIATION = 4.0, 1.4826
_EDGES = 64  # places where a step is sought; the step itself is then placed among all
# Penalty for each level more, in units of ln n. Simulated with one true step of 3 and 5 times the scatter, in 10 to
# 50 runs: another step is found beside it in 0 to 3 % of the series.
_PENALTY = 4.0
_OUTER = 0.1  # memory comes in pages: most of its differences may be 0
_CHUNK = 2_000  # permutations at once: some 10 MB


class Alarm(NamedTuple):
    """p-values that a series does not change: by steps, by creep, and in all. 1 where there are too few runs."""

    steps: float
    creep: float

    @property
    def p_value(self) -> float:
        """Of both together, by Bonferroni: twice the smaller."""
        return min(1.0, 2 * min(self.steps, self.creep))


class Step(NamedTuple):
    """A change of level: from the run with the index `at` on, on `day`. Levels and their difference, 95 %."""

    at: int
    day: float
    before: Estimate
    after: Estimate
    change: Estimate


class Creep(NamedTuple):
    """A steady change, by so much in a week (95 %)."""

    per_week: Estimate


class Changes(NamedTuple):
    """What was found in a series, and `total`: how far the end is from the beginning; None where nothing was."""

    steps: tuple[Step, ...] = ()
    creep: Creep | None = None
    total: Estimate | None = None


def alarm(values: ArrayLike, days: ArrayLike) -> Alarm:
    """Whether a series changes, as p-values. `values`, (runs,), such as logarithms of speedups, by `days`, (runs,).

    - Steps: the values are drawn in to 4 deviations about their median, so that outliers weigh little. The statistic
      is the greatest difference of a stretch of runs from all others, in standard errors of as many runs,
      squared, over all stretches that leave levels of 3 runs at least (the scan of circular binary segmentation,
      Olshen et al. 2004, Biostatistics 5:557-572: a step has one end, a spell that passed has two, and pays
      2 ln(n / 2) for it). Its p-value is the share of
      permutations of the runs that are as extreme, as of E-divisive (Matteson and James 2014, JASA 109:334-345) in
      Daly et al. 2020, "The Use of Change Point Detection to Identify Software Performance Regressions in a
      Continuous Integration System", ICPE: 999 of them, and 9,999 where those leave a doubt. It holds whatever the
      scatter between runs is, if runs are exchangeable; their own errors, which are less, are not looked at.
    - Creep: Kendall's tau of value and day (1938, Biometrika 30:81-93), exact for up to 33 runs without ties.

    Scatter that hangs together from run to run raises false alarms: with an autocorrelation of 0.3 there are some
    12 % in 12 runs and 22 % in 50, with 0.5 22 and 51 %. So does scatter that is wider at one time than at another:
    three times as wide in the first quarter, 10 % in 12 runs and 22 % in 50. docs/history.md has all the rates, by
    simulation.

    Raises ValueError for values or days that are not finite, of unlike lengths, or days that go back.
    """
    series, when = _checked(values, days)
    if np.ptp(series) == 0:
        return Alarm(1.0, 1.0)
    steps = _step_p(series) if series.size >= STEP_RUNS else 1.0
    rises = series.size >= CREEP_RUNS and np.ptp(when) > 0
    return Alarm(steps, float(stats.kendalltau(when, series).pvalue) if rises else 1.0)


def changes(values: ArrayLike, errors: ArrayLike, days: ArrayLike, found: Alarm) -> Changes:
    """Where a series changes for which there is an alarm, and by how much. `errors` are the values' own (runs,).

    Steps are placed by optimal partitioning (`levels.py`) with levels of 3 runs at least. They are told, or a creep,
    whichever was found; where both were, what describes the runs better by Schwarz's criterion (1978, Annals of
    Statistics 6:461-464). Levels are means; their scatter is that of the runs about them, pooled, and not less than
    their own errors; intervals are Student's t, 95 %, with a degree of freedom less for each level and each place. A
    creep is the slope of Theil and Sen (Sen 1968, JASA 63:1379-1389). A small change is found where it looks large:
    its interval then holds the truth in some 90 % (docs/history.md).

    Raises ValueError as `alarm`, and for errors that are negative.
    """
    series, when = _checked(values, days)
    own = finite_vector(errors, "errors")
    if own.size != series.size or (own < 0).any():
        raise ValueError("errors must be as many as values, and not negative")
    bounds = _bounds(series, own) if found.steps <= ERROR / 2 else []
    line = _line(series, when) if found.creep <= ERROR / 2 else None
    if line is not None and (not bounds or _line_is_better(series, when, bounds)):
        return Changes((), Creep(_scaled(line, 7.0)), _scaled(line, float(np.ptp(when))))
    if not bounds:
        return Changes()
    levels = _Levels.of(series, own, bounds)
    steps = tuple(
        Step(at, float(when[at]), levels.level(i), levels.level(i + 1), levels.between(i, i + 1))
        for i, at in enumerate(bounds[1:-1])
    )
    return Changes(steps, None, levels.between(0, len(bounds) - 2))


def too_few(count: int) -> str:
    """What so many runs cannot show, in words; empty where they are enough."""
    if count >= STEP_RUNS:
        return ""
    if count >= CREEP_RUNS:
        return f"{count} runs: a creep can be told, a step takes {STEP_RUNS}"
    return f"too few runs: {count}, a creep takes {CREEP_RUNS}, a step {STEP_RUNS}"


def _checked(values: ArrayLike, days: ArrayLike) -> tuple[Floats, Floats]:
    series, when = finite_vector(values, "values"), finite_vector(days, "days")
    if series.size != when.size:
        raise ValueError(f"{series.size} values and {when.size} days")
    if (np.diff(when) < 0).any():
        raise ValueError("days must not go back")
    return series, when


def _step_p(series: Floats) -> float:
    """By permutation: few ones first, and all where those leave any doubt."""
    centred = _drawn_in(series)
    centred = (centred - centred.mean()) / centred.std()
    largest = float(_largest(centred[None, :])[0]) * (1 - 1e-9)
    rough = _share_above(centred, largest, _FEW_DRAWS)
    return rough if rough > 2 * ERROR else _share_above(centred, largest, _DRAWS)


def _drawn_in(series: Floats) -> Floats:
    """The values, none farther from their median than so many times their scatter about it (from the MAD)."""
    middle = float(np.median(series))
    farthest = _FARTHEST * _MAD_TO_DEVIATION * float(np.median(np.abs(series - middle)))
    return np.clip(series, middle - farthest, middle + farthest) if farthest else series.copy()


def _share_above(values: Floats, largest: float, draws: int) -> float:
    """In how many permutations the statistic is as large, the runs as they were among them."""
    generator = np.random.default_rng(draws)
    above, left = 1, draws
    while left:
        count = min(_CHUNK, left)
        rows = generator.permuted(np.tile(values, (count, 1)), axis=1)
        above += int((_largest(rows) >= largest).sum())
        left -= count
    return above / (draws + 1)


def _largest(rows: Floats) -> Floats:
    """Of each row, of mean 0 and variance 1: the greatest squared standardised sum of a stretch.

    There are about n / 2 times as many stretches with two ends as with one, and so they have to be dearer, or they
    would hide the step that stays.
    """
    count = rows.shape[1]
    dearer = 2 * math.log(count / 2)
    sums = np.concatenate((np.zeros((len(rows), 1)), np.cumsum(rows, axis=1)), axis=1)
    inner = np.unique(np.linspace(LEAST_LEVEL, count - LEAST_LEVEL, _EDGES).round().astype(np.intp))
    largest = np.zeros(len(rows))
    for first in (0, *inner):
        lasts = inner[inner >= first + LEAST_LEVEL]
        if lasts.size:
            lengths = lasts - first
            squares = (sums[:, lasts] - sums[:, [first]]) ** 2 * (count / (lengths * (count - lengths)))
            np.maximum(largest, squares.max(axis=1) - (dearer if first else 0.0), out=largest)
    return largest


def _bounds(series: Floats, errors: Floats) -> list[int]:
    """Where levels begin, with 0 in front and the number of runs behind: two levels at least."""
    own = math.sqrt(float(np.mean(errors**2)))
    noise = noise_of(series, max(own, 1e-9 * float(np.ptp(series))), _OUTER)
    calm = without_spikes(series, noise)
    found = changes_of_level(calm, noise, _PENALTY, LEAST_LEVEL)
    return found if len(found) > 2 else [0, _best_split(calm), series.size]


def _best_split(series: Floats) -> int:
    """Where two levels describe a series best."""
    count = series.size
    before = np.arange(LEAST_LEVEL, count - LEAST_LEVEL + 1)
    sums = np.cumsum(series - series.mean())[before - 1]
    return int(before[np.argmax(sums**2 / (before * (count - before)))])


def _line(series: Floats, when: Floats) -> Estimate:
    """The slope for each day."""
    slope, _, low, high = stats.theilslopes(series, when, 0.95)
    low, high = min(float(low), float(slope)), max(float(high), float(slope))
    method = f"slope of Theil and Sen over {series.size} runs"
    return Estimate(point=float(slope), low=low, high=high, confidence=0.95, method=method)


def _line_is_better(series: Floats, when: Floats, bounds: list[int]) -> bool:
    """Schwarz's criterion: a line has 2 parameters; each step has its place, and a level more."""
    calm = without_spikes(series, noise_of(series, 1e-9 * float(np.ptp(series)), _OUTER))
    rest = calm - np.polyval(np.polyfit(when - when[0], calm, 1), when - when[0])
    levels = [calm[a:b] - calm[a:b].mean() for a, b in pairwise(bounds)]
    return _criterion(rest, 2) <= _criterion(np.concatenate(levels), 2 * len(levels) - 1)


def _criterion(rest: Floats, parameters: int) -> float:
    return rest.size * math.log(max(float(np.mean(rest**2)), 1e-300)) + parameters * math.log(rest.size)


def _scaled(one: Estimate, factor: float) -> Estimate:
    return one.model_copy(update={"point": one.point * factor, "low": one.low * factor, "high": one.high * factor})


class _Levels(NamedTuple):
    """The means of the levels, how many runs each has, and the scatter of a run about them."""

    means: tuple[float, ...]
    counts: tuple[int, ...]
    scatter: float
    freedom: int

    @classmethod
    def of(cls, series: Floats, errors: Floats, bounds: list[int]) -> _Levels:
        parts = [series[a:b] for a, b in pairwise(bounds)]
        freedom = series.size - 2 * len(parts) + 1  # each step was placed where the rest is least
        pooled = sum(float(((part - part.mean()) ** 2).sum()) for part in parts) / freedom
        scatter = math.sqrt(max(pooled, float(np.mean(errors**2))))
        return cls(tuple(float(part.mean()) for part in parts), tuple(p.size for p in parts), scatter, freedom)

    def level(self, which: int) -> Estimate:
        return self._estimate(self.means[which], 1 / self.counts[which], f"mean of {self.counts[which]} runs")

    def between(self, first: int, last: int) -> Estimate:
        share = 1 / self.counts[first] + 1 / self.counts[last]
        told = f"means of {self.counts[first]} and {self.counts[last]} runs"
        return self._estimate(self.means[last] - self.means[first], share, told)

    def _estimate(self, point: float, share: float, told: str) -> Estimate:
        half = float(special.stdtrit(self.freedom, 0.975)) * self.scatter * math.sqrt(share)
        method = f"{told}, t with {self.freedom} d.f."
        return Estimate(point=point, low=point - half, high=point + half, confidence=0.95, method=method)
