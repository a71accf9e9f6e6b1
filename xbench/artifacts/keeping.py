"""Puts an exported file among the kept artifacts: its provenance goes in, its digest becomes its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InvalidError
from ..onnxfile.audit import audit
from ..onnxfile.digests import digests, file_digest
from ..onnxfile.opening import open_model
from ..onnxfile.writing import INLINE_BYTES, settle, write_graph
from ..records.artifact import Artifact
from ..store.files import storing, write_text
from .describing import describe
from .provenance import AUDIT, GRAPH, PREFIX, audit_totals


def add_provenance(path: Path, provenance: Mapping[str, str], inline_bytes: int = INLINE_BYTES) -> None:
    """Write the file at `path` again in xbench's form, and what it was made from into its `metadata_props`.

    Each key becomes `xbench.KEY`; beside them stand the digest of the graph and the totals of its audit, so that
    both can be verified later. Provenance that was there is gone. `inline_bytes`: as `settle` has it, which also
    says what is raised.
    """
    with storing(path):
        settle(path, inline_bytes)
        sign(path, provenance)


def sign(path: Path, provenance: Mapping[str, str]) -> None:
    """The same for a file that is in xbench's form already. Raises InputError as `open_model` does."""
    model = open_model(path, load_external=False)
    kept = {prop.key: prop.value for prop in model.metadata_props if not prop.key.startswith(PREFIX)}
    own = {PREFIX + key: value for key, value in provenance.items()}
    own |= {GRAPH: digests(path)[1], AUDIT: audit_totals(audit(open_model(path)))}
    del model.metadata_props[:]
    for key, value in sorted((kept | own).items()):
        model.metadata_props.add(key=key, value=value)
    write_graph(model, path)


def keep(exported: Path, variant: str, folder: Path) -> Artifact:
    """Move an exported file into `folder` under its digest, and give the artifact.

    A file with external data becomes a folder of that name, since the data are found by the name they have.
    Raises InvalidError where the file's provenance is not its own.
    """
    artifact = describe(exported, variant)
    if artifact.provenance_fault:
        raise InvalidError(
            f"The file of {variant} is not the one that its provenance was written for",
            artifact.provenance_fault,
            "run again, and let nothing write to the file meanwhile",
        )
    beside = [file for file in exported.parent.iterdir() if file != exported]
    with storing(folder):
        if beside:
            home = folder / artifact.sha256
            home.mkdir(exist_ok=True)
            for file in beside:
                file.replace(home / file.name)
            target = home / exported.name
        else:
            target = folder / f"{artifact.sha256}.onnx"
        exported.replace(target)
    return artifact.model_copy(update={"path": str(target.resolve())})


def write_sidecar(artifact: Artifact, folder: Path) -> None:
    """Write the artifact's description beside it, as `DIGEST.json`."""
    portable = artifact.model_copy(update={"path": Path(artifact.path).relative_to(folder.resolve()).as_posix()})
    write_text(folder / f"{artifact.sha256}.json", portable.model_dump_json(indent=1) + "\n")


def check_file(artifact: Artifact, change: str, remedy: str) -> None:
    """Raise InvalidError where the file's digest, external data included, is no longer the recorded one.

    `change` says what has happened then, such as `changed after it was described`, and `remedy` what to do.
    """
    found = file_digest(Path(artifact.path))
    if found != artifact.sha256:
        raise InvalidError(
            f"The file of {artifact.variant} {change}",
            f"then its sha256 was {artifact.sha256[:16]}..., now it is {found[:16]}...",
            remedy,
        )
