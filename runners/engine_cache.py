"""Built engines on disk: several builds of each, one lock for each build, and no half engine that is taken for one.

Below `$XDG_CACHE_HOME/xbench/engines/` (`~/.cache` where it is not set) there is a folder for each key: the model's
bytes, the profile's options and precision, and the versions of everything that builds. In it, for each build N:

    build-N/        what the provider wrote: engines, timing cache, context
    build-N.json    written last, renamed into place: what a whole build consists of, and how long it took
    build-N.lock    held (flock(2)) while a session is created from it; its time is when that was last

A process that is killed leaves no `build-N.json`, and the next one clears the folder. Nothing is ever removed
otherwise: a user clears the cache by removing the folder.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from xbench.errors import StoreError
from xbench.records.measurement import CacheUse

T = TypeVar("T")
_SCHEMA = "xbench.engine/1"
_MIB = 1024 * 1024


def engines_folder() -> Path:
    """Where engines are kept, by the XDG Base Directory Specification."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # "All paths set in these environment variables must be absolute", else they are ignored.
    root = Path(base) if base.startswith("/") else Path.home() / ".cache"
    return root / "xbench" / "engines"


def engine_key(parts: Mapping[str, Any]) -> str:
    """The name of a cache entry: a digest of all that an engine depends on."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


Engines = dict[str, list[int]]
"""Size in bytes and time of the last change (ns) of each engine, by its name."""


@dataclass(frozen=True, slots=True)
class Build:
    """What `build-N.json` holds: a whole build."""

    engines: Engines
    seconds: float


def _read(note: Path) -> Build | None:
    """What a note says; None where there is none, or none that can be read: then the engine is built anew."""
    if not note.is_file():
        return None
    try:
        told = json.loads(note.read_text())
        return Build(told["engines"], float(told["seconds"])) if told["schema"] == _SCHEMA else None
    except (ValueError, KeyError, TypeError):
        return None


class Slot:
    """One build of an engine, or the place for it. Its lock is held by whoever has it."""

    def __init__(self, folder: Path, number: int, builds: int) -> None:
        self.number = number
        self.folder = folder / f"build-{number}"
        self._note = folder / f"build-{number}.json"
        self._builds = builds

    def create(self, make: Callable[[Path], T]) -> tuple[T, CacheUse]:
        """Have a session made from this folder: with the engine that is there, or by building one.

        Whether it was a hit is told by the engine's file: a provider that builds writes it anew.
        """
        before, told = self.whole(), self._note.is_file()
        if before is None:
            self._clear()
        start = time.monotonic()
        made = make(self.folder)
        seconds = time.monotonic() - start
        after = self._engines()
        if before is not None and after == before.engines:
            return made, CacheUse(kind="hit", proof=self._hit(before, seconds))
        if not after:
            return made, CacheUse(proof="no engine was written when the session was created")
        self._keep(Build(after, seconds))
        # One that did not fit any more was there: the provider, or somebody else, wrote another one in its place.
        return made, CacheUse(kind="stale" if told else "built", proof=self._built(seconds))

    def whole(self) -> Build | None:
        """The build that is here; None where there is none, or where files of it have changed since."""
        build = _read(self._note)
        return build if build is not None and build.engines == self._engines() else None

    def _engines(self) -> Engines:
        found = sorted(self.folder.rglob("*.engine")) if self.folder.is_dir() else []
        stats = {str(file.relative_to(self.folder)): file.stat() for file in found}
        return {name: [stat.st_size, stat.st_mtime_ns] for name, stat in stats.items()}

    def _clear(self) -> None:
        self._note.unlink(missing_ok=True)
        if self.folder.is_dir():
            shutil.rmtree(self.folder)
        self.folder.mkdir(parents=True)

    def _keep(self, build: Build) -> None:
        text = json.dumps({"schema": _SCHEMA, "engines": build.engines, "seconds": build.seconds}, indent=1)
        unfinished = self._note.with_suffix(".new")
        unfinished.write_text(text + "\n")
        unfinished.replace(self._note)

    def _which(self) -> str:
        return f"build {self.number + 1} of {self._builds}"

    def _hit(self, build: Build, seconds: float) -> str:
        size = sum(size for size, _ in build.engines.values()) / _MIB
        return (
            f"{self._which()}: the engine's file ({size:.1f} MiB) is unchanged, and the session was created in "
            f"{seconds:.1f} s, where the build took {build.seconds:.1f} s"
        )

    def _built(self, seconds: float) -> str:
        others = []
        for number in range(self._builds):
            build = _read(self._note.with_name(f"build-{number}.json"))
            if number != self.number and build is not None:
                others.append(f"{build.seconds:.1f}")
        beside = f", the others took {' and '.join(others)} s" if others else ""
        return f"{self._which()}: built in {seconds:.1f} s{beside}"


class EngineCache:
    """The builds of one key."""

    def __init__(self, key: str, builds: int, folder: Path | None = None) -> None:
        self._folder = (folder or engines_folder()) / key
        self._builds = builds

    @contextmanager
    def slot(self, number: int | None = None) -> Iterator[Slot]:
        """A build and its lock: that of this number, or the one that was used longest ago and is free.

        So processes that come one after the other run on different builds. Raises StoreError where the folder
        cannot be written.
        """
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            held = self._lock(number)
        except OSError as error:
            raise StoreError(
                f"Engines cannot be kept in {self._folder}",
                error.strerror or str(error),
                "name another folder in XDG_CACHE_HOME",
            ) from error
        file, taken = held
        try:
            # The kernel's own stamp may be some milliseconds old, and two sessions can be quicker than that.
            os.utime(file, ns=(time.time_ns(), time.time_ns()))
            yield Slot(self._folder, taken, self._builds)
        finally:
            os.close(file)  # and with it the lock

    def _lock(self, number: int | None) -> tuple[int, int]:
        wanted = range(self._builds) if number is None else (number,)
        files = {one: self._folder / f"build-{one}.lock" for one in wanted}
        used = {one: file.stat().st_mtime_ns if file.exists() else 0 for one, file in files.items()}
        order = sorted(wanted, key=lambda one: (used[one], one))
        for one in order:
            file = _open(files[one])
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            return file, one
        file = _open(files[order[0]])
        fcntl.flock(file, fcntl.LOCK_EX)
        return file, order[0]


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
