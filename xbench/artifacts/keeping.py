"""Puts an exported file among the kept artifacts: its provenance goes in, its digest becomes its name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ..errors import InvalidError
from ..onnxfile.digests import file_digest
from ..onnxfile.opening import open_model
from ..records.artifact import Artifact
from ..store.files import storing, write_text
from .describing import describe

PREFIX = "xbench."


def add_provenance(path: Path, provenance: Mapping[str, str]) -> None:
    """Write what a file was made from into its `metadata_props`, each key as `xbench.KEY`.

    External data stays where it is: only the graph's file is written again.
    """
    model = open_model(path, load_external=False)
    kept = [prop for prop in model.metadata_props if not prop.key.startswith(PREFIX)]
    del model.metadata_props[:]
    model.metadata_props.extend(kept)
    for key, value in sorted(provenance.items()):
        model.metadata_props.add(key=PREFIX + key, value=value)
    with storing(path):
        path.write_bytes(model.SerializeToString(deterministic=True))


def keep(exported: Path, variant: str, folder: Path) -> Artifact:
    """Move an exported file into `folder` under its digest, and give the artifact.

    A file with external data becomes a folder of that name, since the data are found by the name they have.
    """
    artifact = describe(exported, variant)
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
