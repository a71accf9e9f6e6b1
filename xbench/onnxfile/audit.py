"""Counts the zeros that are in an ONNX file, and whether they lie in a pattern that hardware can use."""

from __future__ import annotations

import numpy as np
import onnx

from ..records.audit import LayerAudit, SparsityAudit
from .constants import Key, Scope, float_statistics, scopes
from .heads import Splits
from .inlining import inlined
from .patterns import (
    DENSE_BELOW,
    Rows,
    alignment,
    holds,
    named_n_m,
    pattern,
    pattern_of_all,
    recognised_block,
    recognised_n_m,
    widths,
    zeros_in_channels,
)
from .weights import Weight, as_rows, groups_of, weights


def audit(model: onnx.ModelProto) -> SparsityAudit:
    """The zeros of every weight in the file, those in branches, loops and functions included.

    Raises InputError where a constant cannot be read; ValueError where external data was not loaded.
    """
    every = list(scopes(inlined(model)))
    layers: list[LayerAudit] = []
    counted: dict[Key, LayerAudit] = {}
    for scope in every:
        splits = Splits(scope)
        for weight in weights(scope):
            layer = _layer(weight, splits)
            layers.append(layer)
            counted.setdefault(weight.constant.key, layer)
    parameters, denormals = _floats(every)
    return SparsityAudit(
        layers=tuple(layers),
        elements=sum(layer.elements for layer in counted.values()),
        zeros=sum(layer.zeros for layer in counted.values()),
        parameters=parameters,
        denormals=denormals,
        pattern=pattern_of_all((layer.pattern, layer.zeros) for layer in counted.values()),
    )


def _layer(weight: Weight, splits: Splits) -> LayerAudit:
    rows, groups = as_rows(weight), groups_of(weight)
    zeros = int(rows.size - np.count_nonzero(rows))
    found = widths(rows, groups)
    n_m, block = _recognised(rows, zeros)
    size = splits.head_size(weight.node, found.outputs) if weight.kind == "matmul" else None
    zero_heads = _zero_heads(rows, size) if size else 0
    return LayerAudit(
        node=weight.node_name,
        op_type=weight.node.op_type,
        weight=weight.constant.name,
        shape=weight.nonzero.shape,
        elements=weight.nonzero.size,
        zeros=zeros,
        zero_outputs=found.zero_outputs,
        valid_2_4=holds(rows, 2, 4),
        dtype=weight.constant.dtype,
        outputs=found.outputs,
        inputs=found.inputs,
        zero_inputs=found.zero_inputs,
        output_alignment=alignment(found.outputs),
        input_alignment=alignment(found.inputs),
        holds=named_n_m(rows),
        n_m=n_m,
        block=block,
        heads=found.outputs // size if size else None,
        zero_heads=zero_heads,
        pattern=pattern(rows, zeros, zeros_in_channels(rows, groups), n_m, block, zero_heads),
        unmerged_mask=weight.constant.mask,
    )


def _recognised(rows: Rows, zeros: int) -> tuple[str, tuple[int, int] | None]:
    """The N:M pattern and the block; a dense weight, the usual one, is not looked at."""
    if not zeros or zeros < DENSE_BELOW * rows.size:
        return "", None
    n_m = recognised_n_m(rows)
    return f"{n_m[0]}:{n_m[1]}" if n_m else "", None if n_m else recognised_block(rows)


def _zero_heads(rows: Rows, size: int) -> int:
    live = rows.any(axis=(1, 2)).reshape(-1, size).any(axis=1)
    return int(live.size - np.count_nonzero(live))


def _floats(every: list[Scope]) -> tuple[int, int]:
    statistics = [float_statistics(constant) for scope in every for constant in scope.own.values()]
    return sum(elements for elements, _ in statistics), sum(denormals for _, denormals in statistics)
