"""Takes in a bundle that somebody else made: nothing of it is believed before its digest was checked."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import tarfile
import tempfile
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import StoreError
from .bundles import BUNDLE_SCHEMA, MANIFEST
from .files import DISK_FULL, held, storing, sync
from .folder import RECORD, ResultsFolder, RunFolder, is_run_id
from .plain import Listed, describe, described, entries
from .verifying import verify

# A run of 10 variants on 6 devices takes some 10 MiB; what is beyond these limits is no bundle of runs.
_MOST_FILES = 100_000
_MOST_BYTES = 4 * 2**30
_MOST_FILE_BYTES = 256 * 2**20  # one file is held in memory while its digest is checked
_MOST_MANIFEST_BYTES = 32 * 2**20
_DAMAGE = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError)
UNPACKED = ".import-"
"""How the names of folders begin in which bundles are unpacked."""
_AGAIN = "ask for the bundle again, or make a new one with `xbench results export`"


class _Listed(Listed):
    bytes: int = Field(ge=0, le=_MOST_FILE_BYTES)


class _Manifest(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: str = Field(alias="schema")
    files: dict[str, _Listed] = Field(max_length=_MOST_FILES)


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the runs of a bundle, by their names."""

    new: tuple[str, ...]
    known: tuple[str, ...]


def import_bundle(bundle: Path, results: ResultsFolder) -> Imported:
    """Put the runs of a bundle into a results folder: all of them, or none.

    A run that is there already with the same content is left as it is. Raises StoreError for a file that is no
    bundle, is cut off or damaged, holds paths that lead elsewhere, links, files that its manifest does not list
    or of other content than listed, a run that cannot be read or is not as it was sealed, and a run whose name is
    taken by another one. Killed in the middle, it has brought some of the runs, each of them whole.
    """
    if not os.path.isfile(bundle):  # noqa: PTH113 - a Path raises where it may not be looked at
        raise StoreError(f"There is no file {bundle}", "", "name a bundle that `xbench results export` wrote")
    with storing(results.path):
        results.path.mkdir(parents=True, exist_ok=True)
    with (
        storing(results.path),
        tempfile.TemporaryDirectory(prefix=UNPACKED, dir=results.path) as folder,
        held(Path(folder), fcntl.LOCK_SH),
    ):
        runs = _unpacked(bundle, Path(folder))
        with held(results.path, fcntl.LOCK_EX):  # of two bundles at once, the second finds what the first has brought
            return _put_in_place(runs, results)


def _unpacked(bundle: Path, folder: Path) -> list[RunFolder]:
    """The runs, unpacked and read once."""
    try:
        with tarfile.open(bundle, "r:gz") as archive:
            manifest = _manifest(archive, bundle)
            for path, listed in _members(archive, manifest, bundle):
                _unpack(folder / path, listed)
    except _DAMAGE as error:
        raise StoreError(f"{bundle.name} cannot be read as a bundle", str(error), _AGAIN) from error
    missing = [path for path in manifest.files if not (folder / path).is_file()]
    if missing:
        raise StoreError(f"{bundle.name} lacks {missing[0]}, which its manifest lists", remedy=_AGAIN)
    runs = [RunFolder(path) for path in sorted(folder.iterdir())]
    for run in runs:
        if run.load().id != run.id:
            raise StoreError(f"{bundle.name} holds a record under the name of another run", run.id, _AGAIN)
        problems = verify(run).problems
        if problems:
            raise StoreError(f"{bundle.name} holds the run {run.id}, which was changed", problems[0], _AGAIN)
    return runs


def _unpack(target: Path, content: bytes) -> None:
    """A disk that is full is no fault of the bundle, and is told as what it is."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    except OSError as error:
        if error.errno in DISK_FULL:
            raise StoreError(
                f"{target.name} cannot be unpacked", str(error.strerror), "choose a folder with room, by --output DIR"
            ) from error
        raise


def _manifest(archive: tarfile.TarFile, bundle: Path) -> _Manifest:
    first = archive.next()
    file = archive.extractfile(first) if first is not None and first.isreg() and first.name == MANIFEST else None
    if file is None or first is None or first.size > _MOST_MANIFEST_BYTES:
        raise StoreError(f"{bundle.name} is no bundle of xbench", f"it does not begin with {MANIFEST}")
    try:
        manifest = _Manifest.model_validate(json.loads(file.read()))
    except (ValueError, ValidationError, RecursionError) as error:
        raise StoreError(
            f"The manifest of {bundle.name} cannot be read", " ".join(str(error).split())[:300]
        ) from error
    if manifest.schema_ != BUNDLE_SCHEMA:
        raise StoreError(f"{bundle.name} has the schema {manifest.schema_!r}", f"this xbench reads {BUNDLE_SCHEMA}")
    for path in manifest.files:
        _check_path(path, bundle)
    if sum(listed.bytes for listed in manifest.files.values()) > _MOST_BYTES:
        raise StoreError(f"{bundle.name} would unpack to more than {_MOST_BYTES // 2**30} GiB")
    if not any(PurePosixPath(path).name == RECORD for path in manifest.files):
        raise StoreError(f"{bundle.name} holds no run")
    return manifest


def _check_path(path: str, bundle: Path) -> None:
    """`RUN/...`, and nothing that leads out of that folder on any system."""
    parts = path.split("/")
    plain = all(part and part not in (".", "..") and not part.startswith(".") for part in parts)
    if not plain or "\\" in path or "\x00" in path or len(parts) < 2 or not is_run_id(parts[0]):
        raise StoreError(
            f"{bundle.name} holds a path that a run does not have: {path!r}", "nothing was taken in", _AGAIN
        )


def _members(archive: tarfile.TarFile, manifest: _Manifest, bundle: Path) -> Iterable[tuple[str, bytes]]:
    """Each file with its content, once it is what the manifest says. Links and devices are refused."""
    seen: set[str] = set()
    while (member := archive.next()) is not None:
        listed = manifest.files.get(member.name)
        if listed is None or not member.isreg() or member.name in seen or member.size != listed.bytes:
            raise StoreError(
                f"{bundle.name} holds {member.name!r}, which is not what its manifest lists", remedy=_AGAIN
            )
        seen.add(member.name)
        file = archive.extractfile(member)
        content = file.read() if file is not None else b""
        if described(content).sha256 != listed.sha256:
            raise StoreError(
                f"{member.name} in {bundle.name} has another digest than its manifest says", remedy=_AGAIN
            )
        yield member.name, content


def _put_in_place(runs: list[RunFolder], results: ResultsFolder) -> Imported:
    known = [run for run in runs if (results.path / run.id).exists()]
    for run in known:
        if _content(run.path) != _content(results.path / run.id):
            raise StoreError(
                f"{results.path} already holds a run {run.id}, with other content",
                "nothing was taken in",
                "import into another folder with --output DIR, and compare the two",
            )
    new = [run for run in runs if run not in known]
    done: list[Path] = []
    try:
        for run in new:
            target = results.path / run.id
            _to_the_disk(run.path)
            run.path.rename(target)
            done.append(target)
        sync(results.path)
    except OSError:
        for target in done:
            shutil.rmtree(target)
        raise
    return Imported(tuple(run.id for run in new), tuple(run.id for run in known))


def _to_the_disk(folder: Path) -> None:
    files = list(entries(folder))
    for path in (*files, *sorted({folder, *(file.parent for file in files)})):
        sync(path)


def _content(folder: Path) -> Mapping[str, Listed]:
    return {path.relative_to(folder).as_posix(): describe(path) for path in entries(folder)}
