"""Removes what no run refers to: artifacts that no record names, and what killed processes have left.

Never a run and never a baseline. A run that begins meanwhile loses nothing: those that work share the folder of
artifacts (`ResultsFolder.working`), which is held here alone; and what is young stays.
"""

from __future__ import annotations

import fcntl
import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import StoreError
from .baselines import BASELINES, BaselineFolder
from .baselines import RECORD as BASELINE
from .files import held, is_unfinished, storing
from .folder import ARTIFACTS, KEPT, POLICY, RECORD, SUITE, ResultsFolder, RunFolder, is_run_id
from .manifest import MANIFEST
from .placing import WORKPLACE
from .unpacking import UNPACKED

YOUNG_ARTIFACT_S = 24 * 3600.0
"""Younger artifacts stay: they may be about to be used, by what does not work in this results folder alone."""
YOUNG_LEFTOVER_S = 3600.0
"""Younger temporary files stay: writing one takes seconds, and a process that writes it cannot be asked."""

_ARTIFACT = re.compile(r"^([0-9a-f]{64})(\.[A-Za-z0-9.]+)?$")
_EXPORTED = re.compile(r"^tmp[a-z0-9_]{8}$")  # `tempfile`, among the artifacts


@dataclass(frozen=True, slots=True)
class Removed:
    """A file or folder that went, by its path in the results folder, its size, and what it was."""

    path: str
    size_bytes: int
    what: str


@dataclass(frozen=True, slots=True)
class Swept:
    """What was removed, or would be; and what stays, and why, in words."""

    removed: tuple[Removed, ...]
    stays: tuple[str, ...]


def sweep(results: ResultsFolder, *, dry_run: bool) -> Swept:
    """Remove leftovers and artifacts without a run. Raises StoreError where the folder cannot be read or written."""
    results.require()
    broom = _Broom(results, dry_run, time.time())
    with storing(results.path):
        broom.artifacts()
        broom.leftovers()
    return Swept(tuple(broom.removed), tuple(broom.stays))


class _Broom:
    """Goes through a results folder once."""

    def __init__(self, results: ResultsFolder, dry_run: bool, now: float) -> None:
        self._results, self._dry_run, self._now = results, dry_run, now
        self.removed: list[Removed] = []
        self.stays: list[str] = []

    def artifacts(self) -> None:
        """Those that neither a run nor a baseline names."""
        if not self._results.artifacts.is_dir():
            return
        if self._results.artifacts.is_symlink():
            self.stays.append("artifacts: their folder is a link, and runs elsewhere may name them")
            return
        try:
            with held(self._results.artifacts, fcntl.LOCK_EX | fcntl.LOCK_NB):
                named = self._named()
                if named is not None:
                    self._unnamed(named)
        except BlockingIOError:
            self.stays.append("artifacts: another process works with them; try again when it has ended")

    def _named(self) -> set[str] | None:
        """Digests of the artifacts that records name; None, and told, where that cannot be known."""
        named: set[str] = set()
        try:
            for run in self._results.with_traces():
                if run.busy:
                    self.stays.append(f"artifacts: the run {run.id} is being worked on by another process")
                    return None
                record = run.load()
                named |= {state.artifact.sha256 for state in record.variants if state.artifact is not None}
            for file in sorted((self._results.path / BASELINES).glob(f"*/*/{BASELINE}")):
                baseline = BaselineFolder(self._results.path, file.parts[-3], file.parts[-2]).load()
                named |= {baseline.artifact_sha256} if baseline is not None else set()
        except StoreError as error:
            self.stays.append(f"artifacts: which of them this one names is not known: {error.reason}")
            return None
        return named

    def _unnamed(self, named: set[str]) -> None:
        groups: dict[str, list[Path]] = {}
        for path in sorted(self._results.artifacts.iterdir()):
            match = _ARTIFACT.match(path.name)
            if match is not None and match[1] not in named:
                groups.setdefault(match[1], []).append(path)
        young = 0
        for paths in groups.values():
            if self._old(paths, YOUNG_ARTIFACT_S):
                for path in paths:
                    self._remove(path, "no run names this artifact")
            else:
                young += 1
        if young:
            self.stays.append(f"artifacts: {young} that no run names are younger than a day")

    def leftovers(self) -> None:
        """Temporary files and folders of processes that ended without removing them."""
        root = self._results.path
        for folder in (root, root / BASELINES, *sorted((root / BASELINES).glob("*/*")), root / ARTIFACTS):
            for path in _inside(folder):
                if is_unfinished(path.name) and folder != root:  # which may be anybody's folder
                    self._leftover(path)
                elif path.name.startswith((WORKPLACE, UNPACKED)) or (
                    folder.name == ARTIFACTS and _EXPORTED.match(path.name)
                ):
                    self._left_folder(path)
        for folder in _inside(root):
            if is_run_id(folder.name) and folder.is_dir() and not folder.is_symlink():
                self._of_run(RunFolder(folder))

    def _left_folder(self, path: Path) -> None:
        """A folder that somebody works in is held by him."""
        if not path.is_dir() or path.is_symlink():
            return
        try:
            with held(path, fcntl.LOCK_EX | fcntl.LOCK_NB):
                self._leftover(path)
        except BlockingIOError:
            self.stays.append(f"{self._name(path)}: another process works in it")

    def _of_run(self, run: RunFolder) -> None:
        """What a killed process has left in a run; all of it where there never came to be a record."""
        left = [path for path in _below(run.path) if is_unfinished(path.name) or KEPT in path.name]
        begun = not (run.path / RECORD).exists() and not (run.path / MANIFEST).exists() and _is_bare(run.path)
        if not left and not begun:
            return
        if run.busy:
            self.stays.append(f"temporary files of {run.id}: another process works on it")
        elif begun:
            self._leftover(run.path)
        else:
            with run.locked():
                for path in left:
                    self._leftover(path)

    def _leftover(self, path: Path) -> None:
        if self._old([path], YOUNG_LEFTOVER_S):
            self._remove(path, "left by a process that was ended")
        else:
            self.stays.append(f"{self._name(path)}: it is younger than an hour")

    def _old(self, paths: list[Path], seconds: float) -> bool:
        return all(self._now - one.lstat().st_mtime > seconds for path in paths for one in (path, *_below(path)))

    def _remove(self, path: Path, what: str) -> None:
        size = sum(one.lstat().st_size for one in (path, *_below(path)) if not one.is_dir() or one.is_symlink())
        if not self._dry_run:
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
        self.removed.append(Removed(self._name(path), size, what))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._results.path).as_posix()


def _is_bare(folder: Path) -> bool:
    """Whether a run's folder holds nothing that took work."""
    return all(path.name in (SUITE, POLICY) or path.name.startswith(".") for path in folder.iterdir())


def _inside(folder: Path) -> list[Path]:
    return sorted(folder.iterdir()) if folder.is_dir() else []


def _below(path: Path) -> Iterator[Path]:
    """Everything in a folder, hidden or not; nothing in a file or link, which is not followed."""
    if path.is_dir() and not path.is_symlink():
        for one in path.iterdir():
            yield one
            yield from _below(one)
