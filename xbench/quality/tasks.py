"""A task: what is fed to the model, and how its outputs become answers to examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Feeds, Metric, Outputs, Rows
from ..records.artifact import TensorSpec
from ..records.quality import DataFacts, ExampleFacts

DivergenceKind = Literal["", "kl", "cosine"]


@dataclass(frozen=True, slots=True)
class Unscored:
    """Examples of a task's data that are not scored, batch by batch; `source` tells in words what they are."""

    batches: tuple[Feeds, ...]
    source: str


@dataclass(frozen=True, slots=True)
class Batch:
    """What is fed in one inference. `count`: how many rows of the first axis are meant; `context`: the task's own.

    The rows after the first `count` only fill up what a model fixes its batch at.
    """

    feeds: Feeds
    count: int
    context: Any = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some consecutive examples, from the `start`-th on: what was answered, and what is right.

    `codes`: equal where two answers are equal, int64 (examples,); None where the task has no answers that could be.
    `right`: whether each is. `confidence`: the probability of each answer. `moved`: what a divergence from the
    baseline is computed of, (examples, width): probabilities or embeddings.
    """

    start: int
    answers: Rows
    targets: Rows
    codes: NDArray[np.int64] | None = None
    right: NDArray[np.bool_] | None = None
    confidence: NDArray[np.float64] | None = None
    moved: NDArray[np.floating[Any]] | None = None

    @property
    def count(self) -> int:
        """How many examples it has."""
        return len(next(iter(self.answers.values())))


class Task(Protocol):
    """A data set and a way to score. The first of `metrics` is the one that tables show.

    `sample_inputs` are the names and dtypes that a PyTorch module is fed with, before there is an ONNX file.
    `rows` is how many rows are fed in all: one for each example, or for each text of it.
    Data are streamed: each call of `feeds` or `chunks` reads them anew, and holds a batch at a time.
    """

    metrics: Mapping[str, Metric]
    sample_inputs: Mapping[str, str]
    data: DataFacts
    examples: ExampleFacts
    rows: int
    divergence_kind: DivergenceKind

    def feeds(self, inputs: Sequence[TensorSpec]) -> Iterator[Batch]:
        """Batches of inputs for a model with these inputs; a batch that the model fixes is filled up.

        Raises InputError for data that do not fit the model: names, dtypes or shapes.
        """

    def unscored(self, inputs: Sequence[TensorSpec], samples: int, batch: int) -> Unscored | None:
        """Up to `samples` examples that are not scored, the same each time, in batches of up to `batch`.

        For a model with these inputs, as in `feeds`; None where all of the data are scored.
        """

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """What is kept of the outputs of a batch, so that little is stored: arrays of `batch.count` rows.

        Raises InvalidError for outputs of another shape than the task needs.
        """

    def chunks(self, kept: Iterable[Outputs]) -> Iterator[Chunk]:
        """Answers and targets of all examples in order, out of what was kept of all batches, in order.

        How the rows were batched makes no difference: the chunks are the same. Raises InvalidError where there are
        more or fewer rows than are fed.
        """

    def label(self, code: int) -> str:
        """What an answer of this code is called, for people."""


def fixed_rows(inputs: Sequence[TensorSpec]) -> int | None:
    """How many rows a model with these inputs takes at a time; None where it takes any number."""
    fixed = [spec.shape[0] for spec in inputs if spec.shape and isinstance(spec.shape[0], int)]
    return fixed[0] if fixed else None


def first_output(batch: Batch, outputs: Outputs) -> NDArray[Any]:
    """The rows of the model's first output that are meant. Raises InvalidError where it has others."""
    name, array = next(iter(outputs.items()))
    return meant(batch, name, array)


def meant(batch: Batch, name: str, array: NDArray[Any]) -> NDArray[Any]:
    """The rows of an output that are meant. Raises InvalidError where its first axis is not the batch."""
    fed = len(next(iter(batch.feeds.values())))
    if array.ndim == 0 or len(array) != fed:
        raise InvalidError(
            f"The task needs a row of the output {name!r} for each of {fed} that are fed",
            f"the model gave shape {array.shape}",
        )
    return array[: batch.count]
