"""The folder of one run, and the results folder that holds them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.case import CaseRow
from ..records.measurement import ProcessSet
from ..records.quality import ExampleFacts, ExampleScores
from ..records.run_record import OLDER_SCHEMAS, RUN_SCHEMA, RunRecord, VariantState
from .case_rows import CASES, read_rows
from .case_rows import as_text as rows_as_text
from .files import held, storing, sync, write_text
from .log import Event, append
from .manifest import MANIFEST, read_manifest, write_manifest
from .plain import described, opened
from .samples import read_set, write_set
from .scores import read_examples, read_scores, write_examples, write_scores

RECORD = "run.json"
SUITE = "suite.yaml"
POLICY = "policy.yaml"
ARTIFACTS = "artifacts"
EXAMPLES = "examples.npz"
LABELS = "labels.json"
LOCK = ".lock"
KEPT = ".kept-"  # hidden: no result, and in no bundle
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


def _as_text(record: RunRecord) -> str:
    return record.model_dump_json(by_alias=True, indent=1) + "\n"


class RunFolder:
    """One run on disk. The record is rewritten whole after each case; samples are only ever added.

    Once it is sealed nothing is changed any more: whatever would, raises StoreError.
    """

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
            stack.enter_context(ResultsFolder(self.path.parent).working())
            with storing(self.path):
                file = stack.enter_context((self.path / LOCK).open("w"))
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError as error:
                    raise StoreError(
                        f"The run {self.id} is being worked on by another process",
                        "",
                        "wait until that one has ended",
                    ) from error
            yield

    @property
    def busy(self) -> bool:
        """Whether a process works on the run now. Raises StoreError where that cannot be told."""
        try:
            with (self.path / LOCK).open("rb") as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except FileNotFoundError:
            return False  # nobody ever did
        except BlockingIOError:
            return True
        except OSError as error:
            raise StoreError(f"{self.path / LOCK} cannot be read", error.strerror or str(error)) from error
        return False

    def save(self, record: RunRecord) -> RunRecord:
        """Put the record in place of the one before, and give what was written: it holds no absolute path."""
        self._require_open()
        record = _portable(record, (self.path.parent / ARTIFACTS).resolve())
        write_text(self.path / RECORD, _as_text(record))
        return record

    def seal(self, record: RunRecord, rows: Sequence[CaseRow]) -> RunRecord:
        """Save the record of a complete run, with its cases as rows and its manifest; gives what was written.

        Whatever happens in the middle, the run is complete with its manifest, or still to be resumed. Raises
        StoreError, also where the folder holds a link or a pipe.
        """
        self._require_open()
        record = _portable(record, (self.path.parent / ARTIFACTS).resolve())
        text = _as_text(record)
        write_text(self.path / CASES, rows_as_text(rows))
        write_manifest(self.path, record.xbench_version, {RECORD: text.encode()})
        write_text(self.path / RECORD, text)
        with storing(self.path):
            sync(self.path)
        return record

    @property
    def sealed(self) -> bool:
        """Whether the run is complete and has its manifest. Raises StoreError where its record cannot be read."""
        return (self.path / MANIFEST).is_file() and self.load().status == "complete"

    def _require_open(self) -> None:
        if self.sealed:
            raise StoreError(f"The run {self.id} is complete and is not changed any more", "", "begin a new run")
        with storing(self.path):  # of a sealing that was cut off: the run goes on
            (self.path / MANIFEST).unlink(missing_ok=True)

    def save_suite(self, text: str) -> None:
        """Keep the suite as the user wrote it."""
        self._require_open()
        write_text(self.path / SUITE, text)

    def save_policy(self, text: str) -> None:
        """Keep the policy as the user wrote it."""
        self._require_open()
        write_text(self.path / POLICY, text)

    def policy_text(self) -> str:
        """The policy as it was written; empty where there was none. Raises StoreError where it cannot be read."""
        try:
            return (self.path / POLICY).read_bytes().decode()
        except FileNotFoundError:
            return ""
        except (OSError, ValueError) as error:
            raise StoreError(f"{self.path / POLICY} cannot be read", str(error)) from error

    def rows(self) -> tuple[CaseRow, ...] | None:
        """The cases as rows, as they were sealed; None where the run is not complete or has no manifest.

        Record and rows are as the manifest lists them, so the record need not be parsed. Raises StoreError where
        they are not.
        """
        if not (self.path / MANIFEST).is_file():
            return None
        files = read_manifest(self.path).files
        try:
            content = {name: (self.path / name).read_bytes() for name in (RECORD, CASES)}
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read", error.strerror or str(error)) from error
        changed = [name for name, found in content.items() if files.get(name) != described(found)]
        if changed and not self.sealed:
            return None
        if changed:
            raise StoreError(
                f"{changed[0]} of {self.id} is not as its manifest lists it", "", "`xbench results verify` tells more"
            )
        return read_rows(self.path / CASES, content[CASES])

    def log(self, text: str, event: Event = "note") -> None:
        """Add a line to the run's log. Raises StoreError."""
        self._require_open()
        append(self.path, event, text)

    def load(self) -> RunRecord:
        """The record. Raises StoreError where it is missing, damaged or of another schema."""
        file = self.path / RECORD
        try:
            with opened(file) as source:
                data = json.loads(source.read())
            found = data.get("schema") if isinstance(data, dict) else None
            if found not in (RUN_SCHEMA, *OLDER_SCHEMAS):
                known = ", ".join((RUN_SCHEMA, *OLDER_SCHEMAS))
                raise StoreError(f"{file} has the schema {found!r}", f"this xbench reads {known}")
            return RunRecord.model_validate({**data, "schema": RUN_SCHEMA})
        except FileNotFoundError as error:
            raise StoreError(
                f"{self.path} holds no {RECORD}: it is no run", "", "`xbench results list` shows the runs"
            ) from error
        except (OSError, ValueError, RecursionError, ValidationError) as error:
            raise StoreError(f"{file} cannot be read", " ".join(str(error).split())[:300]) from error

    def _set_file(self, group: int, number: int) -> Path:
        return self.path / "samples" / f"g{group:02d}-set{number:03d}.npz"

    def save_set(self, group: int, one: ProcessSet) -> None:
        """Keep the raw samples of a process set of the run's `group`-th device and workload."""
        self._require_open()
        with storing(self.path):
            (self.path / "samples").mkdir(exist_ok=True)
        write_set(self._set_file(group, one.number), one)

    def set_files(self, group: int) -> list[Path]:
        """The files of the process sets that are saved, in their order: set1000 comes after set999."""
        files = (self.path / "samples").glob(f"g{group:02d}-set*.npz")
        return sorted(files, key=lambda file: (len(file.name), file.name))

    def sets(self, group: int) -> list[ProcessSet]:
        """The process sets that are saved, in their order."""
        return [read_set(file) for file in self.set_files(group)]

    def _quality(self) -> Path:
        """The folder of all that is kept of quality, made if need be."""
        self._require_open()
        folder = self.path / "quality"
        with storing(self.path):
            folder.mkdir(exist_ok=True)
        return folder

    def _scores_file(self, variant: int, hardware: int) -> Path:
        return self.path / "quality" / f"v{variant:02d}-h{hardware:02d}.npz"

    def scored_files(self, variants: Iterable[int], hardware: int) -> list[Path]:
        """The files of these variants' scores, in that order, then that of the examples: those that are there."""
        files = [self._scores_file(variant, hardware) for variant in variants]
        return [file for file in (*files, self.path / "quality" / EXAMPLES) if file.is_file()]

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
        return self._quality() / f"{KEPT}{name}"

    def drop_kept(self) -> None:
        """Remove all kept answers, and what a process that was killed has left of some."""
        with storing(self.path):
            for file in (self.path / "quality").glob(f"*{KEPT}*"):
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

    @contextlib.contextmanager
    def working(self) -> Iterator[None]:
        """Share the artifacts with others that work with them: none is removed meanwhile. Raises StoreError."""
        with held(self.artifacts, fcntl.LOCK_SH) if self.artifacts.is_dir() else contextlib.nullcontext():
            yield

    def runs(self) -> Iterator[RunFolder]:
        """All runs, the oldest first."""
        for folder in self._inside():
            if is_run_id(folder.name) and (folder / RECORD).is_file():
                yield RunFolder(folder)

    def with_traces(self) -> Iterator[RunFolder]:
        """All runs, and what has a run's name and a manifest but no record any more."""
        for folder in self._inside():
            if is_run_id(folder.name) and any(os.path.lexists(folder / name) for name in (RECORD, MANIFEST)):
                yield RunFolder(folder)

    def require(self) -> None:
        """Raise StoreError where there is no such folder, or it cannot be read: neither is an empty one."""
        self._inside()
        if not self.path.is_dir():
            raise StoreError(f"There is no results folder {self.path}", "", "--output DIR names another folder")

    def _inside(self) -> list[Path]:
        """All that lies there, by name; nothing where there is no such folder. Raises StoreError."""
        try:
            return sorted(self.path.iterdir())
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise StoreError(
                f"The results folder {self.path} cannot be read", error.strerror or str(error)
            ) from error

    def find(self, name: str) -> RunFolder:
        """A run by its path, its name, a unique beginning of it, or `last`. Raises StoreError."""
        if os.path.isfile(f"{name}/{RECORD}"):  # noqa: PTH113 - a Path raises for a name that is too long
            return RunFolder(Path(name))
        runs = list(self.runs())
        matches = runs[-1:] if name == "last" else [run for run in runs if run.id.startswith(name)]
        if len(matches) == 1:
            return matches[0]
        raise StoreError(
            f"no run in {self.path} is called {name!r}"
            if not matches
            else f"{len(matches)} runs in {self.path} begin with {name!r}",
            self._there(name, len(runs)),
            "`xbench results list` shows them; --output DIR names another folder",
        )

    def _there(self, name: str, count: int) -> str:
        """What there is in place of a run that was not found."""
        if os.path.isdir(name):  # noqa: PTH112 - as in `find`
            return f"there is a folder of this name, and no {RECORD} in it"
        return f"there are {count}" if count else "it holds no runs at all"
