"""Makes one variant: prune, train, export, check against PyTorch, and audit what reached the file."""

from __future__ import annotations

import time

from ..artifacts.keeping import write_sidecar
from ..records.artifact import Artifact
from ..records.recipe import NMRecipe
from ..suite.model import VariantSpec
from .checking import checked_parity, followed_into_file
from .exporting import exported
from .producing import produce
from .program import with_program
from .workshop import Workshop


def make_variant(spec: VariantSpec, workshop: Workshop) -> tuple[Artifact, float]:
    """The artifact of a variant, kept among the others, and the seconds that pruning and training took."""
    started = time.monotonic()
    module, report = produce(spec, workshop)
    seconds = time.monotonic() - started
    started = time.monotonic()
    artifact = exported(spec, module, workshop)
    export_seconds = time.monotonic() - started
    n_m = (spec.prune.n, spec.prune.m) if isinstance(spec.prune, NMRecipe) else None
    artifact = followed_into_file(module, artifact, workshop, n_m, report.layers if report else ())
    artifact = artifact.model_copy(
        update={
            "prune": report,
            "parity": checked_parity(module, artifact, workshop),
            "export_seconds": export_seconds,
        }
    )
    if workshop.keep_modules:
        artifact = with_program(module, workshop.dense, artifact, workshop.time_limit)
    write_sidecar(artifact, workshop.artifacts)
    return artifact, seconds
