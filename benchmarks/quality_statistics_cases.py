"""Examples with a known truth, drawn by chance: what the intervals and tests of quality are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]
Draw = Callable[[np.random.Generator, int, float], Pair]

RANKS = np.append(1 / np.arange(1, 20), 0.0)
FOUND_AT = np.append([0.47, 0.14, 0.08, 0.05, 0.03], np.full(15, 0.23 / 15))
POPULATION = 1_000_000


def reciprocal_ranks(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """Reciprocal ranks of a baseline, and of a candidate that ranks a share of them anew, and worse."""
    before = generator.choice(20, n, p=FOUND_AT)
    anew = np.clip(generator.choice(20, n, p=FOUND_AT) + generator.integers(0, 6, n), 0, 19)
    return RANKS[before], RANKS[np.where(generator.random(n) < changed, anew, before)]


def briers(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """Brier scores of two classes by a model that is right as often as it says; the candidate is less sure."""
    sure, drawn = generator.beta(5, 1, n), generator.random(n)
    less = np.where(generator.random(n) < changed, (sure + 0.5) / 2, sure)
    right = drawn < sure
    first, second = (2 * np.where(right, 1 - one, one) ** 2 for one in (sure, less))
    return first, second


def gains(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """Scores like nDCG: 1 for six of ten, the rest anywhere; the candidate draws a share of them anew, and lower."""
    before, anew = (np.where(generator.random(n) < 0.6, 1.0, generator.random(n)) for _ in range(2))
    return before, np.where(generator.random(n) < changed, 0.9 * anew, before)


def classes(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """(answer, right class), five classes of which the rarest has 5 %."""
    target = generator.choice(5, n, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    before = np.where(generator.random(n) < 0.9, target, generator.integers(0, 5, n))
    anew = np.where(generator.random(n) < 0.7, generator.integers(0, 5, n), target)
    after = np.where(generator.random(n) < changed, anew, before)
    return np.column_stack([before, target]).astype(np.float64), np.column_stack([after, target]).astype(np.float64)


def ranked(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """(score, whether right), three of ten right; the candidate scores a share anew, and less well."""
    target = generator.random(n) < 0.3
    before = target * 1.5 + generator.normal(0, 1, n)
    after = np.where(generator.random(n) < changed, target * 0.5 + generator.normal(0, 1, n), before)
    return np.column_stack([before, target]), np.column_stack([after, target])


def confident(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """(confidence, whether right), a little too sure; the candidate is surer, and more often wrong, on a share."""
    sure = 0.5 + generator.beta(6, 1.5, n) / 2
    right, hit = generator.random(n) < sure - 0.05, generator.random(n) < changed
    now_right = np.where(hit, generator.random(n) < sure - 0.2, right)
    return np.column_stack([sure, right]), np.column_stack([np.where(hit, (sure + 1) / 2, sure), now_right])


def predicted(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """(prediction, truth) of a number; the candidate adds noise to a share."""
    truth = generator.normal(0, 1, n)
    before = truth + generator.normal(0, 0.5, n)
    after = before + (generator.random(n) < changed) * generator.normal(0, 0.5, n)
    return np.column_stack([before, truth]), np.column_stack([after, truth])


def squared(generator: np.random.Generator, n: int, changed: float) -> Pair:
    """The squared errors of `predicted`, (examples, 1)."""
    before, after = (np.square(one[:, :1] - one[:, 1:]) for one in predicted(generator, n, changed))
    return before, after


@dataclass(frozen=True)
class Mean:
    """Scores of which the mean is the metric; more is better but for `lower`."""

    title: str
    draw: Draw
    span: float
    lower: bool = False

    def truth(self, changed: float) -> tuple[float, float]:
        """The mean of the candidate, and its drop, of a population."""
        before, after = self.draw(np.random.default_rng(0), POPULATION, changed)
        drop = float((before - after).mean())
        return float(after.mean()), -drop if self.lower else drop


MEANS = {
    "mrr": Mean("reciprocal rank", reciprocal_ranks, 1.0),
    "brier": Mean("Brier score", briers, 2.0, lower=True),
    "ndcg": Mean("like nDCG", gains, 1.0),
}
OTHERS: dict[str, Draw] = {
    "f1_macro": classes,
    "roc_auc": ranked,
    "ece": confident,
    "spearman": predicted,
    "r2": predicted,
    "rmse": squared,
}
"""Metrics of xbench that are no means, by their names."""
