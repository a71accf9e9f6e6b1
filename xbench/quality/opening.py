"""Makes the task that a suite asks for: opens its data, looks at them once, and picks the metrics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ..errors import InputError
from ..protocols import Rows
from ..records.evaluation import (
    ClassificationSpec,
    DataSpec,
    EmbeddingSpec,
    EvaluationSpec,
    MultiLabelSpec,
    PluginSpec,
    RegressionSpec,
    RetrievalSpec,
    SimilaritySpec,
    TokenClassificationSpec,
)
from ..sources.paths import path_from
from .builtin import MemoryDataset, digits_dataset, digits_sha256, docstrings_dataset
from .classification import ClassificationTask
from .docstrings import docstring_pairs
from .embedding import EmbeddingTask
from .encoding import Encoder
from .feeding import ArrayFeeder, Feeder, TextFeeder
from .libraries import PairLibrary
from .multilabel import MultiLabelTask
from .plugin import PluginTask
from .regression import RegressionTask
from .retrieval import RetrievalTask
from .rowtask import Ground
from .similarity import SimilarityTask
from .sources import Sources, ground_of, judged_library, surveyed
from .tasks import Task
from .tokens import TokenTask


def make_task(spec: EvaluationSpec, base: Path, transformers: Path | None, trusted: bool) -> Task:
    """The task that a suite in the folder `base` asks for. `transformers` is the folder of its model, if it has one.

    `trusted`: whether code of the suite may be run. Raises InputError for data that cannot be used.
    """
    if isinstance(spec, ClassificationSpec) and spec.dataset == "digits":
        return _digits(spec)
    if isinstance(spec, RetrievalSpec):
        encoder = _encoder(spec, base, transformers)
        return (
            _docstrings(spec, encoder) if spec.dataset == "docstrings" else _retrieval(spec, base, trusted, encoder)
        )
    sources = Sources(base, trusted)
    if isinstance(spec, SimilaritySpec):
        ground = sources.ground(spec, (*spec.text, spec.target))
        return SimilarityTask(ground, _encoder(spec, base, transformers), spec.pooling, spec.text, spec.target)
    if isinstance(spec, TokenClassificationSpec):
        ground = sources.ground(spec, (spec.words, spec.target))
        return TokenTask(ground, _encoder(spec, base, transformers), spec.words, spec.target, spec.classes)
    return _of_rows(spec, sources, base, transformers)


_Rows = ClassificationSpec | MultiLabelSpec | RegressionSpec | EmbeddingSpec | PluginSpec
_Texts = RetrievalSpec | SimilaritySpec | TokenClassificationSpec


def _of_rows(spec: _Rows, sources: Sources, base: Path, transformers: Path | None) -> Task:
    """A task of rows on data of the user's."""
    targets = _targets(spec)
    feeder = _feeder(spec, targets, sources, base, transformers)
    columns = (*feeder.columns, *targets)
    if isinstance(spec, ClassificationSpec):
        ground = sources.ground(spec, columns, labels=spec.target, classes=spec.classes)
        return ClassificationTask(ground, feeder, spec.outputs)
    ground = sources.ground(spec, columns)
    if isinstance(spec, MultiLabelSpec):
        return MultiLabelTask(ground, feeder, spec.target, spec.classes, spec.outputs, spec.threshold)
    if isinstance(spec, RegressionSpec):
        return RegressionTask(ground, feeder, spec.target)
    if isinstance(spec, EmbeddingSpec):
        return EmbeddingTask(ground, feeder, spec.pooling)
    return PluginTask(ground, feeder, spec.targets)


def _targets(spec: _Rows) -> tuple[str, ...]:
    if isinstance(spec, PluginSpec):
        return spec.targets
    return () if isinstance(spec, EmbeddingSpec) else (spec.target,)


def _feeder(spec: _Rows, targets: tuple[str, ...], sources: Sources, base: Path, transformers: Path | None) -> Feeder:
    """Texts where the suite names columns of them, else arrays: of the columns named, or all but the targets."""
    if not isinstance(spec, PluginSpec) and spec.text:
        return TextFeeder(spec.text, Encoder(_folder(spec.tokenizer, base, transformers), spec.max_length))
    dataset = sources.of(spec)
    unfed = {*targets, getattr(spec.dataset, "id", None), *(one.column for one in spec.slices)}
    columns = spec.inputs or {name: name for name in dataset.columns if name not in unfed}
    sample = next(dataset.batches(tuple(dict.fromkeys(columns.values())), 1), None)
    if sample is None:
        raise InputError(f"The data {dataset.source} hold no examples", "", "name others in evaluate.dataset")
    return ArrayFeeder(columns, sample, named=bool(spec.inputs))


def _encoder(spec: _Texts, base: Path, transformers: Path | None) -> Encoder:
    return Encoder(_folder(spec.tokenizer, base, transformers), spec.max_length)


def _folder(named: str | None, base: Path, transformers: Path | None) -> Path | None:
    """The folder of the tokenizer: the one that is named, or the model's."""
    return path_from(base, named) if named else transformers


def _retrieval(spec: RetrievalSpec, base: Path, trusted: bool, encoder: Encoder) -> RetrievalTask:
    sources = Sources(base, trusted)
    if spec.documents is None:
        ground = sources.ground(spec, (spec.query, spec.document))
        pairs = PairLibrary(ground.dataset, spec.query, spec.document, ground.examples.ids)
        return RetrievalTask(ground, encoder, spec.pooling, pairs)
    ground, library = judged_library(spec, sources)
    return RetrievalTask(ground, encoder, spec.pooling, library)


def _digits(spec: ClassificationSpec) -> ClassificationTask:
    dataset, spare = digits_dataset()
    ground = _built_in(spec, dataset, DataSpec(sklearn="digits"), digits_sha256(dataset.rows), spare, "label")
    feeder = ArrayFeeder({spec.input or "image": "image"}, dataset.rows)
    return ClassificationTask(ground, feeder, spec.outputs)


def _docstrings(spec: RetrievalSpec, encoder: Encoder) -> RetrievalTask:
    pairs = docstring_pairs()
    dataset, spare = docstrings_dataset(pairs)
    source = DataSpec(iterator="xbench.quality.docstrings:docstring_pairs")
    ground = _built_in(spec, dataset, source, pairs.sha256, spare)
    library = PairLibrary(dataset, spec.query, spec.document, ground.examples.ids)
    return RetrievalTask(ground, encoder, spec.pooling, library)


def _built_in(
    spec: ClassificationSpec | RetrievalSpec,
    dataset: MemoryDataset,
    source: DataSpec,
    sha256: str,
    spare: Rows,
    labels: str | None = None,
) -> Ground:
    """Data that come with xbench, under the digest that they had before there were others.

    Runs that were recorded then are still compared by it, and it is of the same contents.
    """
    found = surveyed(spec, dataset, source, dataset.columns, labels)
    ground = ground_of(spec, dataset, found, spare)
    return replace(ground, data=found.facts.model_copy(update={"sha256": sha256}))
