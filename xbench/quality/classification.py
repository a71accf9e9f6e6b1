"""Classification: the class with the highest score is the answer."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InvalidError
from ..protocols import Outputs, Rows
from .feeding import Feeder
from .probabilities import class_probabilities
from .rowtask import Ground, RowTask
from .tasks import Batch, Chunk, DivergenceKind, first_output

OutputKind = Literal["logits", "probabilities"]


class ClassificationTask(RowTask):
    """Rows with one right class each. Keeps the probabilities as float32, and the answers."""

    divergence_kind: DivergenceKind = "kl"

    def __init__(self, ground: Ground, feeder: Feeder, outputs: OutputKind = "logits") -> None:
        super().__init__(ground, feeder)
        self._outputs = outputs
        assert ground.examples.labels is not None  # noqa: S101 - the survey was told their column
        self._labels = ground.examples.labels
        self._classes = max(int(self._labels.max()) + 1, len(ground.examples.classes))

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """Probabilities of the classes, and the class of the highest score."""
        scores = first_output(batch, outputs)
        if scores.ndim != 2:
            raise InvalidError(
                "The classification task needs scores as the first output, shape (batch, classes)",
                f"the model gave shape {scores.shape}",
            )
        if scores.shape[1] < self._classes:
            raise InvalidError(
                f"The data have {self._classes} classes, and the classification task needs a score for each",
                f"the model gave shape {scores.shape}",
                _from_zero(self._labels, scores.shape[1]),
            )
        probabilities = class_probabilities(scores, self._outputs)
        return {"probabilities": probabilities.astype(np.float32), "answer": scores.argmax(axis=1)}

    def _chunk(self, start: int, kept: Outputs, targets: Rows) -> Chunk:
        answer = kept["answer"].astype(np.int64)
        target = self._labels[start : start + len(answer)]
        probabilities = kept["probabilities"].astype(np.float64)
        # They were rounded to be kept: metrics may ask that each row adds up to 1.
        probabilities /= probabilities.sum(axis=1, keepdims=True)
        return Chunk(
            start=start,
            answers={"probabilities": probabilities, "answer": answer},
            targets={"target": target},
            codes=answer,
            right=answer == target,
            confidence=np.take_along_axis(probabilities, answer[:, None], axis=1)[:, 0],
            moved=probabilities,
        )

    def label(self, code: int) -> str:
        """The name of a class, or its number where it has none."""
        names = self.examples.classes
        return names[code] if 0 <= code < len(names) else str(code)


def _from_zero(labels: NDArray[np.int64], outputs: int) -> str:
    """Advice where the labels seem to count from 1; empty elsewhere."""
    if labels.min() != 1 or labels.max() != outputs:
        return ""
    return f"labels start at 0, and these go from 1 to {outputs}: subtract 1 from each"
