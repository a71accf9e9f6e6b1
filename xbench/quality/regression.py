"""Regression: the first output is the prediction."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InvalidError
from ..onnxfile.walk import shown
from ..protocols import Outputs, Rows
from .feeding import Feeder
from .rowtask import Ground, RowTask
from .tasks import Batch, Chunk, first_output


class RegressionTask(RowTask):
    """Rows with one or several true values each."""

    def __init__(self, ground: Ground, feeder: Feeder, target: str) -> None:
        """Raises InputError for a target that is no number: looked for now, and not after hours of measuring."""
        super().__init__(ground, feeder)
        self.targets = (target,)
        for rows, ids in self._read(self.targets, ground.batch):
            numbers(rows, target, ids)

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """The predictions, (rows, values)."""
        found = first_output(batch, outputs)
        if found.ndim > 2:
            raise InvalidError(
                "The regression task needs predictions as the first output, shape (batch,) or (batch, values)",
                f"the model gave shape {found.shape}",
            )
        return {"prediction": found.astype(np.float64).reshape(len(found), -1)}

    def _chunk(self, start: int, kept: Outputs, targets: Rows) -> Chunk:
        prediction = kept["prediction"]
        target = numbers(targets, self.targets[0], self._ids(start, len(prediction)))
        if target.shape != prediction.shape:
            raise InputError(
                f"The column {shown(self.targets[0])} has {target.shape[1]} values for each example",
                f"the model predicts {prediction.shape[1]}",
                "name another column: evaluate: {target: COLUMN}",
            )
        return Chunk(start=start, answers={"prediction": prediction}, targets={"target": target})


def numbers(rows: Rows, column: str, ids: list[str]) -> NDArray[np.float64]:
    """A column of numbers, or of lists of them, as (examples, values). Raises InputError for anything else."""
    array: NDArray[Any] = rows[column]
    if array.dtype.kind not in "biuf" or array.ndim > 2:
        odd = [n for n, value in enumerate(array.tolist()) if not isinstance(value, int | float)]
        example = f"of the example {shown(ids[odd[0]])} it is {shown(str(array[odd[0]]))}" if odd else ""
        raise InputError(
            f"The column {shown(column)} must hold a number for each example, or as many for each",
            example,
            "take the example out, or name another column: evaluate: {target: COLUMN}",
        )
    return array.astype(np.float64).reshape(len(array), -1)
