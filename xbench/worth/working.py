"""What each layer of a file computes and touches at known shapes, beside the zeros of its weight."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence

import onnx

from ..onnxfile.compute import NodeWork, node_work
from ..onnxfile.constants import Scope, scopes
from ..onnxfile.inlining import inlined
from ..onnxfile.macs import Shape
from ..onnxfile.walk import label
from ..records.audit import LayerAudit, SparsityAudit
from ..records.work import LayerWork
from .removing import Outputs, removable


def layers_of(model: onnx.ModelProto, shapes: Mapping[str, Shape], audit: SparsityAudit) -> tuple[LayerWork, ...]:
    """Every matrix product and convolution of the main graph, in its order, at these shapes of its values.

    Raises InputError where a constant cannot be read or the graph does not fit together.
    """
    return _layers(next(scopes(inlined(model))), node_work(model, shapes), shapes, audit)


def not_counted(audit: SparsityAudit, layers: Iterable[LayerWork]) -> tuple[LayerAudit, ...]:
    """Weights of which no work is known: in branches, loops, and operators that are not counted."""
    known = Counter(layer.audit for layer in layers if layer.audit is not None)
    return tuple((Counter(audit.layers) - known).elements())


def _layers(
    scope: Scope, works: Sequence[NodeWork], shapes: Mapping[str, Shape], audit: SparsityAudit
) -> tuple[LayerWork, ...]:
    """Every matrix product and convolution of the main graph, in its order."""
    constants = constant_names(scope)
    audits = _by_outputs(scope, audit)
    shares = removable(scope, audits, constants)
    waiting, found = deque(works), list[LayerWork]()
    for node in scope.graph.node:
        if not waiting or (label(node), node.op_type) != (waiting[0].node, waiting[0].op_type):
            continue
        work, outputs = waiting.popleft(), tuple(node.output)
        data = dict.fromkeys(name for name in node.input if name and name not in constants)
        out, into = shares[outputs]
        elements = _elements(shapes, [*data, *(name for name in outputs if name)])
        found.append(
            LayerWork(
                node=work.node,
                op_type=work.op_type,
                audit=audits.get(outputs),
                macs=work.macs if elements is not None else None,
                weight_bytes=work.weight_bytes,
                activation_bytes=work.activation_bytes,
                activation_elements=elements,
                operations_per_byte=work.intensity,
                removable_outputs=out,
                removable_inputs=into,
                missing=work.note or ("" if elements is not None else "a shape is not known"),
            )
        )
    return tuple(found)


def constant_names(scope: Scope) -> frozenset[str]:
    """Names of constants, and of what is computed from constants alone, as a weight behind DequantizeLinear is."""
    found = set(scope.own)
    for node in scope.graph.node:
        branches = any(given.HasField("g") or given.graphs for given in node.attribute)
        if node.input and not branches and all(name in found for name in node.input if name):
            found.update(node.output)
    return frozenset(found)


def _by_outputs(scope: Scope, audit: SparsityAudit) -> dict[Outputs, LayerAudit]:
    """The audit of each node's weight. An audit lists the main graph's first, in the order of the nodes."""
    waiting: dict[tuple[str, str], list[LayerAudit]] = defaultdict(list)
    for layer in audit.layers:
        waiting[layer.node, layer.op_type].append(layer)
    found: dict[Outputs, LayerAudit] = {}
    for node in scope.graph.node:
        mine = waiting.get((label(node), node.op_type))
        if mine:
            found[tuple(node.output)] = mine.pop(0)
    return found


def _elements(shapes: Mapping[str, Shape], names: Sequence[str]) -> int | None:
    known = [shapes.get(name) for name in names]
    return None if None in known else sum(math.prod(shape) for shape in known if shape is not None)
