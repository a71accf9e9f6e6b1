"""What the zeros of a module's layers make up: their share, N:M groups, whole channels."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from torch.nn.modules.conv import _ConvNd

from ..onnxfile.patterns import EXPLAINED, NAMED_N_M, holds, recognised_n_m, widths, zeros_in_channels
from ..pruning.layers import Layer, is_transposed, reduced_width, weight_by_output
from .foreign import counted

_NAMED = sorted(NAMED_N_M, key=lambda pair: pair != (2, 4))
"""2:4 first: the one that hardware has."""


def patterns(layers: Mapping[str, Layer]) -> tuple[str, ...]:
    """Sentences on the zeros of these layers; none where there are no zeros.

    N:M is looked for along the axis that sparse tensor cores reduce, as in `prune_nm`. Every named pattern that holds
    in a layer is told of it, and where none does, the smallest that holds with full groups.
    """
    rows = {name: _rows(layer) for name, layer in layers.items()}
    weights = sum(found.size for found in rows.values())
    zeros = {name: int(found.size - np.count_nonzero(found)) for name, found in rows.items()}
    total = sum(zeros.values())
    if not total:
        return ()
    with_zeros = [name for name, count in zeros.items() if count]
    told = [
        f"{total} of {weights} weights are zero ({total / weights:.1%}), in {len(with_zeros)} of {len(rows)} layers"
    ]
    held: dict[str, list[str]] = {}
    for name in with_zeros:
        for pattern in _n_m(layers[name], rows[name]):
            held.setdefault(pattern, []).append(name)
    order = [*(f"{n}:{m}" for n, m in _NAMED), *held]
    told += [
        f"{p} holds in {len(held[p])} of {len(rows)} layers: {counted(held[p])}"
        for p in dict.fromkeys(order)
        if p in held
    ]
    sizes = {name: widths(found, _groups(layers[name])) for name, found in rows.items()}
    outputs = [f"{name} ({one.zero_outputs} of {one.outputs})" for name, one in sizes.items() if one.zero_outputs]
    inputs = [f"{name} ({one.zero_inputs} of {one.inputs})" for name, one in sizes.items() if one.zero_inputs]
    told += [f"outputs of zeros alone: {counted(outputs)}"] if outputs else []
    told += [f"inputs of zeros alone: {counted(inputs)}"] if inputs else []
    return tuple(told)


def _rows(layer: Layer) -> npt.NDArray[np.bool_]:
    """Where the weight is not zero: [outputs, others, reduced]."""
    weight = (weight_by_output(layer) != 0).cpu().numpy()
    reduced = 1 if _grouped_transposed(layer) else reduced_width(layer)
    return weight.reshape(weight.shape[0], reduced, -1).swapaxes(1, 2)


def _n_m(layer: Layer, rows: npt.NDArray[np.bool_]) -> list[str]:
    if _grouped_transposed(layer):
        return []
    named = [f"{n}:{m}" for n, m in _NAMED if holds(rows, n, m)]
    # Half of the inputs gone can look like 32:64: whole channels are the better name.
    whole = zeros_in_channels(rows, _groups(layer)) >= EXPLAINED * (rows.size - np.count_nonzero(rows))
    other = None if named or whole else recognised_n_m(rows)
    return [f"{other[0]}:{other[1]}"] if other else named


def _groups(layer: Layer) -> int:
    """Runs of rows with inputs of their own."""
    return layer.groups if isinstance(layer, _ConvNd) and not is_transposed(layer) else 1


def _grouped_transposed(layer: Layer) -> bool:
    """Its rows are inputs: the weight is [inputs, outputs of a group, kernel]."""
    return isinstance(layer, _ConvNd) and is_transposed(layer) and layer.groups > 1
