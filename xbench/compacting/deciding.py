"""Decides what can be taken out of a graph without changing what it computes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import onnx

from .choosing import Units, choose
from .coupling import Axes, Coupling, Heed, Product
from .going import gone
from .plan import Fold, Indices, Known, Plan, Shapes
from .reading import read_graph
from .staying import Reasons, out_of_reach


def plan_of(model: onnx.ModelProto, shapes: Shapes, known: Known) -> Plan:
    """What goes, and which zeroed units stay and why.

    Every index of every fixed axis is a variable. Nodes couple variables, hold some in place, and sum over others:
    a coupled unit goes where nothing holds it and no sum would miss it. What stays equals what it was at the indices
    that stay. The model's local functions must be inlined. Values are taken for finite: zero times an infinity
    would not be zero.
    """
    field = read_graph(model, shapes, known)
    axes = _distinct((*field.values.values(), *field.operands.values()))
    units = choose(field.coupling, axes)
    reasons = Reasons(model.graph.node, field.coupling, units)
    return Plan(
        values={(name, axis): kept for name, found in field.values.items() for axis, kept in _kept(found, units)},
        constants={(key, axis): kept for key, found in field.operands.items() for axis, kept in _kept(found, units)},
        shares={(name, axis): share for name, found in field.values.items() for axis, share in _shares(found, units)},
        folds=tuple(_folds(field.coupling, units)),
        carries=units.carries,
        gone=tuple(gone(model.graph.node, field.coupling, units, axes)),
        stays=(*reasons.stays(), *out_of_reach(model)),
    )


def _distinct(every: Iterable[Axes]) -> list[Indices]:
    """All axes that have variables; those that several values share come once."""
    return list({id(ids): ids for axes in every for ids in axes if isinstance(ids, np.ndarray)}.values())


def _kept(axes: Axes, units: Units) -> Iterator[tuple[int, Indices]]:
    """(axis, the indices that stay) for each axis that gets narrower."""
    for axis, ids in enumerate(axes):
        if isinstance(ids, np.ndarray) and (goes := units.goes[units.of[ids]]).any():
            yield axis, np.flatnonzero(~goes)


def _shares(axes: Axes, units: Units) -> Iterator[tuple[int, tuple[int, int]]]:
    """(axis, (what stays, of how many)) for each open axis that was made of others, of which one gets narrower."""
    for axis, made in enumerate(axes):
        if isinstance(made, Product):
            parts = [units.goes[units.of[ids]] for _, ids in made.parts if ids is not None]
            left, of = (
                math.prod(each) for each in ([int((~one).sum()) for one in parts], [one.size for one in parts])
            )
            if left < of:
                yield axis, (left, of)


def _folds(coupling: Coupling, units: Units) -> Iterator[Fold]:
    for read in coupling.reads:
        folded = np.flatnonzero(units.goes[units.of[read.ids]] & (read.heeds == Heed.FOLD))
        if folded.size:
            yield Fold(read.node, read.place, folded, read.values[folded])
