"""Where the documents that answer a query stand, when all are ranked by their similarity to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import all_finite

CHUNK_NUMBERS = 4_000_000
"""Similarities that are held at once, and grades as many: queries are ranked so many at a time."""


@dataclass(frozen=True, slots=True)
class Judged:
    """The documents that answer one query: their numbers, and their grades, all above 0."""

    documents: NDArray[np.int64]
    grades: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranked:
    """Rankings of some queries: grades in ranked order, best first, (queries, documents); the first document."""

    grades: NDArray[np.float64]
    ideal: NDArray[np.float64]
    first: NDArray[np.int64]


def ranked(similarity: NDArray[np.floating[Any]], judged: list[Judged]) -> Ranked:
    """Rank all documents for each query. `similarity`: (queries, documents); documents not judged have grade 0.

    Of documents that are as similar the worse grade comes first: ties are never in one's favour. Raises InvalidError
    for NaN and infinity.
    """
    if not all_finite(similarity):
        raise InvalidError("The similarities of texts are not finite", "vectors overflow when they are pooled")
    grades = np.zeros(similarity.shape)
    ideal = np.zeros(similarity.shape)
    first = similarity.argmax(axis=1)
    for query, answers in enumerate(judged):
        order = np.lexsort((answers.grades, -similarity[query, answers.documents]))
        documents, found = answers.documents[order], answers.grades[order]
        grades[query, _places(similarity[query], documents)] = found
        ideal[query, : len(found)] = np.sort(found)[::-1]
        first[query] = _first(similarity[query], first[query], answers)
    return Ranked(grades, ideal, first)


def _places(row: NDArray[np.floating[Any]], documents: NDArray[np.int64]) -> NDArray[np.int64]:
    """The places, from 0, of the documents that answer, themselves in ranked order.

    Those that are as similar as each other take the last places of all that are so.
    """
    own = row[documents]
    reached = np.asarray([np.count_nonzero(row >= similarity) for similarity in own])
    tied_after = np.searchsorted(-own, -own, side="right") - np.arange(len(own))  # itself too
    return np.asarray(reached - tied_after, dtype=np.int64)


def _first(row: NDArray[np.floating[Any]], best: int, answers: Judged) -> int:
    """The document in the first place: of several that are the most similar, the one with the worst grade."""
    tied = np.flatnonzero(row == row[best])
    if len(tied) == 1:
        return best
    grades = dict(zip(answers.documents.tolist(), answers.grades.tolist(), strict=True))
    return min(tied.tolist(), key=lambda document: grades.get(document, 0.0))
