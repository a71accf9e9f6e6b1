"""The data of retrieval: pairs of a query and its document, or queries, documents and judgements apart."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..datasets.dataset import Dataset
from ..errors import InputError
from ..onnxfile.walk import shown
from .ranking import Judged
from .reading import read_texts

_READ = 1024  # judgements in memory at once


class PairLibrary:
    """Each query with its document beside it; documents of the same text are one. See `retrieval.Library`."""

    def __init__(self, dataset: Dataset, query: str, document: str, ids: NDArray[np.str_]) -> None:
        """Reads the documents once, and holds a short digest of each. Raises InputError for what is no text."""
        self._dataset = dataset
        self._query = query
        self._document = document
        self._ids = ids
        self.queries = len(ids)
        numbers: dict[bytes, int] = {}
        self._document_of = np.empty(len(ids), dtype=np.int64)
        for row, text in enumerate(read_texts(dataset, document, ids)):
            digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()
            self._document_of[row] = numbers.setdefault(digest, len(numbers))
        self.documents = len(numbers)

    def query_texts(self) -> Iterator[str]:
        """See `Library`."""
        return read_texts(self._dataset, self._query, self._ids)

    def document_texts(self) -> Iterator[str]:
        """See `Library`: in the order of their first queries."""
        told = 0
        for number, text in zip(self._document_of, read_texts(self._dataset, self._document, self._ids), strict=True):
            if number == told:
                told += 1
                yield text

    def judged(self, query: int) -> Judged:
        """See `Library`: its own, with grade 1."""
        return Judged(self._document_of[query : query + 1], np.ones(1))

    def document_id(self, document: int) -> str:
        """The first query that it answers."""
        return f"document of {self._ids[int(np.argmax(self._document_of == document))]}"


class JudgedLibrary:
    """Queries and documents apart, and judgements which answers which. See `retrieval.Library`."""

    def __init__(
        self,
        queries: tuple[Dataset, str, NDArray[np.str_]],
        documents: tuple[Dataset, str, NDArray[np.str_]],
        judgements: Dataset,
    ) -> None:
        """Queries and documents with the column of their text, and their ids; holds the judgements above grade 0.

        Raises InputError for a judgement of what is not there, and for a query that no document answers.
        """
        self._queries = queries
        self._documents = documents
        self.queries = len(queries[2])
        self.documents = len(documents[2])
        self._judged = _read_judgements(judgements, queries[2], documents[2])

    def query_texts(self) -> Iterator[str]:
        """See `Library`."""
        return read_texts(*self._queries)

    def document_texts(self) -> Iterator[str]:
        """See `Library`."""
        return read_texts(*self._documents)

    def judged(self, query: int) -> Judged:
        """See `Library`."""
        return self._judged[query]

    def document_id(self, document: int) -> str:
        """See `Library`."""
        return str(self._documents[2][document])


_COLUMNS = ("query_id", "document_id", "grade")


def _read_judgements(judgements: Dataset, queries: NDArray[np.str_], documents: NDArray[np.str_]) -> list[Judged]:
    query_of, document_of = _numbered(queries), _numbered(documents)
    found: list[dict[int, float]] = [{} for _ in queries]
    for rows in judgements.batches(_COLUMNS, _READ):
        for query, document, grade in zip(*(rows[name].tolist() for name in _COLUMNS), strict=True):
            answers = found[_number(query_of, query, "query")]
            number = _number(document_of, document, "document")
            if number in answers:
                named = f"the query {shown(str(query))} and the document {shown(str(document))}"
                raise InputError(f"The judgements name {named} twice", "", "keep one of the two")
            answers[number] = _grade(grade, query, document)
    positive = [{number: grade for number, grade in answers.items() if grade > 0} for answers in found]
    alone = [queries[number] for number, answers in enumerate(positive) if not answers]
    if alone:
        raise InputError(
            f"{len(alone)} of {len(queries)} queries have no document with a grade above 0",
            f"the first of them is {shown(str(alone[0]))}",
            "judge them, or take them out: nothing can be found for them",
        )
    return [
        Judged(np.asarray(list(answers), dtype=np.int64), np.asarray(list(answers.values()), dtype=np.float64))
        for answers in positive
    ]


def _numbered(ids: NDArray[np.str_]) -> dict[str, int]:
    return {name: number for number, name in enumerate(ids.tolist())}


def _number(numbers: dict[str, int], name: Any, kind: str) -> int:
    """The number of a query or document. Ids are text; a judgement may have them as whole numbers."""
    if str(name) not in numbers:
        raise InputError(
            f"The judgements name the {kind} {shown(str(name))}",
            f"none of the {len(numbers)} that were read has this id",
            "check the key id of its data, and the files",
        )
    return numbers[str(name)]


def _grade(value: Any, query: Any, document: Any) -> float:
    """A grade as a number. Raises InputError for text, a missing one, NaN, and what is below 0."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf"):
        return float(value)
    raise InputError(
        f"A grade must be a number from 0; that of query {shown(str(query))} and document {shown(str(document))} is "
        f"{shown(str(value))}"
    )
