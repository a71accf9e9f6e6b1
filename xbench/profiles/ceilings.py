"""Keeps what a machine was measured to reach, for this machine and this profile alone."""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.ceilings import Ceilings
from ..records.fingerprint import Fingerprint
from ..records.profile import HardwareProfile
from ..store.own_data import OwnData

_KEPT = OwnData("Ceilings", "ceilings")


def ceilings_file(profile: HardwareProfile, fingerprint: Fingerprint) -> Path:
    """Where the ceilings of a profile lie on this machine."""
    return _KEPT.folder / f"{profile.name}-{fingerprint.sha256[:16]}.json"


def make_room(path: Path) -> None:
    """Make the folder of a file of ceilings, before anything is measured. Raises StoreError."""
    _KEPT.make_room(path.parent)


def write_ceilings(path: Path, ceilings: Ceilings) -> None:
    """Keep ceilings, in place of those that were measured before. Raises StoreError."""
    make_room(path)
    _KEPT.write(path, ceilings.model_dump_json(by_alias=True, indent=1) + "\n")


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
    same_machine = found.fingerprint_sha256 == fingerprint.sha256
    now = (profile.name, profile.runner, profile.options, profile.precision, profile.threads)
    return same_machine and now == (found.profile, found.runner, found.options, found.precision, found.threads)
