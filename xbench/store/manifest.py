"""The manifest of a finished run: which files it has, and what is in them.

It lists the record as it will be, and is put in place before it. So a record says that its run is complete only
where the manifest of that very record lies beside it. A manifest beside the record of an unfinished run is a sealing
that was cut off, and counts for nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ..errors import StoreError
from .files import storing, sync, write_text
from .plain import Listed, describe, described, entries, opened

MANIFEST = "manifest.json"
MANIFEST_SCHEMA = "xbench.manifest/1"


class Manifest(BaseModel):
    """Files by their path in the run's folder; neither the manifest itself nor hidden files."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_: str = Field(alias="schema")
    run: str
    xbench_version: str
    files: dict[str, Listed]


def write_manifest(folder: Path, xbench_version: str, coming: Mapping[str, bytes]) -> None:
    """List all files of a run, with `coming` as those that are put in place after it. All is forced to the disk.

    Raises StoreError where the folder holds a link or a pipe, or cannot be written.
    """
    with storing(folder):
        paths = [path for path in entries(folder) if path.relative_to(folder).as_posix() != MANIFEST]
        listed = {path.relative_to(folder).as_posix(): describe(path) for path in paths}
        for path in (*paths, *sorted({path.parent for path in paths})):
            sync(path)
    listed |= {name: described(content) for name, content in coming.items()}
    manifest = Manifest(
        schema=MANIFEST_SCHEMA, run=folder.name, xbench_version=xbench_version, files=dict(sorted(listed.items()))
    )
    write_text(folder / MANIFEST, manifest.model_dump_json(by_alias=True, indent=1) + "\n")
    with storing(folder):
        sync(folder)


def read_manifest(folder: Path) -> Manifest:
    """The manifest. Raises StoreError where it is missing, damaged, no plain file, or of another schema."""
    file = folder / MANIFEST
    try:
        with opened(file) as source:
            data = json.loads(source.read())
        found = data.get("schema") if isinstance(data, dict) else None
        if found != MANIFEST_SCHEMA:
            raise StoreError(f"{file} has the schema {found!r}", f"this xbench reads {MANIFEST_SCHEMA}")
        return Manifest.model_validate(data)
    except (OSError, ValueError, RecursionError, ValidationError) as error:
        raise StoreError(f"{file} cannot be read", " ".join(str(error).split())[:300]) from error


def manifest_digest(folder: Path) -> str:
    """The SHA-256 of a run's manifest, which stands for all of the run; empty where there is none.

    Raises StoreError where it is no plain file.
    """
    try:
        with opened(folder / MANIFEST) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError:
        return ""
    except OSError as error:
        raise StoreError(f"{folder / MANIFEST} cannot be read", error.strerror or str(error)) from error
