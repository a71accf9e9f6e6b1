"""Classification: whether the class with the highest score is the right one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InvalidError
from ..protocols import Feeds, Outputs
from .tasks import Scores, Unscored, first_output


class ClassificationTask:
    """Images (or any arrays) with one right class each."""

    metrics: tuple[str, ...] = ("accuracy",)

    def __init__(
        self,
        examples: NDArray[Any],
        labels: NDArray[np.int64],
        batch: int,
        input_name: str,
        unscored: NDArray[Any] | None = None,
    ) -> None:
        self._unscored = unscored
        self.sample_inputs: Mapping[str, str] = {input_name: examples.dtype.name}
        self._examples = examples
        self._labels = labels
        self._batch = batch
        self.batches = -(-len(examples) // batch)
        digest = hashlib.sha256(np.ascontiguousarray(examples).tobytes())
        digest.update(np.ascontiguousarray(labels).tobytes())
        self.dataset_sha256 = digest.hexdigest()

    def feeds(self, inputs: Mapping[str, str]) -> Iterator[Feeds]:
        """Batches of examples for the model's only input."""
        name, dtype = _only(inputs)
        for batch in range(self.batches):
            yield {name: self._batch_of(batch).astype(dtype)}

    def unscored(self, inputs: Mapping[str, str], samples: int, batch: int) -> Unscored | None:
        """Training examples, spread evenly over all of them, without their labels."""
        if self._unscored is None or not len(self._unscored):
            return None
        name, dtype = _only(inputs)
        count = min(samples, len(self._unscored))
        chosen = self._unscored[np.arange(count) * len(self._unscored) // count].astype(dtype)
        batches = tuple({name: chosen[start : start + batch]} for start in range(0, count, batch))
        return Unscored(batches, f"{count} training examples of the data set, none of which is scored")

    def _batch_of(self, batch: int) -> NDArray[Any]:
        return self._examples[batch * self._batch : (batch + 1) * self._batch]

    def reduce(self, batch: int, outputs: Outputs) -> Outputs:
        """The class of the highest score."""
        scores = first_output(outputs)
        if scores.ndim != 2:
            raise InvalidError(
                "The classification task needs scores as the first output, shape (batch, classes)",
                f"the model gave shape {scores.shape}",
            )
        rows, classes = len(self._batch_of(batch)), int(self._labels.max()) + 1
        if scores.shape[0] != rows or scores.shape[1] < classes:
            raise InvalidError(
                f"The classification task needs a row for each of {rows} examples, with {classes} classes or more",
                f"the model gave shape {scores.shape}",
            )
        return {"classes": scores.argmax(axis=1)}

    def score(self, kept: Sequence[Outputs]) -> Scores:
        """1 where the answer is right, 0 where it is not."""
        answers = np.concatenate([output["classes"] for output in kept])
        return {"accuracy": (answers == self._labels).astype(np.float64)}


def _only(inputs: Mapping[str, str]) -> tuple[str, str]:
    """Name and dtype of the model's only input."""
    if len(inputs) != 1:
        raise InputError("The classification task feeds models with one input", f"this one has {', '.join(inputs)}")
    return next(iter(inputs.items()))


def digits() -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
    """scikit-learn's digits, split: training images and labels (1257), held-out images and labels (540).

    Images have shape (n, 1, 8, 8), float32, 0 to 1. The split is stratified and always the same.
    """
    try:
        from sklearn.datasets import load_digits
        from sklearn.model_selection import train_test_split
    except ImportError as error:
        raise InputError(
            "The digits data need the package scikit-learn", "", "pip install 'xbench[examples]'"
        ) from error
    data = load_digits()
    images = (data.images / 16.0).astype(np.float32)[:, None]
    labels = data.target.astype(np.int64)
    train, held_out, train_labels, held_out_labels = train_test_split(
        images, labels, test_size=540, random_state=0, stratify=labels
    )
    return train, train_labels, held_out, held_out_labels
