"""What tasks of rows have in common: one example is one row of the model's batch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ..datasets.dataset import Dataset
from ..protocols import Metric, Outputs, Rows
from ..records.artifact import TensorSpec
from ..records.quality import DataFacts, ExampleFacts
from .feeding import Fed, Feeder, filled
from .kept import count_rows, regrouped
from .reading import read
from .tasks import Batch, Chunk, DivergenceKind, Unscored, fixed_rows


@dataclass(frozen=True, slots=True)
class Ground:
    """What any task stands on: the data, what is known of them, the metrics, and how many are fed at a time.

    `spare` are rows of the same columns that are not scored.
    """

    dataset: Dataset
    data: DataFacts
    examples: ExampleFacts
    metrics: Mapping[str, Metric]
    batch: int
    spare: Rows | None = None


class RowTask(ABC):
    """A task of rows; see `tasks.Task`. What is left is `reduce`, and how answers are read."""

    divergence_kind: DivergenceKind = ""
    targets: tuple[str, ...] = ()
    """Columns that are read again when answers are scored."""

    def __init__(self, ground: Ground, feeder: Feeder) -> None:
        self._ground = ground
        self._feeder = feeder
        self.metrics = ground.metrics
        self.data = ground.data
        self.examples = ground.examples
        self.rows = len(ground.examples.ids)
        self.sample_inputs = feeder.sample_inputs

    def feeds(self, inputs: Sequence[TensorSpec]) -> Iterator[Batch]:
        """See `Task.feeds`."""
        fixed = fixed_rows(inputs)
        for rows, ids in self._read(self._feeder.columns, fixed or self._ground.batch):
            fed = self._feeder.feed(rows, inputs, ids)
            yield Batch(filled(fed.feeds, fixed), len(ids), fed)

    def unscored(self, inputs: Sequence[TensorSpec], samples: int, batch: int) -> Unscored | None:
        """Examples that are kept apart, spread evenly over all of them; None where there are none."""
        spare = self._ground.spare
        if spare is None:
            return None
        there = count_rows(spare)
        count = min(samples, there)
        chosen = np.arange(count) * there // max(count, 1)
        parts = [chosen[start : start + batch] for start in range(0, count, batch)]
        batches = tuple(self._spare(inputs, spare, part.tolist()) for part in parts)
        return Unscored(batches, f"{count} training examples of the data set, none of which is scored")

    def _spare(self, inputs: Sequence[TensorSpec], spare: Rows, part: list[int]) -> Mapping[str, np.ndarray]:
        rows = {name: array[part] for name, array in spare.items()}
        return self._feeder.feed(rows, inputs, [str(number) for number in part]).feeds

    def chunks(self, kept: Iterable[Outputs]) -> Iterator[Chunk]:
        """See `Task.chunks`."""
        start = 0
        for outputs, targets in self._with_targets(regrouped(kept, self._ground.batch, self.rows)):
            yield self._chunk(start, outputs, targets)
            start += count_rows(outputs)

    def _with_targets(self, kept: Iterator[Outputs]) -> Iterator[tuple[Outputs, Rows]]:
        """What was kept, and the target columns of the same rows; read to the end, where changes are told."""
        if not self.targets:
            return ((outputs, {}) for outputs in kept)
        again = self._read(self.targets, self._ground.batch)
        return ((outputs, rows) for outputs, (rows, _) in zip(kept, again, strict=True))

    def _read(self, columns: Sequence[str], size: int) -> Iterator[tuple[Rows, list[str]]]:
        return read(self._ground.dataset, columns, size, self.examples.ids)

    @abstractmethod
    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """See `Task.reduce`."""

    @abstractmethod
    def _chunk(self, start: int, kept: Outputs, targets: Rows) -> Chunk:
        """The chunk from the `start`-th example on, of what was kept of its rows, and their target columns."""

    def label(self, code: int) -> str:
        """See `Task.label`."""
        return str(code)

    def _ids(self, start: int, count: int) -> list[str]:
        found: list[str] = self.examples.ids[start : start + count].tolist()
        return found


def fed_of(batch: Batch) -> Fed:
    """What the feeder made of a batch."""
    assert isinstance(batch.context, Fed)  # noqa: S101 - `RowTask.feeds` puts it there
    return batch.context
