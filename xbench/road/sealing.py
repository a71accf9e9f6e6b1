"""An artifact is the file that was described, from its proof to its last timed call."""

from __future__ import annotations

from pathlib import Path

from ..errors import InvalidError
from ..onnxfile.digests import digests
from ..records.artifact import Artifact


def require_unchanged(artifact: Artifact) -> None:
    """Raise InvalidError where the file's digest, external data included, is no longer the recorded one."""
    found, _ = digests(Path(artifact.path))
    if found != artifact.sha256:
        raise InvalidError(
            f"The file of {artifact.variant} changed after it was described",
            f"then its sha256 was {artifact.sha256[:16]}..., now it is {found[:16]}...",
            "run again, and let nothing write to the file meanwhile",
        )
