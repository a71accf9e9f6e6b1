"""Which coupled units may go."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from .coupling import Coupling, Heed, Read
from .plan import Carry, Indices
from .seeing import Flags

LAST = "one of them has to stay"
CARRIES = "always the same number, which a padded convolution sees end at the border: one has to stay for all of them"


@dataclass(frozen=True, eq=False)
class Units:
    """The units of a graph: what stays or goes as a whole. `of` gives the unit of each variable.

    `goes` tells which go, `kept` why some stay that could have gone.
    """

    of: Indices
    count: int
    goes: Flags
    carries: tuple[Carry, ...] = ()
    kept: dict[int, str] = field(default_factory=dict)


def connected(count: int, pairs: Iterable[tuple[Indices, Indices]]) -> Indices:
    """The number of the component that each of `count` nodes is in, where `pairs` are the edges."""
    pairs = list(pairs)
    if not count:
        return np.zeros(0, np.int64)
    left = np.concatenate([one for one, _ in pairs]) if pairs else np.zeros(0, np.int64)
    right = np.concatenate([other for _, other in pairs]) if pairs else np.zeros(0, np.int64)
    graph = coo_array((np.ones(left.size, np.bool_), (left, right)), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def choose(coupling: Coupling, axes: Iterable[Indices]) -> Units:
    """The units that go: nothing holds them, and each sum over them does without. Of each axis one index stays."""
    of = connected(coupling.count, coupling.pairs)
    count = int(of.max()) + 1 if of.size else 0
    goes = np.ones(count, np.bool_)
    for ids, _ in coupling.pins:
        goes[of[ids]] = False
    for read in coupling.reads:
        goes[of[read.ids[read.heeds == Heed.NEEDED]]] = False
    units = Units(of, count, goes)
    carriers = _name_carriers(coupling, units)
    _leave_one(units, axes)
    carries = tuple(carry for read in coupling.reads for carry in _carried(units, read, carriers))
    return Units(of, count, goes, carries, units.kept)


def _leave_one(units: Units, axes: Iterable[Indices]) -> None:
    for ids in axes:
        found = units.of[ids]
        if found.size and units.goes[found].all():
            units.goes[found[0]] = False
            units.kept[int(found[0])] = LAST


def _name_carriers(coupling: Coupling, units: Units) -> dict[int, int]:
    """The carrier of each unit that is constant at padded convolutions: of those that meet the same ones, the one
    with the largest numbers, so that rounding errors do not grow."""
    groups: dict[tuple[int, ...], list[int]] = {}
    for unit, numbers in _readers(coupling, units).items():
        groups.setdefault(tuple(sorted(numbers)), []).append(unit)
    carriers: dict[int, int] = {}
    for readers, members in groups.items():
        carrier = max(members, key=lambda unit: min(_level(units, coupling.reads[each], unit) for each in readers))
        units.goes[carrier] = False
        units.kept[carrier] = CARRIES
        carriers.update(dict.fromkeys(members, carrier))
    return carriers


def _readers(coupling: Coupling, units: Units) -> dict[int, set[int]]:
    """For each unit that could go: the reads at which another would have to carry it."""
    found: dict[int, set[int]] = {}
    for number, read in enumerate(coupling.reads):
        for unit in units.of[read.ids[read.heeds == Heed.CARRY]]:
            if units.goes[unit]:
                found.setdefault(int(unit), set()).add(number)
    return found


def _level(units: Units, read: Read, unit: int) -> float:
    """How large the number is that a unit always is at a read."""
    return float(np.abs(read.values[(units.of[read.ids] == unit) & (read.heeds == Heed.CARRY)]).max())


def _carried(units: Units, read: Read, carriers: dict[int, int]) -> Iterator[Carry]:
    """What is carried at one read, by each carrier."""
    found = units.of[read.ids]
    carried = (read.heeds == Heed.CARRY) & units.goes[found]
    for carrier in sorted({carriers[int(unit)] for unit in found[carried]}):
        at = int(np.flatnonzero((found == carrier) & (read.heeds == Heed.CARRY))[0])
        mine = [place for place in np.flatnonzero(carried) if carriers[int(found[place])] == carrier]
        gone = np.asarray(mine, np.int64)
        yield Carry(read.node, read.place, at, gone, read.values[gone] / read.values[at])
