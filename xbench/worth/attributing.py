"""Which layer of a file each node of the graph computes that a runtime made of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import onnx

from ..onnxfile.constants import scopes
from ..onnxfile.inlining import inlined
from ..onnxfile.walk import STANDARD_DOMAINS, label, run_keys
from ..records.measurement import NodeTime
from ..records.work import LayerWork
from .working import constant_names

# Runtimes fold or fuse them into the layer before them: a value behind them is that layer's.
_FOLLOWERS = frozenset(
    {
        *("Add", "Sub", "Mul", "Div", "BatchNormalization", "Identity", "Cast"),
        *("Clip", "Relu", "LeakyRelu", "PRelu", "Elu", "Selu", "ThresholdedRelu", "Sigmoid", "HardSigmoid", "Tanh"),
        *("HardSwish", "Gelu", "Mish", "Softplus", "Softsign", "QuantizeLinear", "DequantizeLinear"),
    }
)
_STEPS = 8


@dataclass(frozen=True)
class Names:
    """The names in a file: all that tells where a node of the runtime comes from.

    `places` is the index of a node of the main graph by its key (`run_keys`), `makers` that of the node that makes a
    value. `labels` has the layer's name for the node of each layer whose name no other one has, `before` the one node
    whose values are all that a follower works on.
    """

    places: Mapping[str, int]
    makers: Mapping[str, int]
    labels: Mapping[int, str]
    before: Mapping[int, int]


def names_of(model: onnx.ModelProto, layers: Iterable[LayerWork]) -> Names:
    """The names of a file's main graph with these layers. Raises InputError where it does not fit together."""
    scope = next(scopes(inlined(model)))
    constants = constant_names(scope)
    nodes, keys = scope.graph.node, run_keys(scope.graph)
    makers = {output: index for index, node in enumerate(nodes) for output in node.output if output}
    places: dict[str, int] = {}
    before: dict[int, int] = {}
    for index, (key, node) in enumerate(zip(keys, nodes, strict=True)):
        # Where functions are put in place, a node's place is not that which the runtime counts.
        if key and (node.name or not model.functions):
            places[key] = index
        data = {makers.get(name) for name in node.input if name and name not in constants}
        if node.op_type in _FOLLOWERS and node.domain in STANDARD_DOMAINS and len(data) == 1:
            one = data.pop()
            if one is not None:
                before[index] = one
    kinds = Counter((layer.node, layer.op_type) for layer in layers)
    alike = Counter((label(node), node.op_type) for node in nodes)
    alone = {key for key in kinds if kinds[key] == alike[key] == 1}
    every = Counter(layer for layer, _ in alone)
    labels = {
        index: label(node)
        for index, node in enumerate(nodes)
        if (label(node), node.op_type) in alone and every[label(node)] == 1
    }
    return Names(places, makers, labels, before)


def attributed(nodes: Sequence[NodeTime], origins: Mapping[str, Sequence[str]], names: Names) -> tuple[NodeTime, ...]:
    """The nodes, each with the layer that it computes.

    `origins` are what the runtime tells of a node that multiplies matrices: see `ProfileReport`. Each may name a node
    of the file, or a value that a node makes; from a node that is no layer, the way goes back through what
    runtimes fold or fuse into a layer, as long as it works on the values of one node alone. Where all ways that end
    at a layer end at the same one, it is that. Else nothing is said: none ends at one where a fusion has a name of
    its own (ONNX Runtime's `Attention`), and several do where it names all of its parts.
    """
    return tuple(node.model_copy(update={"layer": _layer(origins.get(node.node, ()), names)}) for node in nodes)


def _layer(origins: Iterable[str], names: Names) -> str:
    found = {layer for name in origins for start in _starts(name, names) if (layer := _back(start, names))}
    return found.pop() if len(found) == 1 else ""


def _starts(name: str, names: Names) -> set[int]:
    """The nodes that a name may tell: the one that bears it, and the one that makes a value of that name."""
    return {place for place in (names.places.get(name), names.makers.get(name)) if place is not None}


def _back(start: int, names: Names) -> str:
    place: int | None = start
    for _ in range(_STEPS):
        if place is None or place in names.labels:
            break
        place = names.before.get(place)
    return names.labels.get(place, "") if place is not None else ""
