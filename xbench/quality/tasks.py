"""A task: what is fed to the model, and how its outputs become one score for each example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..protocols import Feeds, Outputs

Scores = dict[str, NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Unscored:
    """Examples of a task's data that are not scored, batch by batch; `source` tells in words what they are."""

    batches: tuple[Feeds, ...]
    source: str


class Task(Protocol):
    """A data set and a way to score. The first of `metrics` is the one that tables show.

    `sample_inputs` are the names and dtypes that a PyTorch module is fed with, before there is an ONNX file.
    """

    metrics: tuple[str, ...]
    sample_inputs: Mapping[str, str]
    dataset_sha256: str
    batches: int

    def feeds(self, inputs: Mapping[str, str]) -> Iterator[Feeds]:
        """Batches of inputs for a model with these inputs (names, and dtypes as NumPy calls them)."""

    def unscored(self, inputs: Mapping[str, str], samples: int, batch: int) -> Unscored | None:
        """Up to `samples` examples that are not scored, the same each time, in batches of up to `batch`.

        For a model with these inputs, as in `feeds`; None where all of the data are scored.
        """

    def reduce(self, batch: int, outputs: Outputs) -> Outputs:
        """What is kept of the outputs of the `batch`-th batch (from 0), so that memory stays small."""

    def score(self, kept: Sequence[Outputs]) -> Scores:
        """One score for each example and metric, shape (examples,), out of what was kept of all batches."""


def first_output(outputs: Outputs) -> NDArray[Any]:
    """The model's first output."""
    return next(iter(outputs.values()))
