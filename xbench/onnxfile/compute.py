"""What one inference of a model must compute, at shapes that a real run has shown."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import onnx

from ..records.compute import ComputeCost
from .constants import Key, Scope, scopes
from .dtypes import numpy_dtype
from .inference import infer_dtypes
from .inlining import inlined
from .macs import COUNTED, Shape, node_macs
from .walk import STANDARD_DOMAINS, below, label, shown, subgraphs
from .weights import Weight, attributes, weights

# Standard operators that multiply and add much, in ways that are not counted here.
_HEAVY_STANDARD = frozenset(
    {"Attention", "RNN", "LSTM", "GRU", "DeformConv", "LinearAttention", "CausalConvWithState", "DFT", "STFT"}
)
# Operators of com.microsoft that only touch each element a few times. All others there are taken as heavy.
_LIGHT_MICROSOFT = frozenset(
    {
        *(
            "BiasAdd",
            "BiasDropout",
            "BiasGelu",
            "BiasSoftmax",
            "BiasSplitGelu",
            "BitmaskDropout",
            "DynamicTimeWarping",
        ),
        *(
            "DequantizeLinear",
            "EmbedLayerNormalization",
            "ExpandDims",
            "FastGelu",
            "GatherND",
            "Gelu",
            "GroupNorm",
        ),
        *("GatherBlockQuantized", "GemmaRotaryEmbedding", "IsAllFinite", "MulInteger", "NhwcMaxPool", "Pad"),
        *(
            "QLinearAdd",
            "QLinearAveragePool",
            "QLinearConcat",
            "QLinearGlobalAveragePool",
            "QLinearLeakyRelu",
        ),
        *(
            "QLinearMul",
            "QLinearReduceMean",
            "QLinearSigmoid",
            "QLinearSoftmax",
            "QLinearWhere",
            "QuantizeLinear",
        ),
        *(
            "QuickGelu",
            "Range",
            "RotaryEmbedding",
            "SkipGroupNorm",
            "SkipLayerNormalization",
            "Trilu",
            "Unique",
        ),
        *("SimplifiedLayerNormalization", "SkipSimplifiedLayerNormalization", "LayerNormalization"),
    }
)
_HEAVY_CLASSIC = frozenset({"LinearClassifier", "LinearRegressor", "SVMClassifier", "SVMRegressor"})


def graph_cost(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> ComputeCost:
    """MACs and weight bytes of one inference, at these shapes of the graph's values.

    `shapes` are best those of a real run; `infer_shapes` is the second best. Constants need none. What
    cannot be counted is named in `uncounted`, never guessed. Raises InputError where a constant cannot be
    read; ValueError where external data was not loaded.
    """
    scope = next(scopes(inlined(model)))
    macs = effective = 0
    stored: dict[Key, int] = {}
    uncounted = [why for node in scope.graph.node for why in _not_counted(node)]
    for node, found, mine in _counted_nodes(scope, shapes):
        if isinstance(found, str):
            uncounted.append(f"{shown(label(node))} ({node.op_type}): {found}")
            continue
        macs += found
        effective += round(found * min((weight.density for weight in mine), default=1.0))
        stored |= {weight.key: weight.stored_bytes for weight in mine}
    return ComputeCost(
        macs=macs,
        effective_macs=effective,
        weight_bytes=sum(stored.values()),
        uncounted=tuple(uncounted),
    )


@dataclass(frozen=True)
class NodeWork:
    """What one node computes and moves in one inference.

    `macs` counts multiply-accumulates, every zero as well; None where they are not known, and then `note` says why.
    `weight_bytes` is the size of its weights as stored, biases left out; `activation_bytes` that of its other inputs
    and of its outputs, None where a shape or a type is not known. `weights` are the names of the constants.
    """

    node: str
    op_type: str
    macs: int | None
    weight_bytes: int
    activation_bytes: int | None
    weights: tuple[str, ...] = ()
    note: str = ""

    @property
    def intensity(self) -> float | None:
        """Operations for each byte moved at least, 2 MACs / (weight and activation bytes): the horizontal axis of a
        roofline (Williams, Waterman and Patterson, 2009), as if each byte went between memory and chip once."""
        if self.macs is None or self.activation_bytes is None or not self.weight_bytes + self.activation_bytes:
            return None
        return 2 * self.macs / (self.weight_bytes + self.activation_bytes)


def node_work(model: onnx.ModelProto, shapes: Mapping[str, Shape]) -> tuple[NodeWork, ...]:
    """The work of each matrix product and convolution of the main graph, in the graph's order.

    `shapes` are those of `infer_shapes` or of a real run. Nodes of which every input is a constant are left out: a
    runtime computes them once. Raises InputError where a constant cannot be read or the graph does not fit together.
    """
    whole = inlined(model)
    scope, dtypes = next(scopes(whole)), infer_dtypes(whole)
    counted = _counted_nodes(scope, shapes)
    return tuple(_work(node, macs, mine, scope, shapes, dtypes) for node, macs, mine in counted)


def _work(
    node: onnx.NodeProto,
    macs: int | str,
    mine: Sequence[_Share],
    scope: Scope,
    shapes: Mapping[str, Shape],
    dtypes: Mapping[str, str],
) -> NodeWork:
    operands = {weight.operand for weight in mine}
    moved = [name for place, name in enumerate(node.input) if place not in operands and scope.constant(name) is None]
    sizes = [_bytes(name, shapes, dtypes) for name in (*moved, *node.output) if name]
    known = [size for size in sizes if size is not None]
    return NodeWork(
        node=label(node),
        op_type=node.op_type,
        macs=None if isinstance(macs, str) else macs,
        weight_bytes=sum({weight.key: weight.stored_bytes for weight in mine}.values()),
        activation_bytes=sum(known) if len(known) == len(sizes) else None,
        weights=tuple(weight.key[1] for weight in mine),
        note=macs if isinstance(macs, str) else "",
    )


def _bytes(name: str, shapes: Mapping[str, Shape], dtypes: Mapping[str, str]) -> int | None:
    """The size of a value; types of less than a byte take a whole one in memory as far as is known here."""
    if name not in shapes or dtypes.get(name, "string") in ("string", "undefined"):
        return None
    return math.prod(shapes[name]) * numpy_dtype(dtypes[name]).itemsize


class _Share(NamedTuple):
    """What is kept of a weight: not its values, or all weights would be in memory twice."""

    density: float
    key: Key
    stored_bytes: int
    operand: int


def _counted_nodes(
    scope: Scope, shapes: Mapping[str, Shape]
) -> Iterator[tuple[onnx.NodeProto, int | str, Sequence[_Share]]]:
    """Each node whose MACs are counted, its MACs or why they are not known, and its weights."""
    found_weights = _by_outputs(weights(scope))
    for node in scope.graph.node:
        if _is_counted(node) and not _is_folded(node, scope):
            yield node, _macs(node, scope, shapes), found_weights.get(tuple(node.output), [])


def _by_outputs(every: Iterable[Weight]) -> dict[tuple[str, ...], list[_Share]]:
    """By the outputs of the node: names of nodes are often missing, and not always unique."""
    found: dict[tuple[str, ...], list[_Share]] = {}
    for weight in every:
        share = _Share(weight.density, weight.constant.key, weight.constant.stored_bytes, weight.operand)
        found.setdefault(tuple(weight.node.output), []).append(share)
    return found


def _is_folded(node: onnx.NodeProto, scope: Scope) -> bool:
    """Every input is a constant: a runtime computes this once, when it loads the model."""
    return all(scope.constant(name) is not None for name in node.input if name)


def _is_counted(node: onnx.NodeProto) -> bool:
    return node.domain in (*STANDARD_DOMAINS, "com.microsoft") and node.op_type in COUNTED


def _not_counted(node: onnx.NodeProto) -> Iterator[str]:
    """Why this node's work is not known: a heavy operator, a strange one, or work in a branch or a loop."""
    if _is_heavy(node):
        operator = f"{node.domain or 'ai.onnx'}.{node.op_type}"
        yield f"{shown(label(node))} ({operator}): this operator is not counted"
    for graph in subgraphs(node):
        inner = next((each for each in below(graph.node) if _is_counted(each) or _is_heavy(each)), None)
        if inner is not None:
            what = f"{shown(label(inner))} ({inner.op_type})"
            yield f"{what}: how often it runs inside {node.op_type} {shown(label(node))} is not known"


def _is_heavy(node: onnx.NodeProto) -> bool:
    if _is_counted(node):
        return False
    if node.domain == "ai.onnx.ml":
        return node.op_type in _HEAVY_CLASSIC
    if node.domain in STANDARD_DOMAINS:
        return node.op_type in _HEAVY_STANDARD
    return node.domain != "com.microsoft" or node.op_type not in _LIGHT_MICROSOFT


def _macs(node: onnx.NodeProto, scope: Scope, shapes: Mapping[str, Shape]) -> int | str:
    """The MACs of one node, or why they are not known."""
    every: list[Shape] = []
    for name in (*node.input, *node.output):
        shape = () if not name else _shape(name, scope, shapes)
        if shape is None:
            return f"the shape of {shown(name)} is not known"
        every.append(shape)
    try:
        return node_macs(node.op_type, every[: len(node.input)], every[len(node.input) :], attributes(node))
    except ValueError as error:
        return str(error)


def _shape(name: str, scope: Scope, shapes: Mapping[str, Shape]) -> Shape | None:
    constant = scope.constant(name)
    if constant is None:
        return shapes.get(name)
    return constant.array().shape if constant.tensor is None else tuple(constant.tensor.dims)
