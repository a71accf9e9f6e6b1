"""What a file holds and computes, before and after, and what went between: as the record tells it."""

from __future__ import annotations

from pathlib import Path

import onnx

from ..errors import InputError
from ..onnxfile.compute import graph_cost
from ..records.artifact import Artifact
from ..records.compaction import FileState, Kept, Removal
from .plan import Gone, Shapes, Stays

Macs = tuple[int | None, str]
"""Multiply-accumulates of one inference; None with the reason."""


def one_inference(model: onnx.ModelProto, shapes: Shapes) -> Macs:
    """The work at the first sizing. `model` holds its weights."""
    try:
        cost = graph_cost(model, {name: each[0] for name, each in shapes.items()})
    except InputError as error:
        return None, error.reason
    return (None, cost.uncounted[0]) if cost.uncounted else (cost.macs, "")


def file_state(path: Path, artifact: Artifact, macs: Macs) -> FileState:
    """A file as the record has it. `path` is as the user named it."""
    return FileState(
        file=str(path),
        sha256=artifact.sha256,
        size_bytes=artifact.size_bytes,
        parameters=artifact.audit.parameters,
        weights=artifact.audit.elements,
        zeros=artifact.audit.zeros,
        macs=macs[0],
        macs_note=macs[1],
    )


def removal(one: Gone) -> Removal:
    """What went, as the record has it."""
    return Removal(nodes=one.nodes, unit=one.unit, before=one.before, after=one.after, why=one.why)


def kept(one: Stays) -> Kept:
    """What stays, as the record has it."""
    return Kept(node=one.node, units=one.units, reason=one.reason)
