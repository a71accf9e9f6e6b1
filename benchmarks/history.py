"""How often histories call a change that is none, and how often they find one: simulated, with a known truth.

    python benchmarks/history.py [--only SECTION] [--json results/history.json]
    python benchmarks/history.py --page [--check]

Sections: `unchanged` (series without a change), `changed` (jumps, creeps and spells), `many` (series together). The
file is written after each, and its rows are replaced. With --page the tables of docs/history.md are written from the
file, and nothing is run. Nothing is timed: the figures are the same on each machine with the same versions of NumPy
and SciPy. `--quick` takes a few repetitions, to see whether it works.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
from history_page import JSON, PAGE, SECTIONS, filled
from numpy.typing import NDArray
from paging import Row
from scipy import signal
from simulating import simulate_or_page

from xbench.stats.alarms import benjamini_hochberg
from xbench.stats.changepoint import ERROR, LEAST_LEVEL, Alarm, Changes, alarm, changes

SCHEMA = "xbench.history-statistics/1"
SCATTER = 0.01  # of a run, relative: 1 %
WEEK = 7.0
Floats = NDArray[np.float64]
Draw = Callable[[np.random.Generator, int], Floats]


def calm(generator: np.random.Generator, n: int) -> Floats:
    """Independent, normal."""
    return generator.normal(0, SCATTER, n)


def tails(generator: np.random.Generator, n: int) -> Floats:
    """Student's t with 3 degrees of freedom."""
    return generator.standard_t(3, n) * SCATTER


def outlier(generator: np.random.Generator, n: int) -> Floats:
    """One run off by ten times the scatter."""
    values = calm(generator, n)
    values[generator.integers(n)] += 10 * SCATTER
    return values


def uneven(generator: np.random.Generator, n: int) -> Floats:
    """The first quarter of the runs scatters three times as widely."""
    values = calm(generator, n)
    values[: n // 4] *= 3
    return values


def hanging_together(share: float) -> Draw:
    """Each run keeps a share of what the one before it was off by."""

    def draw(generator: np.random.Generator, n: int) -> Floats:
        shocks = generator.normal(0, SCATTER, n + 50)
        return np.asarray(signal.lfilter([1.0], [1.0, -share], shocks)[50:])

    return draw


SCATTERS: dict[str, Draw] = {
    "normal": calm,
    "heavy tails (t, 3 d.f.)": tails,
    "one run off by 10 %": outlier,
    "first quarter 3 times as wide": uneven,
    "autocorrelation 0.3": hanging_together(0.3),
    "autocorrelation 0.5": hanging_together(0.5),
}


def jump(size: float, at: float) -> Callable[[int], Floats]:
    """A step behind this share of the runs."""
    return lambda n: np.where(np.arange(n) < round(at * n), 0.0, size)


def last_runs(size: float) -> Callable[[int], Floats]:
    """A step that only as many runs have seen as a level takes."""
    return lambda n: np.where(np.arange(n) < n - LEAST_LEVEL, 0.0, size)


def creep(each_week: float) -> Callable[[int], Floats]:
    """So much more in each run."""
    return lambda n: np.arange(n) * each_week


def spell(size: float) -> Callable[[int], Floats]:
    """The middle third is elsewhere."""
    return lambda n: np.where((np.arange(n) >= n // 3) & (np.arange(n) < 2 * n // 3), size, 0.0)


TRUTHS: dict[str, tuple[str, Callable[[int], Floats]]] = {
    "jump of 5 % in the middle": ("step", jump(0.05, 0.5)),
    "jump of 3 % in the middle": ("step", jump(0.03, 0.5)),
    "jump of 2 % in the middle": ("step", jump(0.02, 0.5)),
    "jump of 5 %, the last three runs": ("step", last_runs(0.05)),
    "creep of 1 % a week": ("creep", creep(0.01)),
    "creep of 0.25 % a week": ("creep", creep(0.0025)),
    "3 % elsewhere in the middle third": ("steps", spell(0.03)),
}


def looked_at(values: Floats) -> tuple[Alarm, Changes]:
    """A series by itself: weekly runs whose own errors are not known."""
    days = np.arange(values.size) * WEEK
    found = alarm(values, days)
    told = changes(values, np.zeros(values.size), days, found) if found.p_value <= ERROR else Changes()
    return found, told


def of_unchanged(quick: bool) -> Iterator[Row]:
    """False alarms."""
    repetitions = 20 if quick else 1000
    for name, draw in SCATTERS.items():
        for n in (12,) if quick else (6, 9, 12, 20, 50):
            generator = np.random.default_rng(1)
            found = [alarm(draw(generator, n), np.arange(n) * WEEK) for _ in range(repetitions)]
            yield {
                "scatter": name,
                "runs": n,
                "false": float(np.mean([one.p_value <= ERROR for one in found])),
                "steps": float(np.mean([one.steps <= ERROR / 2 for one in found])),
                "creep": float(np.mean([one.creep <= ERROR / 2 for one in found])),
                "repetitions": repetitions,
            }


def of_changed(quick: bool) -> Iterator[Row]:
    """How often a change is found, called what it is, placed and measured."""
    repetitions = 10 if quick else 200
    for scatter in ("normal", "heavy tails (t, 3 d.f.)"):
        for name, (kind, truth) in TRUTHS.items():
            for n in (12,) if quick else (6, 8, 12, 20, 50):
                generator = np.random.default_rng(2)
                told = [looked_at(truth(n) + SCATTERS[scatter](generator, n))[1] for _ in range(repetitions)]
                yield {"scatter": scatter, "truth": name, "runs": n, **_rates(told, kind, truth(n))}


def _rates(told: list[Changes], kind: str, truth: Floats) -> Row:
    found = [one for one in told if one.total is not None]
    right = [one for one in found if _called(one) == kind]
    ends = [one.total for one in right if one.total is not None]
    at = int(np.argmax(np.diff(truth) != 0)) + 1
    placed = [abs(one.steps[0].at - at) <= 1 for one in right if one.steps]
    return {
        "found": len(found) / len(told),
        "called_right": len(right) / len(found) if found else None,
        "placed": float(np.mean(placed)) if placed else None,
        "covered": float(np.mean([one.low <= truth[-1] - truth[0] <= one.high for one in ends])) if ends else None,
        "repetitions": len(told),
    }


def _called(one: Changes) -> str:
    if one.creep is not None:
        return "creep"
    return {1: "step", 2: "steps"}.get(len(one.steps), "more")


def of_many(quick: bool) -> Iterator[Row]:
    """100 series of 20 runs together, some of which jump."""
    repetitions, n, series = (2 if quick else 20), 20, 100
    for changed in (0, 1, 10):
        for size in (0.02, 0.05) if changed else (0.0,):
            generator = np.random.default_rng(3)
            any_false, shares, found = [], [], []
            for _ in range(repetitions):
                values = generator.normal(0, SCATTER, (series, n))
                values[:changed, n // 2 :] += size
                p = [alarm(one, np.arange(n) * WEEK).p_value for one in values]
                called = benjamini_hochberg(p) < ERROR
                any_false.append(bool(called[changed:].any()))
                shares.append(called[changed:].sum() / max(1, called.sum()))
                found.append(float(called[:changed].mean()) if changed else 0.0)
            yield {
                "changed": changed,
                "jump": size,
                "any_false": float(np.mean(any_false)),
                "false_share": float(np.mean(shares)),
                "found": float(np.mean(found)) if changed else None,
                "repetitions": repetitions,
            }


RUN: dict[str, Callable[[bool], Iterator[Row]]] = {
    "unchanged": of_unchanged,
    "changed": of_changed,
    "many": of_many,
}


if __name__ == "__main__":
    sys.exit(simulate_or_page(__doc__, PAGE, JSON, SCHEMA, SECTIONS, RUN, filled))
