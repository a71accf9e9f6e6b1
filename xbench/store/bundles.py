"""Bundles: runs in one file, to be carried from the machine that made them to where they are kept.

A bundle is a gzipped tar (POSIX.1-2001 pax) whose first member is `MANIFEST.json`, with the schema
`xbench.bundle/1`: path, size in bytes and SHA-256 of each file. Artifacts do not travel: a run's record holds
their digests, and every table can be computed again without them.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from ..errors import InputError, StoreError
from .files import storing, write_whole
from .folder import RunFolder
from .plain import described, entries, opened
from .verifying import verify

MANIFEST = "MANIFEST.json"
BUNDLE_SCHEMA = "xbench.bundle/1"


def write_bundle(runs: Sequence[RunFolder], target: Path) -> int:
    """Write these runs into `target`, whole or not at all. Returns how many files they have.

    The same runs give the same bytes. Raises InputError where a run is given twice or two have one name,
    StoreError where a run is being worked on, was changed after it was sealed, cannot be read, or the file cannot be
    written.
    """
    names = [run.id for run in runs]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"Two runs called {twice} cannot be in one bundle", remedy="name each run once")
    contents: dict[str, bytes] = {}
    for run in runs:
        # What is sealed nobody works on, and it may lie where nothing can be written.
        with contextlib.nullcontext() if run.sealed else run.locked(), storing(run.path):
            problems = verify(run).problems  # what is not taken for whole here would not be there
            if problems:
                raise StoreError(f"The run {run.id} was changed", problems[0], "`xbench results verify` tells more")
            contents |= {f"{run.id}/{name}": content for name, content in _files(run.path).items()}
    write_whole(target, lambda file: _pack(contents, file))
    return len(contents)


def _files(folder: Path) -> dict[str, bytes]:
    """The content of a run's files by their path in it."""
    found = {}
    for path in entries(folder):
        with opened(path) as file:
            found[path.relative_to(folder).as_posix()] = file.read()
    return found


def _pack(contents: Mapping[str, bytes], file: IO[bytes]) -> None:
    listed = {path: described(content).model_dump() for path, content in contents.items()}
    manifest = json.dumps({"schema": BUNDLE_SCHEMA, "files": listed}, indent=1).encode()
    with (
        # tarfile's own gzip would write the time into the header.
        gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for path, content in {MANIFEST: manifest, **contents}.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
