"""What one inference of an artifact must compute, at the shapes that it is fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from ..errors import InputError
from ..onnxfile.compute import graph_cost
from ..onnxfile.inference import infer_shapes
from ..onnxfile.opening import open_model
from ..protocols import Feeds
from ..records.artifact import Artifact
from ..records.compute import ComputeCost

Seen = Callable[[], Mapping[str, Sequence[Sequence[int]]]]
"""Runs the file once and gives the shapes of each node's outputs, by the node's key (see `ProfileReport`)."""


def cost_of(artifact: Artifact, feeds: Feeds, seen: Seen) -> tuple[ComputeCost | None, str]:
    """Multiply-accumulates at the shapes of `feeds`; where they cannot be worked out, at those that are `seen`.

    None comes with the reason.
    """
    graph = open_model(Path(artifact.path))
    try:
        shapes = dict(infer_shapes(graph, {name: array.shape for name, array in feeds.items()}))
    except InputError as error:
        return None, error.reason
    cost = graph_cost(graph, shapes)
    if cost.uncounted:
        found = seen()
        for index, node in enumerate(graph.graph.node):
            mine = found.get(node.name or f"{node.op_type}_{index}", ())
            shapes |= {name: tuple(s) for name, s in zip(node.output, mine, strict=False) if name}
        cost = graph_cost(graph, shapes)
    return cost, ""
