"""Which indices of which axes belong together, what holds them in place, and who reads them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from .plan import Indices

Size = tuple[int, ...]
"""The size of one axis at each sizing."""


@dataclass(frozen=True, eq=False)
class Product:
    """The variables of an open axis that a Reshape made of several: (size, variables) of each, outermost first."""

    parts: tuple[tuple[Size, Indices | None], ...]

    @property
    def sizes(self) -> tuple[Size, ...]:
        """The size of each part."""
        return tuple(size for size, _ in self.parts)


Axis = Indices | Product | None
Axes = tuple[Axis, ...]
"""The variables of each axis of a value, one for each index. None where the axis is open or has one index at most."""


class Heed(IntEnum):
    """Whether a node that sums over an index would miss it, and what to do so that it does not."""

    NEEDED = 0
    ZERO = 1
    UNREAD = 2
    FOLD = 3
    CARRY = 4


@dataclass(frozen=True, eq=False)
class Read:
    """A sum over the indices `ids`, at input `place` of a node. `heeds` and `values` tell of each of them."""

    node: int
    place: int
    ids: Indices
    heeds: npt.NDArray[np.int8]
    values: npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weighted:
    """An axis of a node's weights: its outputs (`rows`) or what it sums over. `zeroed` tells which are all zero.

    `unlucky` are those that are stored as zeros and mean another number.
    """

    node: int
    constant: str
    rows: bool
    ids: Indices
    zeroed: npt.NDArray[np.bool_]
    unlucky: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Joint:
    """Where a value that is always the same at `ids` is added to one that is not; `other` names that one."""

    node: int
    ids: Indices
    other: str


@dataclass(frozen=True)
class Pin:
    """Why indices must stay, and which node says so: -1 for the graph's inputs, their number for the outputs."""

    node: int
    reason: str


class Coupling:
    """Collects what the nodes say of the variables. Nothing is worked out before all have spoken.

    `node` is the one that speaks.
    """

    def __init__(self) -> None:
        self.count = 0
        self.node = -1
        self.pairs: list[tuple[Indices, Indices]] = []
        self.pins: list[tuple[Indices, Pin]] = []
        self._held: set[int] = set()
        self.reads: list[Read] = []
        self.weighted: list[Weighted] = []
        self.joints: list[Joint] = []
        self.split: list[Indices] = []

    def fresh(self, size: int) -> Indices:
        """New variables, coupled with nothing yet."""
        self.count += size
        return np.arange(self.count - size, self.count, dtype=np.int64)

    def relate(self, one: Axis, other: Axis) -> bool:
        """Index by index, both stay or both go. Of two that do not fit each other all stay; False then."""
        if one is other:
            return True
        if isinstance(one, Product) and isinstance(other, Product) and one.sizes == other.sizes:
            parts = zip(one.parts, other.parts, strict=True)
            return all([self.relate(left, right) for (_, left), (_, right) in parts])
        if isinstance(one, np.ndarray) and isinstance(other, np.ndarray) and one.shape == other.shape:
            self.pairs.append((one, other))
            return True
        for each in (one, other):
            self.pin(each, "they meet an axis of another kind")
        return False

    def pin(self, axis: Axis, reason: str) -> None:
        """These must stay."""
        if isinstance(axis, Product):
            for _, ids in axis.parts:
                self.pin(ids, reason)
        elif axis is not None and axis.size:
            self.pins.append((axis, Pin(self.node, reason)))
            self._held.add(id(axis))

    def is_held(self, ids: Indices) -> bool:
        """Was this very axis told to stay, as an input's is? Others may turn out to be coupled with one that was."""
        return id(ids) in self._held
