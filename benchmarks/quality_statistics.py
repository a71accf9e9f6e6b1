"""What the statistics of quality promise, and what they keep: simulated, with a known truth.

    python benchmarks/quality_statistics.py [--only SECTION] [--json results/quality_statistics.json]
    python benchmarks/quality_statistics.py --page [--check]

Sections: `accuracy` (Tango's interval of the drop), `means` (the bootstraps of mean scores), `others` (those of
macro F1, ROC AUC and their like), `shares` (Wilson's interval), `detected` (the smallest drop that is found), `gates`
(how often a gate passes), `alarms` (of 20 slices). The file is written after each, and its rows are replaced. With
--page the tables of docs/quality-statistics.md are written from the file, and nothing is run. Nothing is timed: the
figures are the same on each machine with the same versions of NumPy and SciPy. `--quick` takes a few repetitions, to
see whether it works.

Needs the extra `quality`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray
from paging import Row
from quality_statistics_cases import MEANS, OTHERS, POPULATION
from quality_statistics_page import JSON, PAGE, SECTIONS, filled
from scipy import stats
from simulating import simulate_or_page

from xbench.metrics.choosing import metric
from xbench.records.estimate import Estimate
from xbench.stats.alarms import benjamini_hochberg, holm
from xbench.stats.detecting import smallest_drop
from xbench.stats.means import mean_interval
from xbench.stats.metric_bootstrap import drop_interval, value_interval
from xbench.stats.paired import non_inferior, paired_bootstrap, samples_for_margin, tango_interval
from xbench.stats.proportions import wilson_interval
from xbench.stats.worse import worse_p_value

SCHEMA = "xbench.quality-statistics/1"
COUNTS = (50, 275, 1000, 5000)
CHANGED = (0.005, 0.02, 0.1, 0.4)
DISCORDANT = (0.02, 0.05, 0.1, 0.2)
WORSE_OF_CHANGED = 0.75  # of the changes of right and wrong, how many are for the worse
GATE = 0.90  # two-sided: one side of it is what a gate looks at

Counts = list[tuple[int, int]]


def held(found: list[Estimate], truth: float) -> Row:
    """How often intervals hold the truth, lie below it (for a drop: a false pass), and how wide they are."""
    return {
        "covered": float(np.mean([one.low <= truth <= one.high for one in found])),
        "below": float(np.mean([one.high < truth for one in found])),
        "width": float(np.mean([one.high - one.low for one in found])),
        "repetitions": len(found),
    }


def discordant(generator: np.random.Generator, n: int, changed: float, drop: float, repetitions: int) -> Counts:
    """How often only the baseline, and only the candidate was right, time by time."""
    shares = [(changed + drop) / 2, (changed - drop) / 2, 1 - changed]
    return [(b, c) for b, c, _ in generator.multinomial(n, shares, repetitions).tolist()]


def gate_intervals(pairs: Counts, n: int) -> list[Estimate]:
    """The interval that a gate looks at, of each; equal ones are computed once."""
    known = {pair: tango_interval(*pair, n, GATE) for pair in set(pairs)}
    return [known[pair] for pair in pairs]


def of_accuracy(quick: bool) -> Iterator[Row]:
    """Tango's interval of the drop in accuracy."""
    generator, repetitions = np.random.default_rng(1), 100 if quick else 4000
    for n in COUNTS[:1] if quick else COUNTS:
        for changed in CHANGED:
            drop = changed * (2 * WORSE_OF_CHANGED - 1)
            pairs = discordant(generator, n, changed, drop, repetitions)
            yield {"examples": n, "changed": changed, **held(gate_intervals(pairs, n), drop)}


def of_means(quick: bool) -> Iterator[Row]:
    """The bootstraps of means: of the drop, and of the value of the candidate."""
    resamples = 50 if quick else 500
    for name, case in MEANS.items():
        for n in COUNTS[:1] if quick else COUNTS:
            repetitions = 5 if quick else min(400, 500_000 // n)
            for changed in CHANGED:
                generator = np.random.default_rng(2)
                value, drop = case.truth(changed)
                pairs = [case.draw(generator, n, changed) for _ in range(repetitions)]
                better = [(after, before) if case.lower else (before, after) for before, after in pairs]
                drops = [paired_bootstrap(*one, GATE, 0, resamples, case.span) for one in better]
                values = [mean_interval(after, case.span, 0.95, 0, resamples) for _, after in pairs]
                yield {
                    "metric": name,
                    "examples": n,
                    "changed": changed,
                    "drop": held(drops, drop),
                    "value": held(values, value),
                }


def of_others(quick: bool) -> Iterator[Row]:
    """The bootstraps of metrics that are no means: of the drop, and of the value of the candidate."""
    repetitions, resamples = (3, 20) if quick else (150, 300)
    for name, draw in OTHERS.items():
        figure = metric(name)
        for n in (50,) if quick else (50, 275):
            for changed in (0.1,) if quick else CHANGED:
                before, after = draw(np.random.default_rng(0), POPULATION // (100 if quick else 1), changed)
                ones = np.ones(len(before))
                value = figure.value(after, ones)
                drop = (figure.value(before, ones) - value) * (1 if figure.better == "higher" else -1)
                generator = np.random.default_rng(3)
                pairs = [draw(generator, n, changed) for _ in range(repetitions)]
                drops = [drop_interval(figure.value, *one, figure.better, GATE, 0, resamples) for one in pairs]
                values = [value_interval(figure.value, after, 0.95, 0, resamples) for _, after in pairs]
                yield {
                    "metric": name,
                    "examples": n,
                    "changed": changed,
                    "drop": held(drops, drop),
                    "value": held(values, value),
                }


def of_shares(quick: bool) -> Iterator[Row]:
    """Wilson's interval, exactly: summed over all outcomes."""
    for n in COUNTS[:1] if quick else COUNTS:
        found = [wilson_interval(k, n) for k in range(n + 1)]
        for share in (0.5, 0.9, 0.98, 0.995):
            chance = stats.binom.pmf(np.arange(n + 1), n, share)
            covered = sum(p for p, one in zip(chance, found, strict=True) if one.low <= share <= one.high)
            yield {"examples": n, "share": share, "covered": float(covered)}


def exact_p_values(pairs: Counts) -> NDArray[np.float64]:
    """`worse_p_value` of each, for right and wrong; equal ones are computed once."""
    known = {(b, c): worse_p_value([1] * b + [0] * c + [1], [0] * b + [1] * c + [1]) for b, c in set(pairs)}
    return np.array([known[pair] for pair in pairs])


def of_detected(quick: bool) -> Iterator[Row]:
    """The smallest drop that is found at 80 % by the formula, and how often it is in truth."""
    generator, repetitions = np.random.default_rng(4), 100 if quick else 4000
    for n in (275,) if quick else (275, 5000):
        for changed in DISCORDANT:
            drop = smallest_drop(n, changed)
            row: Row = {"examples": n, "changed": changed, "drop": drop if np.isfinite(drop) else None}
            if row["drop"] is not None:
                pairs = discordant(generator, n, changed, drop, repetitions)
                row["by_interval"] = float(np.mean([one.low > 0 for one in gate_intervals(pairs, n)]))
                row["by_alarm"] = float((exact_p_values(pairs) < 0.05).mean())
            yield row


def of_gates(quick: bool) -> Iterator[Row]:
    """How often a gate on accuracy passes: what is as good, and what is worse by just the margin."""
    generator, repetitions = np.random.default_rng(5), 100 if quick else 4000
    for n in (275,) if quick else (275, 5000):
        for changed in DISCORDANT:
            for margin in (0.01, 0.02, 0.05):
                row: Row = {"examples": n, "changed": changed, "margin": margin}
                row["needed"] = samples_for_margin(changed, margin)
                for name, drop in (("passed", 0.0), ("false_pass", margin)):
                    if drop <= changed:
                        found = gate_intervals(discordant(generator, n, changed, drop, repetitions), n)
                        row[name] = float(np.mean([non_inferior(one, margin) == "pass" for one in found]))
                yield row


def of_alarms(quick: bool) -> Iterator[Row]:
    """Alarms of 20 slices, 5 of which lost a share of their answers, or none."""
    generator, repetitions = np.random.default_rng(6), 50 if quick else 2000
    for n in (50, 100, 250):
        for drop in (0.0, 0.05, 0.1, 0.2):
            p = np.empty((repetitions, 20))
            for which in range(20):
                worse = drop if which < 5 else 0.0
                p[:, which] = exact_p_values(discordant(generator, n, max(0.1, worse * 1.25), worse, repetitions))
            row: Row = {"examples": n, "drop": drop}
            corrections: tuple[tuple[str, Callable[..., NDArray[np.float64]]], ...]
            corrections = (("none", np.asarray), ("holm", holm), ("benjamini_hochberg", benjamini_hochberg))
            for name, adjusted in corrections:
                alarms = np.array([adjusted(one) for one in p]) < 0.05
                false = alarms[:, 5 if drop else 0 :]
                row[name] = {
                    "any_false": float(false.any(axis=1).mean()),
                    "false_share": float((false.sum(axis=1) / np.maximum(1, alarms.sum(axis=1))).mean()),
                    "found": float(alarms[:, :5].mean()) if drop else None,
                }
            yield row


RUN: dict[str, Callable[[bool], Iterator[Row]]] = {
    "accuracy": of_accuracy,
    "shares": of_shares,
    "means": of_means,
    "others": of_others,
    "detected": of_detected,
    "gates": of_gates,
    "alarms": of_alarms,
}


if __name__ == "__main__":
    sys.exit(simulate_or_page(__doc__, PAGE, JSON, SCHEMA, SECTIONS, RUN, filled))
