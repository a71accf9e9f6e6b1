"""The data that a task stands on: opened, and looked at once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..datasets.dataset import Dataset
from ..datasets.opening import open_dataset
from ..datasets.surveying import Survey, survey
from ..errors import InputError
from ..metrics.choosing import metrics_for
from ..protocols import Rows
from ..records.evaluation import DataSpec, EvaluationSpec, RetrievalSpec
from ..records.quality import DataFacts
from .libraries import JudgedLibrary
from .rowtask import Ground


@dataclass(frozen=True, slots=True)
class Sources:
    """Opens the data of a suite in the folder `base`; code of the suite's is run only where `trusted`."""

    base: Path
    trusted: bool

    def open(self, spec: DataSpec) -> Dataset:
        """Data of the user's."""
        return open_dataset(spec, self.base, self.trusted)

    def of(self, spec: EvaluationSpec) -> Dataset:
        """The data of a task."""
        return self.open(_of_the_users(spec))

    def ground(
        self,
        spec: EvaluationSpec,
        columns: Sequence[str],
        labels: str | None = None,
        classes: Sequence[str] = (),
    ) -> Ground:
        """The data of a task, of which these columns are used, and its metrics."""
        data = _of_the_users(spec)
        dataset = self.open(data)
        return ground_of(spec, dataset, surveyed(spec, dataset, data, columns, labels, classes))


def _of_the_users(spec: EvaluationSpec) -> DataSpec:
    assert isinstance(spec.dataset, DataSpec)  # noqa: S101 - what comes with xbench is no source of the user's
    return spec.dataset


def surveyed(
    spec: EvaluationSpec,
    dataset: Dataset,
    data: DataSpec,
    columns: Sequence[str],
    labels: str | None = None,
    classes: Sequence[str] = (),
) -> Survey:
    """One pass over the data of a task."""
    return survey(dataset, data, tuple(dict.fromkeys(columns)), spec.slices, labels, classes)


def ground_of(spec: EvaluationSpec, dataset: Dataset, found: Survey, spare: Rows | None = None) -> Ground:
    """What a task stands on. Raises InputError for an unknown metric."""
    metrics = metrics_for(spec.task, spec.metrics)
    return Ground(dataset, found.facts, found.examples, metrics, spec.batch, spare)


def judged_library(spec: RetrievalSpec, sources: Sources) -> tuple[Ground, JudgedLibrary]:
    """Queries, documents and judgements that lie apart; the digest is of all three.

    Raises InputError where the ids are missing that judgements name them by.
    """
    queries, documents, judgements = _of_the_users(spec), spec.documents, spec.judgements
    assert documents is not None  # noqa: S101 - the caller's
    assert judgements is not None  # noqa: S101 - the suite has both or none
    for what, data in (("dataset", queries), ("documents", documents)):
        if data.id is None:
            raise InputError(
                f"Judgements name queries and documents by their ids, and evaluate.{what} has none",
                "",
                f"name the column: evaluate: {{{what}: {{id: COLUMN}}}}",
            )
    ground = sources.ground(spec, (spec.query,))
    shelf, judged = sources.open(documents), sources.open(judgements)
    listed = survey(shelf, documents, (spec.document,), (), None, ())
    facts = survey(judged, judgements, ("query_id", "document_id", "grade"), (), None, ()).facts
    library = JudgedLibrary(
        (ground.dataset, spec.query, ground.examples.ids),
        (shelf, spec.document, listed.examples.ids),
        judged,
    )
    return replace(ground, data=_joined(ground.data, listed.facts, facts)), library


def _joined(queries: DataFacts, documents: DataFacts, judgements: DataFacts) -> DataFacts:
    """The facts of all three: the examples are the queries."""
    parts = (queries, documents, judgements)
    return DataFacts(
        source=f"{queries.source}, {documents.examples} documents of {documents.source}, {judgements.source}",
        sha256=hashlib.sha256("".join(part.sha256 for part in parts).encode()).hexdigest(),
        examples=queries.examples,
        version=", ".join(part.version for part in parts if part.version),
    )
