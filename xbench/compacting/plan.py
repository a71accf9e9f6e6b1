"""What is to be taken out of a graph: found by one half of this wing, carried out by the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

from ..onnxfile.macs import Shape

Indices = npt.NDArray[np.int64]
Values = npt.NDArray[np.generic]

Shapes = Mapping[str, tuple[Shape, ...]]
"""The shape of each value of the main graph, constants too, at each of the sizings that were tried.

Where the graph has open axes there are two sizings, in which every open axis has another size: so an axis of equal
sizes is a fixed one, and two open axes with equal pairs of sizes are one. A value that is not known in all is absent.
"""

Known = Mapping[str, Values]
"""What is known of a value whatever is fed: an array that broadcasts to it, of its rank. An axis along which it is
uniform (batch, space, time, or all of a scalar) has size 1. NaN where it is not known. A value of which nothing is
known is absent.
"""

Operand = tuple[int, int]
"""A constant as one node takes it: (index of the node in the graph, index of the input)."""


@dataclass(frozen=True, eq=False)
class Fold:
    """What a node's lost inputs gave, to be added to its bias.

    `node` is its index, `place` that of the data input. `gone` are the indices, of the axis that it sums over, that
    go, and `values` what they always are there. For a convolution nothing is padded, or all `values` are zero.
    """

    node: int
    place: int
    gone: Indices
    values: Values


@dataclass(frozen=True, eq=False)
class Carry:
    """Where a constant input cannot become a bias, since a padded convolution sees it end at the border: one such
    input stays, and takes over the weights of the others, each times `factors` (its value by the carrier's).
    """

    node: int
    place: int
    carrier: int
    gone: Indices
    factors: Values


Why = Literal["zero", "unread", "constant"]
"""Why units may go: they are always zero; nothing that reads them heeds them; they are always the same number."""


@dataclass(frozen=True)
class Gone:
    """Units of one coupled group that go. `nodes` are the labels of the nodes whose weights get narrower, in order.

    `unit` tells what goes in the words of the field; `before` and `after` are their numbers.
    """

    nodes: tuple[str, ...]
    unit: Literal["channels", "neurons", "heads"]
    before: int
    after: int
    why: tuple[Why, ...]


@dataclass(frozen=True)
class Stays:
    """Zeroed units that stay, and why. `node` is the label of the node whose weights hold them."""

    node: str
    units: int
    reason: str


@dataclass(frozen=True, eq=False)
class Plan:
    """What goes. `values` and `constants` have, for each axis that gets narrower, the indices that stay, ascending.

    Keys of `values` are (value, axis) of what nodes compute, those of `constants` (operand, axis): a constant that
    several nodes take may get narrower for one and stay for another. Constant indices of Gather are not listed: they
    are counted anew. Every value equals what it was at the indices that stay. That holds for what is computed from
    sizes (the scale of attention from the width of a head); only the shapes that Reshape, Expand and their like are
    told become those of their outputs. `shares` has the open axes of values that are made of an open one and one that
    gets narrower (batch x heads): (what stays, of how many). A Reshape that makes one is told -1 for it.
    """

    values: Mapping[tuple[str, int], Indices] = field(default_factory=dict)
    constants: Mapping[tuple[Operand, int], Indices] = field(default_factory=dict)
    shares: Mapping[tuple[str, int], tuple[int, int]] = field(default_factory=dict)
    folds: tuple[Fold, ...] = ()
    carries: tuple[Carry, ...] = ()
    gone: tuple[Gone, ...] = ()
    stays: tuple[Stays, ...] = ()
