"""What all variants of a run are made with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from ..protocols import Calibration, Feeds
from ..pruning import Material
from ..records.profile import HardwareProfile
from .dense import DenseModel

Score = Callable[[torch.nn.Module], dict[str, float]]
"""The mean of each metric of the suite's task, of a module as it is in PyTorch."""


@dataclass(frozen=True)
class Workshop:
    """What all variants of a run are made with.

    `samples` are real inputs of several shapes. `calibration` gives the real inputs without labels, and raises
    InputError where there are none; `score` is None without a task. `keep_modules`: a device runs the PyTorch
    modules themselves. `width_multiple`: see `Material`.
    """

    dense: DenseModel
    samples: Sequence[Feeds]
    artifacts: Path
    reference: HardwareProfile
    time_limit: float
    base: Path
    trusted: bool
    calibration: Callable[[], Calibration]
    score: Score | None = None
    keep_modules: bool = False
    width_multiple: int = 1

    def material(self, *, calibrated: bool) -> Material:
        """What pruning may look at; with the calibration data where they are asked for.

        Calibration data may hold inputs that the module does not take: those are left out.
        """
        taken = self.dense.example_inputs
        batches = self.calibration().batches if calibrated else ()
        return Material(
            example_inputs=taken,
            calibration=[
                {name: torch.from_numpy(array) for name, array in batch.items() if name in taken} for batch in batches
            ],
            width_multiple=self.width_multiple,
        )
