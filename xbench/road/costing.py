"""What one inference of an artifact must compute, at the shapes that it is fed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import InputError
from ..onnxfile.compute import graph_cost
from ..onnxfile.inference import infer_shapes
from ..onnxfile.opening import open_model
from ..onnxfile.seen_shapes import seen_shapes
from ..protocols import Feeds
from ..records.artifact import Artifact
from ..records.compute import ComputeCost
from ..records.work import LayerWork
from ..worth.attributing import Names, names_of
from ..worth.working import layers_of

Seen = Callable[[], Mapping[str, Sequence[Sequence[int]]]]
"""Runs the file once and gives the shapes of each node's outputs, by the node's key (see `run_keys`)."""


@dataclass(frozen=True)
class Computed:
    """What a file computes: in all, layer by layer, and the names by which its nodes are found again.

    `note` tells why there is no `cost`, `layer_note` why there are no `layers` and no `names`.
    """

    cost: ComputeCost | None = None
    note: str = ""
    layers: tuple[LayerWork, ...] = ()
    names: Names | None = None
    layer_note: str = ""


def computed(artifact: Artifact, feeds: Feeds, seen: Seen) -> Computed:
    """Multiply-accumulates and layers at the shapes of `feeds`; where these cannot be worked out, as they are `seen`.

    Raises InputError where a constant of the file cannot be read.
    """
    model = open_model(Path(artifact.path))
    try:
        shapes = dict(infer_shapes(model, {name: array.shape for name, array in feeds.items()}))
    except InputError as error:
        return Computed(note=error.reason, layer_note=error.reason)
    cost = graph_cost(model, shapes)
    if cost.uncounted:
        shapes |= seen_shapes(model.graph, seen())
        cost = graph_cost(model, shapes)
    try:
        layers = layers_of(model, shapes, artifact.audit)
        return Computed(cost=cost, layers=layers, names=names_of(model, layers))
    except InputError as error:
        # The types inside, which the cost has no need of, cannot be worked out.
        return Computed(cost=cost, layer_note=error.reason)
