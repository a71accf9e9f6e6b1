"""Retrieval by text embeddings: each query looks for the documents that answer it among all of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Protocol

import numpy as np

from ..protocols import Outputs
from .encoding import Encoder
from .kept import regrouped
from .ranking import CHUNK_NUMBERS, Judged, ranked
from .rowtask import Ground
from .tasks import Chunk
from .texttask import TextTask


class Library(Protocol):
    """Queries, documents, and which answers which; read a part at a time, in a fixed order."""

    queries: int
    documents: int

    def query_texts(self) -> Iterator[str]:
        """The queries, as many as there are."""

    def document_texts(self) -> Iterator[str]:
        """The documents, each once."""

    def judged(self, query: int) -> Judged:
        """The documents that answer a query."""

    def document_id(self, document: int) -> str:
        """What a document is called."""


class RetrievalTask(TextTask):
    """Queries first, documents after them; similarity is the cosine. The embeddings are all held to be scored."""

    def __init__(self, ground: Ground, encoder: Encoder, pooling: str, library: Library) -> None:
        super().__init__(ground, encoder, pooling, library.queries + library.documents)
        self._library = library

    def _texts(self) -> Iterator[str]:
        yield from self._library.query_texts()
        yield from self._library.document_texts()

    def chunks(self, kept: Iterable[Outputs]) -> Iterator[Chunk]:
        """See `Task.chunks`: so many queries at a time that their similarities to all documents can be held."""
        embedded = self._whole(kept)
        queries, documents = embedded[: self._library.queries], embedded[self._library.queries :]
        size = max(1, CHUNK_NUMBERS // max(len(documents), 1))
        for start in range(0, len(queries), size):
            some = queries[start : start + size]
            judged = [self._library.judged(start + number) for number in range(len(some))]
            found = ranked(some @ documents.T, judged)
            yield Chunk(
                start=start,
                answers={"grades": found.grades},
                targets={"ideal": found.ideal},
                codes=found.first,
                right=found.grades[:, 0] > 0,
                moved=some,
            )

    def _whole(self, kept: Iterable[Outputs]) -> np.ndarray:
        """The embeddings of all texts, (texts, width), float32."""
        found: np.ndarray | None = None
        done = 0
        for outputs in regrouped(kept, self._ground.batch, self.rows):
            some = outputs["embedding"]
            if found is None:
                found = np.empty((self.rows, some.shape[1]), dtype=np.float32)
            found[done : done + len(some)] = some
            done += len(some)
        assert found is not None  # noqa: S101 - there are queries and documents, and all were kept
        return found

    def label(self, code: int) -> str:
        """The name of a document."""
        return self._library.document_id(code)
