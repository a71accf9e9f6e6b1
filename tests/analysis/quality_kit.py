"""Scores by hand, and two metrics that are as simple as they can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xbench.records.quality import ExampleFacts, ExampleScores

DIGEST = "d" * 64


@dataclass(frozen=True)
class Mean:
    """The mean of its scores."""

    name: str = "accuracy"
    better: str = "higher"
    span: float | None = 1.0

    def scores(self, answers, targets):
        return answers["x"]

    def value(self, scores, weights):
        return float(np.average(scores, weights=weights))


@dataclass(frozen=True)
class Correlation(Mean):
    """No mean: Pearson's correlation of the two columns; not defined where one of them is the same throughout."""

    name: str = "pearson"
    span: float | None = None

    def value(self, scores, weights):
        centred = scores - np.average(scores, axis=0, weights=weights)
        spread = np.average(centred**2, axis=0, weights=weights)
        if spread.min() <= 1e-12:
            raise ValueError("all numbers are equal")
        return float(np.average(centred.prod(axis=1), weights=weights) / np.sqrt(spread.prod()))


def plain(variant, digest=DIGEST, failed=None, **metrics):
    """Scores without answers."""
    arrays = {name: np.asarray(values, float) for name, values in metrics.items()}
    return ExampleScores(variant, "cpu", digest, arrays, failed or {})


def answered(variant, answers, labels, confidence=None, digest=DIGEST, failed=None, **more):
    """Accuracy, and what it is of. Failed examples have NaN for a score."""
    answers, labels = np.asarray(answers), np.asarray(labels)
    accuracy = (answers == labels).astype(float)
    accuracy[list(failed or {})] = np.nan
    return ExampleScores(
        variant,
        "cpu",
        digest,
        {"accuracy": accuracy},
        failed or {},
        answers=answers,
        right=answers == labels,
        confidence=None if confidence is None else np.asarray(confidence, float),
        **more,
    )


def facts(count, labels=None, classes=(), **slices):
    ids = np.asarray([f"e{number}" for number in range(count)])
    found = {name: np.asarray(rows, bool) for name, rows in slices.items()}
    return ExampleFacts(ids, None if labels is None else np.asarray(labels), tuple(classes), found)
