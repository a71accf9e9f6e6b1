"""The kept answers of a device's baseline, which candidates are set against: taken over, or computed, once."""

from __future__ import annotations

from pathlib import Path

from ..errors import StoreError
from ..progress import Journey
from ..quality.evaluation import evaluate
from ..quality.tasks import Task
from ..records.artifact import Artifact
from ..records.baseline import BaselineRecord
from ..records.profile import HardwareProfile
from ..store.spool import Spool, spooling
from .context import Context
from .reusing import baseline_folder, differences
from .sealing import require_unchanged


def answers(
    artifact: Artifact, task: Task, profile: HardwareProfile, time_limit: float, file: Path, journey: Journey
) -> Spool:
    """What is kept of an artifact's outputs on all data, in `file`. Raises InvalidError, WorkerError, StoreError."""
    with spooling(file) as writer:
        evaluate(
            artifact,
            task,
            profile,
            time_limit,
            writer.add,
            lambda done, batches: journey.within(done / batches),
        )
    require_unchanged(artifact)  # or they would be the answers of another model than the one that was timed
    return Spool(file)


class DenseAnswers:
    """Those of one device. `reused` names the recorded baseline that they are of; empty where they were computed.

    A run that goes on with scores that an earlier process has saved takes the file that this one has left; `fresh`
    is for one without.
    """

    def __init__(self, context: Context, task: Task, profile: HardwareProfile, number: int) -> None:
        self._context, self._task, self._profile = context, task, profile
        self._file = context.folder.kept_file(f"h{number:02d}")
        self._spool: Spool | None = None
        self.reused = ""

    def fresh(self, artifact: Artifact) -> Spool:
        """Of a recorded baseline that is the same, else computed; never what an earlier process has left."""
        self._spool = self._recorded(artifact) or self._computed(artifact)
        return self._spool

    def get(self, artifact: Artifact) -> Spool:
        """Those that are there, whole; else as `fresh`."""
        if self._spool is None:
            self._spool = self._left() or self.fresh(artifact)
        return self._spool

    def _left(self) -> Spool | None:
        if not self._file.is_file():
            return None
        try:
            return Spool(self._file)
        except StoreError as error:
            self._context.journey.note(f"{error.reason}: the baseline on {self._profile.name} is run again")
            return None

    def _computed(self, artifact: Artifact) -> Spool:
        context, profile = self._context, self._profile
        return answers(artifact, self._task, profile, context.limit_for(profile), self._file, context.journey)

    def _recorded(self, artifact: Artifact) -> Spool | None:
        """Of the baseline that is recorded, if it is the very same; else a note says in what it is not."""
        folder = baseline_folder(self._context.results.path, self._context.loaded, self._profile)
        try:
            record = folder.load()
            if record is None:
                return None
            changed = self._changed(record, artifact)
            spool = None if changed else folder.take(record, self._file)
        except StoreError as error:
            self._context.journey.note(f"The recorded baseline on {self._profile.name} is not used: {error.reason}")
            return None
        if spool is None:
            why = changed or "another one was recorded meanwhile"
            self._context.journey.note(f"The recorded baseline on {self._profile.name} is not used: {why}")
            return None
        self.reused = record.name
        return spool

    def _changed(self, record: BaselineRecord, artifact: Artifact) -> str:
        return "; ".join(differences(record, self._context.loaded, self._task.data, artifact, self._profile))
