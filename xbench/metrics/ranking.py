"""Metrics of retrieval, as trec_eval defines them. None takes a query that no document answers.

Answers are `grades`, (queries, documents): the grades of the documents as they were ranked, best first; above 0 is
relevant. Targets are `ideal`, the same grades in descending order.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from ..protocols import Rows
from .shape import Array, ShippedMetric, mean_metric

RETRIEVAL = ("retrieval",)

_Ranking = Callable[[Array, Array, int | None], Array]
"""From grades, ideal grades, and the cut-off (None: all documents) to a score for each query."""


def _recall(grades: Array, ideal: Array, k: int | None) -> Array:
    return np.asarray(_relevant(grades[:, :k]) / _relevant(ideal))


def _precision(grades: Array, ideal: Array, k: int | None) -> Array:
    """Of `k`, even where there are fewer documents."""
    return np.asarray(_relevant(grades[:, :k]) / (grades.shape[1] if k is None else k))


def _success(grades: Array, ideal: Array, k: int | None) -> Array:
    return (_relevant(grades[:, :k]) > 0).astype(np.float64)


def _ndcg(grades: Array, ideal: Array, k: int | None) -> Array:
    """The gain is the grade, and the discount log2(rank + 1): Jarvelin and Kekalainen 2002, as in trec_eval."""
    return np.asarray(_gain(grades[:, :k]) / _gain(ideal[:, :k]))


def _average_precision(grades: Array, ideal: Array, k: int | None) -> Array:
    """Of all relevant documents, those that are not among the first `k` too."""
    hits = grades[:, :k] > 0
    ranks = np.arange(1, hits.shape[1] + 1)
    return np.asarray((hits.cumsum(axis=1) / ranks * hits).sum(axis=1) / _relevant(ideal))


def _reciprocal_rank(grades: Array, ideal: Array, k: int | None) -> Array:
    hits = grades[:, :k] > 0
    return np.where(hits.any(axis=1), 1.0 / (hits.argmax(axis=1) + 1), 0.0)


def _relevant(grades: Array) -> Array:
    return np.asarray((grades > 0).sum(axis=1), np.float64)


def _gain(grades: Array) -> Array:
    discounts = np.log2(np.arange(2, grades.shape[1] + 2))
    return np.asarray((np.maximum(grades, 0.0) / discounts).sum(axis=1))


def _scores(answers: Rows, targets: Rows, ranking: _Ranking, k: int | None) -> Array:
    grades, ideal = np.asarray(answers["grades"], np.float64), np.asarray(targets["ideal"], np.float64)
    if not (_relevant(ideal) > 0).all():
        raise ValueError("no document answers this query")
    return ranking(grades, ideal, k)


def _metric(name: str, ranking: _Ranking, k: int | None, what: str, trec: str) -> ShippedMetric:
    scoring = functools.partial(_scores, ranking=ranking, k=k)
    return mean_metric(name, RETRIEVAL, "higher", 1.0, scoring, what, f"trec_eval {trec}")


METRICS = (
    _metric("mrr", _reciprocal_rank, None, "1 / rank of the first relevant document", "recip_rank"),
    _metric("ndcg", _ndcg, None, "discounted gain of all documents, as a share of the best order's", "ndcg"),
    _metric("map", _average_precision, None, "precision at each relevant document, averaged", "map"),
)


def recall(k: int) -> ShippedMetric:
    """The share of all relevant documents that is among the first `k`."""
    return _metric(f"recall_at_{k}", _recall, k, f"share of the relevant documents in the first {k}", "recall")


def precision(k: int) -> ShippedMetric:
    """The share of the first `k` documents that is relevant."""
    return _metric(f"precision_at_{k}", _precision, k, f"share of the first {k} that is relevant", "P")


def success(k: int) -> ShippedMetric:
    """Whether any of the first `k` documents is relevant."""
    return _metric(f"success_at_{k}", _success, k, f"share with a relevant document in the first {k}", "success")


def ndcg(k: int) -> ShippedMetric:
    """Normalised discounted cumulative gain of the first `k` documents."""
    return _metric(f"ndcg_at_{k}", _ndcg, k, f"`ndcg` of the first {k}", "ndcg_cut")


def average_precision(k: int) -> ShippedMetric:
    """Average precision, where documents after the first `k` count as not found."""
    return _metric(f"map_at_{k}", _average_precision, k, f"`map` of the first {k}", "map_cut")


def reciprocal_rank(k: int) -> ShippedMetric:
    """1 / rank of the first relevant document, 0 where it is not among the first `k`."""
    return _metric(f"mrr_at_{k}", _reciprocal_rank, k, f"`mrr`, 0 where none is in the first {k}", "recip_rank, cut")
