"""The folder of one run, and the results folder that holds them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import secrets
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.measurement import ProcessSet
from ..records.quality import ExampleFacts, ExampleScores
from ..records.run_record import OLDER_SCHEMAS, RUN_SCHEMA, RunRecord, VariantState
from .files import storing, write_text
from .samples import read_set, write_set
from .scores import read_examples, read_scores, write_examples, write_scores

RECORD = "run.json"
SUITE = "suite.yaml"
ARTIFACTS = "artifacts"
EXAMPLES = "examples.npz"
LABELS = "labels.json"
_KEPT = ".kept-"  # hidden: no result, and in no bundle
_RUN_ID = re.compile(r"^\d{8}T\d{6}Z-[A-Za-z0-9][A-Za-z0-9._-]*$")


def is_run_id(name: str) -> bool:
    """Whether a folder of that name can be a run: time, suite, random part."""
    return bool(_RUN_ID.match(name))


def _portable(record: RunRecord, artifacts: Path) -> RunRecord:
    """Artifacts by their path below the artifacts folder; a file of the user's by its name alone."""
    return record.model_copy(
        update={"variants": tuple(_portable_variant(state, artifacts) for state in record.variants)}
    )


def _portable_variant(state: VariantState, artifacts: Path) -> VariantState:
    if state.artifact is None:
        return state
    path = Path(state.artifact.path)
    short = path.relative_to(artifacts).as_posix() if path.is_relative_to(artifacts) else path.name
    return state.model_copy(update={"artifact": state.artifact.model_copy(update={"path": short})})


class RunFolder:
    """One run on disk. The record is rewritten whole after each case; samples are only ever added."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def id(self) -> str:
        """The run's name."""
        return self.path.name

    @property
    def created(self) -> str:
        """When it was begun, as ISO 8601 in UTC; it is the first part of the name."""
        return datetime.strptime(self.id[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC).isoformat()

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the run for this process alone, until the context ends or the process does."""
        with contextlib.ExitStack() as stack:
            with storing(self.path):
                file = stack.enter_context((self.path / ".lock").open("w"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise StoreError(
                        f"The run {self.id} is being worked on by another process",
                        "",
                        "wait until that one has ended",
                    ) from error
            yield

    def save(self, record: RunRecord) -> RunRecord:
        """Put the record in place of the one before, and give what was written: it holds no absolute path."""
        record = _portable(record, (self.path.parent / ARTIFACTS).resolve())
        write_text(self.path / RECORD, record.model_dump_json(by_alias=True, indent=1) + "\n")
        return record

    def save_suite(self, text: str) -> None:
        """Keep the suite as the user wrote it."""
        write_text(self.path / SUITE, text)

    def load(self) -> RunRecord:
        """The record. Raises StoreError where it is missing, damaged or of another schema."""
        file = self.path / RECORD
        try:
            data = json.loads(file.read_text(encoding="utf-8"))
            found = data.get("schema") if isinstance(data, dict) else None
            if found not in (RUN_SCHEMA, *OLDER_SCHEMAS):
                known = ", ".join((RUN_SCHEMA, *OLDER_SCHEMAS))
                raise StoreError(f"{file} has the schema {found!r}", f"this xbench reads {known}")
            return RunRecord.model_validate({**data, "schema": RUN_SCHEMA})
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.path} holds no {RECORD}: it is no run", "", "`xbench results list` shows the runs"
            ) from error
        except (OSError, ValueError, ValidationError) as error:
            raise StoreError(f"{file} cannot be read", " ".join(str(error).split())[:300]) from error

    def _set_file(self, group: int, number: int) -> Path:
        return self.path / "samples" / f"g{group:02d}-set{number:03d}.npz"

    def save_set(self, group: int, one: ProcessSet) -> None:
        """Keep the raw samples of a process set of the run's `group`-th device and workload."""
        with storing(self.path):
            (self.path / "samples").mkdir(exist_ok=True)
        write_set(self._set_file(group, one.number), one)

    def sets(self, group: int) -> list[ProcessSet]:
        """The process sets that are saved, in their order."""
        return [read_set(file) for file in sorted((self.path / "samples").glob(f"g{group:02d}-set*.npz"))]

    def _quality(self) -> Path:
        """The folder of all that is kept of quality, made if need be."""
        folder = self.path / "quality"
        with storing(self.path):
            folder.mkdir(exist_ok=True)
        return folder

    def _scores_file(self, variant: int, hardware: int) -> Path:
        return self.path / "quality" / f"v{variant:02d}-h{hardware:02d}.npz"

    def save_scores(self, variant: int, hardware: int, scores: ExampleScores) -> None:
        """Keep what each example scored."""
        self._quality()
        write_scores(self._scores_file(variant, hardware), scores)

    def scores(self, variant: int, hardware: int) -> ExampleScores | None:
        """The scores that are saved; None where there are none yet. Raises StoreError where they are damaged."""
        file = self._scores_file(variant, hardware)
        return read_scores(file) if file.is_file() else None

    def save_examples(self, examples: ExampleFacts) -> None:
        """Keep what is known of the examples that all variants are scored on."""
        write_examples(self._quality() / EXAMPLES, examples)

    def examples(self) -> ExampleFacts | None:
        """What is known of the examples; None in older runs. Raises StoreError where it is damaged."""
        file = self.path / "quality" / EXAMPLES
        return read_examples(file) if file.is_file() else None

    def save_labels(self, labels: Mapping[int, str]) -> None:
        """Keep what the answers are called that the record names, by their codes."""
        write_text(self._quality() / LABELS, json.dumps({str(code): label for code, label in labels.items()}) + "\n")

    def labels(self) -> dict[int, str]:
        """What answers are called, by their codes; empty in older runs. Raises StoreError where it is damaged."""
        file = self.path / "quality" / LABELS
        if not file.is_file():
            return {}
        try:
            return {int(code): str(label) for code, label in json.loads(file.read_text(encoding="utf-8")).items()}
        except (OSError, ValueError, AttributeError) as error:
            raise StoreError(f"The names of answers {file.name} cannot be read", str(error)) from error

    def kept_file(self, name: str) -> Path:
        """Where a model's kept answers lie while the run goes on. They are big: none outlives it."""
        return self._quality() / f"{_KEPT}{name}"

    def drop_kept(self) -> None:
        """Remove all kept answers, and what a process that was killed has left of some."""
        with storing(self.path):
            for file in (self.path / "quality").glob(f"*{_KEPT}*"):
                file.unlink(missing_ok=True)


class ResultsFolder:
    """Where runs and their artifacts are kept."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def artifacts(self) -> Path:
        """Exported ONNX files, by their digest."""
        return self.path / ARTIFACTS

    def new_run(self, name: str) -> RunFolder:
        """Make the folder of a new run: time, suite, and a random part, so that two never meet."""
        stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")
        folder = self.path / f"{stamp}-{name}-{secrets.token_hex(3)}"
        with storing(self.path):
            folder.mkdir(parents=True)
        self.make_room()
        return RunFolder(folder)

    def make_room(self) -> None:
        """Make the folder of artifacts, before any is made. Raises StoreError."""
        with storing(self.path):
            self.artifacts.mkdir(parents=True, exist_ok=True)

    def runs(self) -> Iterator[RunFolder]:
        """All runs, the oldest first."""
        folders = sorted(self.path.iterdir()) if self.path.is_dir() else []
        for folder in folders:
            if is_run_id(folder.name) and (folder / RECORD).is_file():
                yield RunFolder(folder)

    def find(self, name: str) -> RunFolder:
        """A run by its path, its name, a unique beginning of it, or `last`. Raises StoreError."""
        if (Path(name) / RECORD).is_file():
            return RunFolder(Path(name))
        runs = list(self.runs())
        matches = runs[-1:] if name == "last" else [run for run in runs if run.id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        what = "no run" if not matches else f"{len(matches)} runs"
        raise StoreError(
            f"{what} in {self.path} is called {name!r}",
            f"there are {len(runs)}" if runs else "it holds no runs at all",
            "`xbench results list` shows them; --output DIR names another folder",
        )
