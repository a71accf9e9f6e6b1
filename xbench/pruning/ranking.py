"""Sets to zero what ranks lowest: the part that all methods share whose unit is a weight or a tile of weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch

from ..errors import InputError
from .layers import Layer, Touched, short_list
from .layout import by_output, like_weight

Tensors = dict[str, torch.Tensor]
"""Of each layer, by name."""


def zero_lowest(
    layers: Mapping[str, Layer],
    scores: Mapping[str, torch.Tensor],
    sparsity: float,
    scope: Literal["output", "layer", "global"],
) -> Touched:
    """Set the share `sparsity` of the weights to zero, in place: of each output, of each layer, or of all together.

    `scores` have the weights' shapes, and nothing in them is below zero. Weights that are zero already rank below
    all others: so a higher share holds what a lower one took. Raises InputError as `choose` does.
    """
    ranks = {name: zeros_first(scores[name], layer.weight) for name, layer in layers.items()}
    by_row = scope == "output"
    rows = {n: by_output(rank, layers[n]).flatten(1) if by_row else rank.reshape(1, -1) for n, rank in ranks.items()}
    masks, notes = choose(rows, sparsity, together=scope == "global", unit="weight")
    for name, mask in masks.items():
        weight = layers[name].weight
        weight.data.masked_fill_(like_weight(mask, layers[name]) if by_row else mask.reshape(weight.shape), 0.0)
    return Touched(layers=tuple(masks), notes=notes)


def choose(
    rows: Mapping[str, torch.Tensor], sparsity: float, *, together: bool, unit: str
) -> tuple[Tensors, tuple[str, ...]]:
    """Which units rank lowest: boolean tensors of the shapes of `rows`, [rows, units], and notes.

    The share is taken of each row, or of everything together. It is rounded, half to even, as torch.nn.utils.prune
    does. Layers whose share comes to no unit are left out, and noted; InputError where none is left.
    """
    if together:
        row = torch.cat([rank.flatten() for rank in rows.values()]).unsqueeze(0)
        mask = _lowest(row, round(sparsity * row.shape[1])).flatten()
        parts = torch.split(mask, [rank.numel() for rank in rows.values()])
        masks = {name: part.reshape(rows[name].shape) for name, part in zip(rows, parts, strict=True)}
        nothing = not mask.any()
        small: list[str] = []
    else:
        counts = {name: round(sparsity * rank.shape[1]) for name, rank in rows.items()}
        small = [name for name, count in counts.items() if count == 0]
        masks = {name: _lowest(rows[name], count) for name, count in counts.items() if count}
        nothing = not masks
    if nothing:
        most = sum(rank.numel() for rank in rows.values()) if together else max(r.shape[1] for r in rows.values())
        raise InputError(
            f"A sparsity of {sparsity:g} prunes nothing",
            f"it is less than one {unit} of {most}",
            "raise the sparsity, or name larger layers",
        )
    note = f"left alone, since the share is less than one {unit}: {short_list(small)}"
    return masks, (note,) if small else ()


def zeros_first(scores: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    """The scores, below all others where the weight is zero already."""
    return scores.masked_fill(weight.detach() == 0, -1.0)


def _lowest(scores: torch.Tensor, count: int) -> torch.Tensor:
    """Which `count` elements of each row are the smallest: a boolean tensor, [rows, elements] as the scores."""
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    return chosen.scatter_(1, scores.topk(count, dim=1, largest=False).indices, True)
