"""What all layers of a file compute and touch together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..onnxfile.compute import graph_cost
from ..onnxfile.opening import open_model
from ..records.audit import SparsityAudit
from ..records.work import LayerWork, Work
from ..worth.working import layers_of
from .shaping import Seen


def work_of(path: Path, seen: Seen, audit: SparsityAudit) -> Work:
    """The work of one inference, at shapes that were `seen` or worked out.

    Raises InputError where a constant cannot be read or the graph does not fit together.
    """
    model = open_model(path)
    cost = graph_cost(model, seen.values)
    layers = layers_of(model, seen.values, audit)
    known = all(layer.macs is not None for layer in layers)
    moved = _sum([layer.activation_bytes for layer in layers])
    macs = cost.macs if known else None
    return Work(
        input_shapes=seen.inputs,
        inputs=seen.lines,
        shapes_from=seen.source,
        note=seen.note,
        macs=macs,
        weight_bytes=sum(_once(layers).values()),
        activation_bytes=moved,
        operations_per_byte=_ratio(macs, sum(_once(layers).values()), moved),
        uncounted=cost.uncounted,
        layers=layers,
    )


def _once(layers: Sequence[LayerWork]) -> dict[str, int]:
    """Stored bytes of each weight, by name: layers may share one."""
    return {layer.audit.weight if layer.audit else layer.node: layer.weight_bytes for layer in layers}


def _sum(parts: Sequence[int | None]) -> int | None:
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def _ratio(macs: int | None, stored: int, moved: int | None) -> float | None:
    return 2 * macs / (stored + moved) if macs is not None and moved is not None and stored + moved else None
