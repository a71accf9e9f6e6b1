"""Whether a recorded run is what was sealed: every file, by its digest, and the record against what lies beside it.

What is read here may have been changed by anybody: nothing is followed out of the folder, and all that is wrong is
told, not only the first of it.
"""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .._version import __version__
from ..errors import StoreError, XbenchError
from ..records.case import CaseRow
from ..records.run_record import OLDER_SCHEMAS, RUN_SCHEMA, RunRecord
from .case_rows import CASES, read_rows
from .files import reading_npz
from .folder import POLICY, RECORD, SUITE, RunFolder
from .manifest import MANIFEST, Manifest, manifest_digest, read_manifest
from .plain import Listed, describe, entries, opened

Derive = Callable[[RunRecord], Sequence[CaseRow]]
"""Makes the rows of a record's cases."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What was found of a run.

    `problems` are in words; none: nothing was changed. `manifest_sha256` identifies the run where it is `sealed`,
    `unsealed` says why it is not, and `files` is how many were looked at. `unread` says why nobody looked into the
    record of a sealed run: it is of a newer schema, and its files alone were held against the manifest.
    """

    run: str
    sealed: bool
    problems: tuple[str, ...]
    manifest_sha256: str = ""
    unsealed: str = ""
    files: int = 0
    unread: str = ""


def verify(folder: RunFolder, derive: Derive | None = None, digest: str = "") -> Verification:
    """Look at every file of a run. `digest` is the one that its manifest was noted to have.

    `derive` makes the rows anew that `cases.json` holds; they are compared where this very version made them.
    Raises StoreError where the folder cannot be read at all.
    """
    if folder.path.is_symlink():
        return Verification(folder.id, sealed=False, problems=("its folder is a link, which is not followed",))
    found, problems = _found(folder.path)
    raw = _raw(folder.path)
    status, schema = (raw.get(key) for key in ("status", "schema"))
    # A manifest beside a record that is not complete is of a sealing that was cut off.
    sealed = MANIFEST in found and (not raw or status == "complete")
    unsealed = "" if sealed else _why(status, schema)
    unread = _unknown(schema) if sealed and raw else ""
    if sealed:
        problems += _against_manifest(folder, found)
    elif not unsealed:
        problems.append(f"its {MANIFEST} is gone")
    else:
        problems += _unreadable(folder.path, found)
    problems += _in_itself(folder, found, derive if sealed else None) if not unread else []
    if unsealed and MANIFEST in found:
        unsealed += f", with a {MANIFEST}: its sealing was cut off, or its record was changed since"
    own = manifest_digest(folder.path) if sealed else ""
    if digest and own != digest:
        problems.append(f"its manifest has the digest {own}" if own else "it has no manifest, and so no digest")
    return Verification(folder.id, sealed, tuple(dict.fromkeys(problems)), own, unsealed, len(found), unread)


def _found(folder: Path) -> tuple[dict[str, Path], list[str]]:
    """The plain files by their path in the run, and what else there is, in words."""
    plain: dict[str, Path] = {}
    others: list[str] = []
    try:
        for path in entries(folder):
            name = path.relative_to(folder).as_posix()
            if stat.S_ISREG(path.lstat().st_mode):
                plain[name] = path
            else:
                others.append(f"{name} is {'a link' if path.is_symlink() else 'no plain file'}, and is not read")
    except OSError as error:
        raise StoreError(f"{folder} cannot be read", error.strerror or str(error)) from error
    return plain, others


def _raw(folder: Path) -> dict[str, object]:
    """The record as it was written; empty where it cannot be read, which is told elsewhere."""
    try:
        with opened(folder / RECORD) as file:
            data = json.loads(file.read())
    except (OSError, StoreError, ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _why(status: object, schema: object) -> str:
    """Why a run has no manifest; empty where it should have one."""
    if status != "complete":
        return f"it is {status}" if status in ("running", "failed") else "it has no record that can be read"
    return f"it is older than manifests ({schema})" if schema in OLDER_SCHEMAS else ""


def _unknown(schema: object) -> str:
    """Of a record that this version does not read; empty where it does."""
    return "" if schema in (RUN_SCHEMA, *OLDER_SCHEMAS) else f"its record has the schema {schema!r}, and was not read"


def lacks_manifest(folder: RunFolder) -> bool:
    """Whether a run is complete, not older than manifests, and has none: somebody has removed it."""
    raw = _raw(folder.path)
    return not _why(raw.get("status"), raw.get("schema")) and not os.path.lexists(folder.path / MANIFEST)


def _against_manifest(folder: RunFolder, found: dict[str, Path]) -> list[str]:
    try:
        manifest = read_manifest(folder.path)
    except StoreError as error:
        return [error.reason]
    problems = [] if manifest.run == folder.id else [f"its manifest is that of the run {manifest.run}"]
    problems += [f"{name} is gone" for name in manifest.files if name not in found]
    return problems + list(_differing(manifest, found))


def _differing(manifest: Manifest, found: dict[str, Path]) -> Iterator[str]:
    """Files that are not listed, or not as they are listed."""
    for name, path in found.items():
        if name == MANIFEST:
            continue
        if name not in manifest.files:
            yield f"{name} is not in its manifest"
            continue
        try:
            there = describe(path)
        except (OSError, StoreError) as error:
            yield f"{name} cannot be read: {error}"
            continue
        if there != manifest.files[name]:
            yield f"{name} was changed: {_in_words(manifest.files[name])} then, {_in_words(there)} now"


def _in_words(listed: Listed) -> str:
    return f"{listed.bytes} bytes, sha256 {listed.sha256[:12]}..."


def _unreadable(folder: Path, found: dict[str, Path]) -> list[str]:
    """Arrays that are cut off or damaged, where no digest tells of them."""
    problems = []
    for name, path in found.items():
        if path.suffix == ".npz":
            try:
                with reading_npz(path, "file") as content:
                    for array in content.files:
                        content[array]
            except StoreError as error:
                problems.append(f"{name} cannot be read: {error.found}")
    return problems


def _in_itself(folder: RunFolder, found: dict[str, Path], derive: Derive | None) -> list[str]:
    """What of the record does not fit the folder, or the files that it was made of."""
    if RECORD not in found:
        return [f"{RECORD} is gone"]
    try:
        record = folder.load()
    except StoreError as error:
        return [error.reason]
    problems = [] if record.id == folder.id else [f"its record is that of the run {record.id}"]
    for name, expected in ((SUITE, record.suite_sha256), (POLICY, record.policy_sha256)):
        if name in found and _digest(found[name]) != expected:
            problems.append(f"{name} is not the one that its record was made with")
    if derive is not None and CASES in found and record.xbench_version == __version__:
        problems += _other_rows(found[CASES], derive, record)
    return problems


def _digest(path: Path) -> str:
    try:
        return describe(path).sha256
    except OSError as error:
        raise StoreError(f"{path} cannot be read", error.strerror or str(error)) from error


def _other_rows(path: Path, derive: Derive, record: RunRecord) -> list[str]:
    try:
        with opened(path) as file:
            rows = read_rows(path, file.read())
        same = rows == tuple(derive(record))
    except (OSError, XbenchError) as error:
        why = error.reason if isinstance(error, XbenchError) else str(error)
        return [f"{CASES} cannot be compared with the record: {why}"]
    return [] if same else [f"{CASES} does not tell what the record does"]
