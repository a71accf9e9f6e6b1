"""Counts the zeros that are in an ONNX file, and whether they lie in a pattern that hardware can use."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import onnx

from ..records.artifact import LayerAudit, SparsityAudit
from .constants import Key, Scope, float_statistics, scopes
from .inlining import inlined
from .weights import Weight, as_rows, weights


def audit(model: onnx.ModelProto) -> SparsityAudit:
    """The zeros of every weight in the file, those in branches, loops and functions included.

    Raises InputError where a constant cannot be read; ValueError where external data was not loaded.
    """
    every = list(scopes(inlined(model)))
    layers: list[LayerAudit] = []
    counted: dict[Key, LayerAudit] = {}
    for scope in every:
        for weight in weights(scope):
            layer = _layer(weight)
            layers.append(layer)
            counted.setdefault(weight.constant.key, layer)
    parameters, denormals = _floats(every)
    return SparsityAudit(
        layers=tuple(layers),
        elements=sum(layer.elements for layer in counted.values()),
        zeros=sum(layer.zeros for layer in counted.values()),
        parameters=parameters,
        denormals=denormals,
    )


def _layer(weight: Weight) -> LayerAudit:
    rows = as_rows(weight)
    return LayerAudit(
        node=weight.node_name,
        op_type=weight.node.op_type,
        weight=weight.constant.name,
        shape=weight.nonzero.shape,
        elements=weight.nonzero.size,
        zeros=int(weight.nonzero.size - np.count_nonzero(weight.nonzero)),
        zero_outputs=int(np.count_nonzero(~rows.any(axis=(1, 2)))),
        valid_2_4=_valid_2_4(rows),
        dtype=weight.constant.dtype,
    )


def _valid_2_4(rows: npt.NDArray[np.bool_]) -> bool | None:
    """`rows` is True where a weight is not zero, with the reduced axis last."""
    reduced = rows.shape[-1]
    if reduced % 4 or not rows.size:
        return None
    groups = rows.reshape(math.prod(rows.shape) // 4, 4)
    return bool((np.count_nonzero(groups, axis=1) <= 2).all())


def _floats(every: list[Scope]) -> tuple[int, int]:
    statistics = [float_statistics(constant) for scope in every for constant in scope.own.values()]
    return sum(elements for elements, _ in statistics), sum(denormals for _, denormals in statistics)
