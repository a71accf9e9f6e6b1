"""The shapes of a graph's values, out of those that a run of it showed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import onnx

from .macs import Shape
from .walk import run_keys


def seen_shapes(graph: onnx.GraphProto, seen: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, Shape]:
    """Shapes by value. `seen` has those of each node's outputs, by the node's key (see `run_keys`)."""
    return {
        name: tuple(shape)
        for key, node in zip(run_keys(graph), graph.node, strict=True)
        for name, shape in zip(node.output, seen.get(key, ()), strict=False)
        if name
    }
