"""What stays the same while a run goes on."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from ..machine.emulator import SLOWDOWN
from ..profiles.finding import reference_profile
from ..progress import Journey
from ..protocols import Calibration
from ..quality.calibration import calibration_data
from ..quality.tasks import Task
from ..records.profile import HardwareProfile
from ..store.folder import ResultsFolder, RunFolder
from ..suite.loading import LoadedSuite


@dataclass(frozen=True)
class RunOptions:
    """What the command line adds to a suite. None: as the suite says."""

    output: Path = Path("results")
    hardware: tuple[str, ...] = ()
    precision: float | None = None
    budget: float | None = None
    time_limit: float | None = None
    trusted: bool = False
    resume: bool = False
    as_is: bool = False
    profile_folders: tuple[Path, ...] = ()
    inputs: tuple[Path, ...] = ()
    policy: Path | None = None


@dataclass(frozen=True)
class Context:
    """The suite with the command line's wishes, the folders, the task, and whom to tell."""

    loaded: LoadedSuite
    options: RunOptions
    results: ResultsFolder
    folder: RunFolder
    journey: Journey
    task: Task | None
    time_limit: float
    budget: float
    precision: float
    reference: HardwareProfile = field(default_factory=reference_profile)

    def calibration(self) -> Calibration:
        """The suite's real inputs without labels, the same each time. Raises InputError where there are none."""
        return calibration_data(self.loaded, self.task)

    def limit_for(self, profile: HardwareProfile) -> float:
        """Longest that one answer may take there, s: more under an emulator, unless the user says how long."""
        slower = SLOWDOWN if profile.emulation is not None and self.options.time_limit is None else 1
        return self.time_limit * slower
