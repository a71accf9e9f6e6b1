"""Recorded baselines: `baselines/SUITE/HARDWARE/` in the results folder holds the dense model's answers and scores.

`baseline.json` names the files that belong to it, whose names are never used twice, and is put in place last, in one
step. So whatever happens in the middle, and however many write at once, it tells of files that fit each other.
"""

from __future__ import annotations

import fcntl
import json
import secrets
import shutil
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.baseline import BASELINE_SCHEMA, BaselineFiles, BaselineRecord
from ..records.quality import ExampleFacts, ExampleScores
from .files import held, storing, write_text
from .scores import read_examples, read_scores, write_examples, write_scores
from .spool import Spool

BASELINES = "baselines"
RECORD = "baseline.json"


class BaselineFolder:
    """The baseline of one suite on one device, if it is recorded."""

    def __init__(self, results: Path, suite: str, hardware: str) -> None:
        self.path = results / BASELINES / suite / hardware

    def load(self) -> BaselineRecord | None:
        """The record; None where none is there. Raises StoreError where it is damaged or of another schema."""
        file = self.path / RECORD
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            found = data.get("schema") if isinstance(data, dict) else None
            if found != BASELINE_SCHEMA:
                raise StoreError(f"{file} has the schema {found!r}", f"this xbench reads {BASELINE_SCHEMA}")
            return BaselineRecord.model_validate(data)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, ValidationError) as error:
            raise StoreError(f"{file} cannot be read", " ".join(str(error).split())[:300]) from error

    def scores(self, record: BaselineRecord) -> ExampleScores:
        """What each example scored. Raises StoreError."""
        return read_scores(self.path / _files(record).scores)

    def examples(self, record: BaselineRecord) -> ExampleFacts:
        """What is known of the examples. Raises StoreError."""
        return read_examples(self.path / _files(record).examples)

    def put(
        self, record: BaselineRecord, kept: Path, scores: ExampleScores, examples: ExampleFacts
    ) -> BaselineRecord:
        """Record a baseline in place of the one before; `kept`, on the same disk, is moved. Raises StoreError."""
        own = secrets.token_hex(4)
        files = BaselineFiles(kept=f"kept-{own}", scores=f"scores-{own}.npz", examples=f"examples-{own}.npz")
        record = record.model_copy(update={"files": files})
        with storing(self.path):
            self.path.mkdir(parents=True, exist_ok=True)
        with held(self.path, fcntl.LOCK_EX):
            write_scores(self.path / files.scores, scores)
            write_examples(self.path / files.examples, examples)
            with storing(self.path):
                kept.replace(self.path / files.kept)
            write_text(self.path / RECORD, record.model_dump_json(by_alias=True, indent=1) + "\n")
            self._sweep({RECORD, files.kept, files.scores, files.examples})
        return record

    def take(self, record: BaselineRecord, target: Path) -> Spool | None:
        """Its kept answers as a file of the caller's own, which stays whatever is recorded later; digest checked.

        None where another baseline was recorded meanwhile. Raises StoreError where the file is damaged or gone.
        """
        with held(self.path, fcntl.LOCK_SH):
            if self.load() != record:
                return None
            source = self.path / _files(record).kept
            Spool(source)  # before it stands where whatever is found is believed to be whole
            with storing(target):
                target.unlink(missing_ok=True)
                try:
                    target.hardlink_to(source)
                except OSError:  # a file system without hard links
                    shutil.copyfile(source, target)
        return Spool(target)

    def _sweep(self, wanted: set[str]) -> None:
        """Remove the files of baselines before, and what a process that was killed has left."""
        with storing(self.path):
            for file in self.path.iterdir():
                if file.name not in wanted and file.is_file():
                    file.unlink(missing_ok=True)


def _files(record: BaselineRecord) -> BaselineFiles:
    """The names of a stored baseline's files. Raises StoreError for names of files elsewhere."""
    files = record.files
    if files is None or any(Path(name).name != name for name in files.model_dump().values()):
        raise StoreError(f"The baseline {record.name} names no files of its own folder", "it was changed")
    return files
