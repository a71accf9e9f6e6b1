"""An artifact is the file that was described, from its proof to its last timed call."""

from __future__ import annotations

from ..artifacts.keeping import check_file
from ..records.artifact import Artifact


def require_unchanged(artifact: Artifact) -> None:
    """Raise InvalidError where the file is no longer the one that was described."""
    check_file(artifact, "changed after it was described", "run again, and let nothing write to the file meanwhile")
