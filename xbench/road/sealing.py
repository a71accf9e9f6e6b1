"""An artifact is the file that was described, from its proof to its last timed call."""

from __future__ import annotations

from pathlib import Path

from ..artifacts.keeping import check_file
from ..records.artifact import Artifact


def require_unchanged(artifact: Artifact) -> None:
    """Raise InvalidError where the file is no longer the one that was described."""
    check_file(artifact, "changed after it was described", "run again, and let nothing write to the file meanwhile")


def found_again(artifact: Artifact, path: Path) -> Artifact:
    """The artifact of a resumed run, at `path` now. Raises InvalidError where its file is another one."""
    found = artifact.model_copy(update={"path": str(path)})
    check_file(found, "is not the one that was prepared", "run the suite again without --resume")
    return found
