"""Finds the files that a suite's model is made of. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from ..sources.packages import package_dir
from ..suite.loading import LoadedSuite


def transformers_folder(loaded: LoadedSuite) -> Path | None:
    """The folder of the Transformers model, if the suite has one. Raises InputError if it is not there."""
    spec = loaded.suite.model
    if spec is None or spec.transformers is None:
        return None
    if spec.package is not None:
        return package_dir(spec.package, spec.transformers)
    return loaded.path(spec.transformers)
