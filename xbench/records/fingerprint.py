"""What a result was measured on: two figures may be set against each other only where this agrees."""

from __future__ import annotations

import hashlib
import json

from .base import Record


class Fingerprint(Record):
    """The machine and the software that a run was made on. Holds no user name, host name or path."""

    cpu_model: str
    architecture: str
    cpu_flags_sha256: str
    cpus_online: int
    cpus_usable: int
    cgroup_cpu_limit: float | None
    memory_mib: int
    memory_limit_mib: int | None
    governor: str
    max_frequency_mhz: float | None
    system: str
    kernel: str
    libc: str
    python: str
    gpus: tuple[str, ...]
    nvidia_driver: str
    libraries: dict[str, str]
    environment: dict[str, str]

    @property
    def sha256(self) -> str:
        """SHA-256 of all that it holds: another machine, library or setting is another digest."""
        return hashlib.sha256(json.dumps(self.model_dump(mode="json"), sort_keys=True).encode()).hexdigest()

    def differences(self, other: Fingerprint) -> list[str]:
        """The fields in which two fingerprints differ, each with both values; of libraries, those alone that do."""
        mine, theirs = _flat(self), _flat(other)
        names = dict.fromkeys((*mine, *theirs))
        return [f"{n}: {mine.get(n)!r} and {theirs.get(n)!r}" for n in names if mine.get(n) != theirs.get(n)]


def _flat(fingerprint: Fingerprint) -> dict[str, object]:
    """All fields, those in dictionaries as `field.key`."""
    found: dict[str, object] = {}
    for name, value in fingerprint.model_dump().items():
        inner = value if isinstance(value, dict) else {}
        found |= {f"{name}.{key}": item for key, item in inner.items()} if inner else {name: value}
    return found
