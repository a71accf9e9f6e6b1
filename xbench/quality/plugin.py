"""Any other task: metrics of a plug-in look at the outputs and the targets."""

from __future__ import annotations

from collections.abc import Sequence

from ..protocols import Outputs, Rows
from .feeding import Feeder
from .rowtask import Ground, RowTask
from .tasks import Batch, Chunk, meant


class PluginTask(RowTask):
    """Rows whose outputs are kept as they are, by their names.

    An output whose rows differ in shape from batch to batch comes to the metrics as an object array of its rows.
    """

    def __init__(self, ground: Ground, feeder: Feeder, targets: Sequence[str]) -> None:
        super().__init__(ground, feeder)
        self.targets = tuple(targets)

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """All outputs, each with one row for each example."""
        return {name: meant(batch, name, array) for name, array in outputs.items()}

    def _chunk(self, start: int, kept: Outputs, targets: Rows) -> Chunk:
        return Chunk(start=start, answers=kept, targets=targets)
