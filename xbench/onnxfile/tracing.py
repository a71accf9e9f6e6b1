"""The weights of a file as they can be followed, with those that a runtime has reordered."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx

from .constants import Scope, folded, scopes
from .following import Traced, follow, told_gains
from .inlining import inlined
from .nchwc import is_blocked, unblocked
from .opening import open_model
from .walk import label
from .weights import as_rows, conv_rows, value_rows, weights


def traced(model: onnx.ModelProto) -> list[Traced]:
    """The weights of a file, in the order of its audit, then those of reordered convolutions.

    Their values are those of `model`, which must not change. Raises InputError where a constant cannot be read.
    """
    every = list(scopes(inlined(model)))
    return [one for scope in every for one in _plain(scope)] + [one for scope in every for one in _reordered(scope)]


def traced_as_written(path: Path) -> list[Traced]:
    """The weights of a graph that a runtime wrote, with operators of its own that no standard knows."""
    return traced(onnx.load(path))


def _plain(scope: Scope) -> Iterator[Traced]:
    for weight in weights(scope):
        yield Traced(
            whose=f"{weight.node_name} ({weight.node.op_type})",
            names=(weight.constant.name, weight.node_name),
            rows=as_rows(weight),
            values=value_rows(weight),
            mask=weight.constant.mask,
        )


def _reordered(scope: Scope) -> Iterator[Traced]:
    for node in scope.graph.node:
        found = folded(scope, node.input[1]) if is_blocked(node) and len(node.input) > 1 else None
        orders = [np.asarray(conv_rows(array != 0), np.bool_) for array in unblocked(found[1])] if found else []
        if found and orders:
            names = (found[0].name, label(node))
            yield Traced(f"{label(node)} (reordered {node.op_type})", names, orders[0], alternatives=tuple(orders))


def require_zeros_kept(source: Path, target: Path, variant: str, step: str) -> tuple[str, ...]:
    """Hold a file against the one that it was made of, as a float16 or an int8 one: notes on what was seen.

    Raises InvalidError that names the weight where zeros were lost in that `step`, such as `the conversion to int8`.
    """
    before, after = traced(open_model(source)), traced(open_model(target))
    asked, remedy = f"Zeros of {variant} were lost in {step}", "leave these layers out of it, or measure without it"
    found = follow(before, after, asked, remedy)
    unseen = [before[index].whose for index in found.missing if before[index].zeros]
    lost_sight = (f"not followed through {step}, nothing of their size is there: {', '.join(unseen)}",)
    return (*told_gains(found, f"before {step}"), *(lost_sight if unseen else ()))
