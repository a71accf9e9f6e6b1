"""Keeps tables between runs, for this machine and this profile alone."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydantic import ValidationError

from ..errors import StoreError
from ..records.fingerprint import Fingerprint
from ..records.latency import LatencyTable, LayerSignature
from ..records.profile import HardwareProfile
from ..store.own_data import OwnData

_KEPT = OwnData("Latency tables", "latency")


class Shelf:
    """Where the tables of one profile on one machine lie: a file for each signature.

    In a folder named by the profile and a digest of the machine's fingerprint and of all of the profile that
    decides times. What was measured on another machine, with other libraries or other options lies elsewhere, and
    where a file was copied over, it is not read.
    """

    def __init__(self, profile: HardwareProfile, fingerprint: Fingerprint) -> None:
        self._profile = profile
        self._machine = fingerprint.sha256
        setting = json.dumps([self._machine, *_setting(profile)], sort_keys=True, default=str)
        self.folder = _KEPT.folder / f"{profile.name}-{_short(setting)}"

    @property
    def fingerprint_sha256(self) -> str:
        """The digest that tables of this machine bear."""
        return self._machine

    def file(self, signature: LayerSignature) -> Path:
        """The file of one signature's table."""
        return self.folder / f"{_short(signature.model_dump_json())}.json"

    def make_room(self) -> None:
        """Make the folder, before anything is measured. Raises StoreError."""
        _KEPT.make_room(self.folder)

    def read(self, signature: LayerSignature) -> LatencyTable | None:
        """The table of a signature; None where there is none of this machine with these options.

        Raises StoreError for a damaged file.
        """
        path = self.file(signature)
        if not path.is_file():
            return None
        try:
            found = LatencyTable.model_validate(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, ValidationError) as error:
            raise StoreError(
                f"The latency table in {path} cannot be read",
                "it is damaged, or of another schema",
                "remove this file: what it held is measured again",
            ) from error
        then = (found.profile, found.runner, found.options, found.precision, found.threads)
        mine = found.fingerprint_sha256 == self._machine and then == _setting(self._profile)
        return found if mine and found.signature == signature else None

    def add(self, table: LatencyTable) -> LatencyTable:
        """Keep a table, together with what is kept of its signature already; points measured again replace old ones.

        Another xbench may do so at the same time: each adds to what the other has written. Raises StoreError.
        """
        self.make_room()
        with self._turn():
            merged = merged_tables(self.read(table.signature), table)
            _KEPT.write(self.file(table.signature), merged.model_dump_json(by_alias=True, indent=1) + "\n")
        return merged

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Keep others from adding meanwhile. The kernel gives the turn back when the process ends."""
        try:
            handle = os.open(self.folder / ".turn", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise _KEPT.refused(self.folder, error.strerror or str(error)) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def merged_tables(old: LatencyTable | None, new: LatencyTable) -> LatencyTable:
    """Both tables' points, the new ones first; what is measured is missing no longer. The larger noise holds."""
    if old is None:
        return new
    points = {(one.inputs, one.outputs): one for one in (*old.points, *new.points)}
    measured = {f"{inputs}x{outputs}" for inputs, outputs in points}
    missing = {key: why for key, why in {**old.missing, **new.missing}.items() if key not in measured}
    return new.model_copy(
        update={
            "points": tuple(points[key] for key in sorted(points)),
            "missing": missing,
            "noise": max(old.noise, new.noise),
            "confidence": min(old.confidence, new.confidence),
        }
    )


def _setting(profile: HardwareProfile) -> tuple[object, ...]:
    return (profile.name, profile.runner, profile.options, profile.precision, profile.threads)


def _short(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
