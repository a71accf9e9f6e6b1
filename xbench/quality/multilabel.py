"""Multi-label classification: each label holds or does not by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InvalidError
from ..onnxfile.walk import shown
from ..protocols import Outputs, Rows
from .classification import OutputKind
from .feeding import Feeder
from .probabilities import label_probabilities
from .reading import lists_of
from .rowtask import Ground, RowTask
from .tasks import Batch, Chunk, DivergenceKind, first_output

_PACKED = 62  # labels whose set fits into the bits of a code


class MultiLabelTask(RowTask):
    """Rows with any number of right labels each. Keeps the probabilities as float32, and the answers."""

    divergence_kind: DivergenceKind = "kl"

    def __init__(
        self,
        ground: Ground,
        feeder: Feeder,
        target: str,
        classes: Sequence[str],
        outputs: OutputKind,
        threshold: float,
    ) -> None:
        """Raises InputError for a label that is of no class, where the classes are known."""
        super().__init__(ground, feeder)
        self.targets = (target,)
        self._classes = tuple(classes) or ground.dataset.classes.get(target, ())
        self._outputs = outputs
        self._threshold = threshold
        if self._classes:
            for rows, ids in self._read(self.targets, ground.batch):
                indicators(rows[target], len(self._classes), self._classes, ids)

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """Probabilities of the labels, and which of them are given."""
        scores = first_output(batch, outputs)
        if scores.ndim != 2 or (self._classes and scores.shape[1] != len(self._classes)):
            wanted = f"(batch, {len(self._classes) or 'labels'})"
            raise InvalidError(
                f"The multi-label task needs scores as the first output, shape {wanted}",
                f"the model gave shape {scores.shape}",
            )
        probabilities = label_probabilities(scores, self._outputs)
        answer = (probabilities >= self._threshold).astype(np.uint8)
        return {"probabilities": probabilities.astype(np.float32), "answer": answer}

    def _chunk(self, start: int, kept: Outputs, targets: Rows) -> Chunk:
        answer = kept["answer"].astype(np.int64)
        probabilities = kept["probabilities"].astype(np.float64)
        ids = self._ids(start, len(answer))
        target = indicators(targets[self.targets[0]], answer.shape[1], self._classes, ids)
        return Chunk(
            start=start,
            answers={"probabilities": probabilities, "answer": answer},
            targets={"target": target},
            codes=packed(answer),
            right=(answer == target).all(axis=1),
            # The divergence of labels that do not depend on each other is the sum of that of each, for and against.
            moved=np.concatenate([probabilities, 1 - probabilities], axis=1),
        )

    def label(self, code: int) -> str:
        """The names of the labels that are given; a number where there are too many to be packed."""
        if code < 0:
            return f"a set of labels ({-code})"
        given = [bit for bit in range(_PACKED) if code >> bit & 1]
        return ", ".join(self._classes[bit] if bit < len(self._classes) else str(bit) for bit in given) or "none"


def packed(answer: NDArray[np.int64]) -> NDArray[np.int64]:
    """A code for each set of labels, (rows,): its bits; below zero a digest, where there are more than 62 labels."""
    if answer.shape[1] <= _PACKED:
        return answer @ (np.int64(1) << np.arange(answer.shape[1], dtype=np.int64))
    rows = answer.astype(np.uint8)
    codes = [int.from_bytes(hashlib.blake2b(row.tobytes(), digest_size=7).digest(), "big") for row in rows]
    return -1 - np.asarray(codes, dtype=np.int64)


def indicators(column: NDArray[Any], labels: int, classes: Sequence[str], ids: Sequence[str]) -> NDArray[np.int64]:
    """The right labels of some examples as 0 and 1, (examples, labels).

    A table of numbers with a column for each label, and nothing but 0 and 1 in it, is taken as it is; any other
    value is a list of numbers or names. Raises InputError, with the example's id, for one that is neither.
    """
    plain = column.dtype.kind in "biuf" and column.ndim == 2
    if plain and bool(np.isin(column, (0, 1)).all()):
        if column.shape[1] == labels:
            return column.astype(np.int64)
        repeated = next((n for n, row in enumerate(column) if len(set(row.tolist())) < len(row)), None)
        if repeated is not None:  # no list of classes has one of them twice
            raise InputError(
                f"The model gives {labels} labels, and the data have another number of them",
                f"that of the example {shown(ids[repeated])} are {column.shape[1]}",
                "name a column with one value for each of the model's outputs",
            )
    found = np.zeros((len(column), labels), dtype=np.int64)
    numbers: dict[Any, int] = {name: number for number, name in enumerate(classes)}
    for row, (value, example) in enumerate(zip(lists_of(column), ids, strict=True)):
        if not isinstance(value, list):
            raise InputError(
                f"The right labels of the example {shown(example)} must be a list",
                "they are missing" if value is None else f"they are {shown(str(value))}",
                "give a list of the classes' numbers or names, empty where none is right",
            )
        for one in value:
            found[row, _number(one, numbers, labels, example)] = 1
    return found


def _number(value: Any, numbers: dict[Any, int], labels: int, example: str) -> int:
    number = value if isinstance(value, int) and not isinstance(value, bool) else numbers.get(value, -1)
    if 0 <= number < labels:
        return number
    known = ", ".join(numbers) if numbers else "their names are not given: evaluate: {classes: [...]}"
    raise InputError(
        f"The example {shown(example)} has the label {shown(str(value))}",
        f"the model gives the labels 0 to {labels - 1}; {known}",
        "mend the data, or name the classes in the order of the model's outputs",
    )
