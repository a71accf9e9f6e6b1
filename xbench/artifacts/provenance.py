"""What an ONNX file says of its own making, and whether it is still the file that this was said of.

It is no signature: whoever changes a file can write new digests too. It finds what tools and people change in good
faith.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from ..records.artifact import Artifact
from ..records.audit import SparsityAudit

PREFIX = "xbench."
GRAPH = PREFIX + "graph_sha256"
AUDIT = PREFIX + "audit"
SIDECAR = ".xbench.json"

_DIGEST = re.compile(r"[0-9a-f]{64}")


def audit_totals(audit: SparsityAudit) -> str:
    """The totals of an audit as they are written into the file."""
    return json.dumps({"elements": audit.elements, "zeros": audit.zeros}, sort_keys=True)


def provenance_fault(written: Mapping[str, str], graph_sha256: str, audit: SparsityAudit) -> str:
    """In what the metadata that xbench wrote disagree with the file; empty where they do not, or there are none."""
    if not any(key.startswith(PREFIX) for key in written):
        return ""
    if GRAPH not in written or AUDIT not in written:
        return "its provenance holds no digest of the graph and no audit: nothing shows that it is this file's"
    faults: list[str] = []
    if written[GRAPH] != graph_sha256:
        faults.append(
            f"its provenance is that of another graph (sha256 {written[GRAPH][:16]}..., and the file's is "
            f"{graph_sha256[:16]}...): it was changed after xbench made it"
        )
    if written[AUDIT] != audit_totals(audit):
        faults.append(
            f"its provenance tells of {_told(written[AUDIT])}, and the file holds {audit.zeros} zeros among "
            f"{audit.elements} weights"
        )
    return "; ".join(faults)


def _told(text: str) -> str:
    try:
        found = json.loads(text)
        return f"{int(found['zeros'])} zeros among {int(found['elements'])} weights"
    except (ValueError, TypeError, KeyError):
        return "an audit that cannot be read"


def sidecar_path(path: Path) -> Path | None:
    """Where the description of a kept file lies: beside the file, or beside the folder that its data share with it.

    None for a file that is not named by a digest, nor has a `NAME.xbench.json`, as `xbench export` writes it.
    """
    named = path.with_suffix(SIDECAR)
    if named.is_file():
        return named
    if _DIGEST.fullmatch(path.stem):
        return path.with_suffix(".json")
    home = path.parent
    return home.with_suffix(".json") if _DIGEST.fullmatch(home.name) else None


def sidecar_fault(path: Path, sha256: str, audit: SparsityAudit) -> str:
    """In what the sidecar disagrees with the file; empty where it does not, or there is none."""
    sidecar = sidecar_path(path.resolve())
    if sidecar is None or not sidecar.is_file():
        return ""
    try:
        told = Artifact.model_validate_json(sidecar.read_bytes())
    except (OSError, ValidationError):
        return f"its sidecar {sidecar.name[:16]}... cannot be read as the description of an artifact"
    if told.sha256 != sha256:
        return f"its sidecar describes another file: sha256 {told.sha256[:16]}..., and this one's is {sha256[:16]}..."
    if (told.audit.zeros, told.audit.elements) != (audit.zeros, audit.elements):
        return (
            f"its sidecar tells of {told.audit.zeros} zeros among {told.audit.elements} weights, and the file holds "
            f"{audit.zeros} among {audit.elements}"
        )
    return ""
