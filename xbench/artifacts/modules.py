"""The PyTorch program that is kept beside an ONNX file, for runners that run modules."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..records.artifact import Artifact
from ..store.files import storing

SUFFIX = ".pt2"
NO_MODULE = "made from an ONNX file: there is no PyTorch module to run"


def module_path(artifact: Artifact) -> Path | None:
    """Where the artifact's program lies, named by the digest that it was recorded with; None where it has none."""
    if not artifact.module_sha256:
        return None
    return Path(artifact.path).with_name(artifact.module_sha256 + SUFFIX)


def keep_module(saved: Path, artifact: Artifact) -> Artifact:
    """Move a saved program beside the artifact's file, under its digest, and record that."""
    with storing(saved):
        with saved.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        saved.replace(Path(artifact.path).with_name(digest + SUFFIX))
    return artifact.model_copy(update={"module_sha256": digest})
