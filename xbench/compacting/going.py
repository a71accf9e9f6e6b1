"""Says what goes: one line for each coupled group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import onnx

from ..onnxfile.walk import label
from .choosing import Units, connected
from .coupling import Coupling, Heed, Weighted
from .plan import Gone, Indices, Why
from .seeing import Flags

_WHYS: dict[Heed, Why] = {Heed.UNREAD: "unread", Heed.ZERO: "zero", Heed.FOLD: "constant"}
_STRENGTH = np.array([0, 1, 0, 2, 2])
"""By `Heed`: a unit that is folded anywhere is constant; else one that is zero anywhere is zero."""
_BY_STRENGTH = (Heed.UNREAD, Heed.ZERO, Heed.FOLD)
_CONVOLUTIONS = {"Conv", "ConvTranspose"}


def gone(
    nodes: Sequence[onnx.NodeProto], coupling: Coupling, units: Units, axes: Sequence[Indices]
) -> Iterator[Gone]:
    """One for each coupled group that loses units, in the order of its first weight. `axes` are those of values."""
    groups = _groups(units, axes)
    strengths = _strengths(coupling, units)
    split = np.zeros(units.count, np.bool_)
    for ids in coupling.split:
        split[units.of[ids]] = True
    for group, weights in _by_group(coupling, units, groups):
        members = np.flatnonzero(groups == group)
        lost = members[units.goes[members]]
        if not lost.size:
            continue
        touched = sorted({each.node for each in weights if units.goes[units.of[each.ids]].any()})
        yield Gone(
            nodes=tuple(label(nodes[node]) for node in touched),
            unit=_unit({nodes[node].op_type for node in touched}, split[members]),
            before=int(members.size),
            after=int(members.size - lost.size),
            why=tuple(_WHYS[_BY_STRENGTH[each]] for each in np.unique(strengths[lost])),
        )


def _unit(kinds: set[str], split: Flags) -> Literal["channels", "neurons", "heads"]:
    return "channels" if kinds & _CONVOLUTIONS else "heads" if split.any() else "neurons"


def _groups(units: Units, axes: Sequence[Indices]) -> Indices:
    """The group of each unit: those that lie on one axis are of one group."""
    chains = [units.of[ids] for ids in axes if ids.size > 1]
    return connected(units.count, ((chain[:-1], chain[1:]) for chain in chains))


def _by_group(coupling: Coupling, units: Units, groups: Indices) -> list[tuple[int, list[Weighted]]]:
    """The weights of each group, the groups by their first node."""
    found: dict[int, list[Weighted]] = {}
    for weight in coupling.weighted:
        if weight.ids.size:
            found.setdefault(int(groups[units.of[weight.ids[0]]]), []).append(weight)
    return sorted(found.items(), key=lambda pair: min(each.node for each in pair[1]))


def _strengths(coupling: Coupling, units: Units) -> Indices:
    """Why each unit may go, as a place in `_BY_STRENGTH`."""
    best = np.zeros(units.count, np.int64)
    for read in coupling.reads:
        np.maximum.at(best, units.of[read.ids], _STRENGTH[read.heeds])
    return best
