"""Keeps what a machine was measured to reach, for this machine and this profile alone."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.ceilings import Ceilings
from ..records.fingerprint import Fingerprint
from ..records.profile import HardwareProfile
from ..store.files import write_text

_REMEDY = "set XDG_DATA_HOME to a folder that can be written"


def fingerprint_digest(fingerprint: Fingerprint) -> str:
    """SHA-256 of all that a fingerprint holds: another machine, library or setting is another digest."""
    text = json.dumps(fingerprint.model_dump(mode="json"), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def ceilings_file(profile: HardwareProfile, fingerprint: Fingerprint) -> Path:
    """Where the ceilings of a profile lie on this machine: below XDG_DATA_HOME, or ~/.local/share without it.

    As the XDG Base Directory Specification 0.8 says, a relative path in the variable counts as none.
    """
    data = Path(os.environ.get("XDG_DATA_HOME", ""))
    folder = data if data.is_absolute() else Path.home() / ".local" / "share"
    return folder / "xbench" / "ceilings" / f"{profile.name}-{fingerprint_digest(fingerprint)[:16]}.json"


def make_room(path: Path) -> None:
    """Make the folder of a file of ceilings, before anything is measured. Raises StoreError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(path.parent, os.W_OK)
    except OSError as error:
        raise StoreError(
            f"Ceilings cannot be kept in {path.parent}", error.strerror or str(error), _REMEDY
        ) from error
    if not writable:
        raise StoreError(f"Ceilings cannot be kept in {path.parent}", "it cannot be written", _REMEDY)


def write_ceilings(path: Path, ceilings: Ceilings) -> None:
    """Keep ceilings, in place of those that were measured before. Raises StoreError."""
    make_room(path)
    try:
        write_text(path, ceilings.model_dump_json(by_alias=True, indent=1) + "\n")
    except StoreError as error:
        raise StoreError(f"Ceilings cannot be kept in {path.parent}", error.found, _REMEDY) from error


def read_ceilings(profile: HardwareProfile, fingerprint: Fingerprint) -> Ceilings | None:
    """What this machine was measured to reach with this profile; None where it was not, or not as it is now.

    Those of another machine, of other libraries, and of the profile with other options are never read. Raises
    StoreError for a damaged file.
    """
    path = ceilings_file(profile, fingerprint)
    if not path.is_file():
        return None
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        found = Ceilings.model_validate(data)
    except (OSError, ValueError, ValidationError) as error:
        raise StoreError(
            f"The ceilings in {path} cannot be read",
            "they are damaged, or of another schema",
            f"measure them again: xbench hardware probe {profile.name}",
        ) from error
    return found if _of(profile, fingerprint, found) else None


def _of(profile: HardwareProfile, fingerprint: Fingerprint, found: Ceilings) -> bool:
    same_machine = found.fingerprint_sha256 == fingerprint_digest(fingerprint)
    now = (profile.name, profile.runner, profile.options, profile.precision, profile.threads)
    return same_machine and now == (found.profile, found.runner, found.options, found.precision, found.threads)
