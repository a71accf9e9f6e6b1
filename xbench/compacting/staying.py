"""Says which zeroed units stay, and why: the nearest thing that holds them, in plain words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import onnx

from ..onnxfile.constants import Scope, scopes
from ..onnxfile.walk import label, shown, subgraphs
from ..onnxfile.weights import Weight, as_rows, operands_of, value_rows, weights
from .choosing import Units
from .coupling import Coupling, Heed, Joint, Pin, Read, Weighted
from .plan import Stays
from .rules import rule_of
from .seeing import Flags

_UNLUCKY = "its quantised weights are stored as 0, which is not their zero point: they are not zero"


class Reasons:
    """Why units stay."""

    def __init__(self, nodes: Sequence[onnx.NodeProto], coupling: Coupling, units: Units) -> None:
        self._nodes, self._coupling, self._units = nodes, coupling, units

    def stays(self) -> Iterator[Stays]:
        """Zeroed units that stay, by node and reason. Columns are told of where no rows are zeroed."""
        told = np.zeros(self._units.count, np.bool_)
        for weight in sorted(self._coupling.weighted, key=lambda each: not each.rows):
            found = self._units.of[weight.ids[weight.zeroed]]
            stay = found[~self._units.goes[found] & (weight.rows | ~told[found])]
            told[found] = True
            counts = Counter(self._reason(weight, int(unit)) for unit in stay)
            unlucky = int(np.count_nonzero(weight.unlucky & ~self._units.goes[self._units.of[weight.ids]]))
            if weight.rows and unlucky:
                counts[_UNLUCKY] += unlucky
            for reason, count in counts.items():
                yield Stays(label(self._nodes[weight.node]), count, reason)

    def _reason(self, weight: Weighted, unit: int) -> str:
        joint = next((each for each in self._joints.get(unit, ()) if each.node > weight.node), None)
        if joint is not None and weight.rows:
            return f"zeroed here, and not in {joint.other}, to which it is added"
        return (self._units.kept.get(unit) or self._held(weight, unit)) + self._shared.get(unit, "")

    def _held(self, weight: Weighted, unit: int) -> str:
        """What holds a unit: the nearest node that needs all, else one that would miss it."""
        if unit in self._pins:
            after = weight.node if weight.rows else 0
            return min(self._pins[unit], key=lambda pin: (pin.node < after, abs(pin.node - weight.node))).reason
        readers = [label(self._nodes[read.node]) for read in self._reads[unit]]
        here = label(self._nodes[weight.node])
        reader = next((each for each in readers if each != here), here)
        return f"node {shown(reader)} needs them" + (", since they are not zero there" if weight.rows else "")

    @cached_property
    def _joints(self) -> dict[int, list[Joint]]:
        found: dict[int, list[Joint]] = {}
        for joint in self._coupling.joints:
            for unit in self._units.of[joint.ids]:
                found.setdefault(int(unit), []).append(joint)
        return found

    @cached_property
    def _pins(self) -> dict[int, list[Pin]]:
        """What holds a unit, in the order of nodes."""
        found: dict[int, list[Pin]] = {}
        for ids, pin in self._coupling.pins:
            units = np.unique(self._units.of[ids])
            for unit in units[self._asked[units]]:
                found.setdefault(int(unit), []).append(pin)
        return found

    @cached_property
    def _asked(self) -> Flags:
        """The units that hold zeroed weights."""
        asked = np.zeros(self._units.count, np.bool_)
        for weight in self._coupling.weighted:
            asked[self._units.of[weight.ids[weight.zeroed]]] = True
        return asked

    @cached_property
    def _reads(self) -> dict[int, list[Read]]:
        """The sums that need a unit."""
        found: dict[int, list[Read]] = {}
        for read in self._coupling.reads:
            for unit in self._units.of[read.ids[read.heeds == Heed.NEEDED]]:
                found.setdefault(int(unit), []).append(read)
        return found

    @cached_property
    def _shared(self) -> dict[int, str]:
        """For each unit that several nodes hold in one constant: which nodes."""
        sharers: dict[str, list[Weighted]] = {}
        for weight in self._coupling.weighted:
            sharers.setdefault(weight.constant, []).append(weight)
        found: dict[int, str] = {}
        for weights_of_one in sharers.values():
            names = list(dict.fromkeys(shown(label(self._nodes[each.node])) for each in weights_of_one))
            if len(names) > 1:
                units = np.unique(self._units.of[np.concatenate([each.ids for each in weights_of_one])])
                found.update(dict.fromkeys(units.tolist(), f"; its weights are shared by {names[0]} and {names[1]}"))
        return found


def out_of_reach(model: onnx.ModelProto) -> Iterator[Stays]:
    """Zeroed units where nothing is taken out: of operators that are not understood, and in branches and loops."""
    every = list(scopes(model))
    owners = {id(inner): node for scope in every for node in scope.graph.node for inner in subgraphs(node)}
    for number, scope in enumerate(every):
        if not any(_is_out_of_reach(node, number) for node in scope.graph.node):
            continue  # To look at weights takes time.
        for weight in weights(scope):
            if _is_out_of_reach(weight.node, number):
                yield from _one_out_of_reach(weight, _where(scope, weight, owners))


def _is_out_of_reach(node: onnx.NodeProto, number: int) -> bool:
    return operands_of(node) is not None and (number > 0 or rule_of(node) is None)


def _where(scope: Scope, weight: Weight, owners: dict[int, onnx.NodeProto]) -> str:
    owner = owners.get(id(scope.graph))
    if owner is None:
        return f"operator {weight.node.op_type} is not understood"
    return f"it lies inside node {shown(label(owner))} ({owner.op_type}), where nothing is taken out"


def _one_out_of_reach(weight: Weight, reason: str) -> Iterator[Stays]:
    zeroed = ~as_rows(weight).any(axis=(1, 2))
    stored = ~(value_rows(weight) != 0).any(axis=(1, 2))
    if zeroed.any():
        yield Stays(weight.node_name, int(zeroed.sum()), reason)
    if unlucky := int(np.count_nonzero(stored & ~zeroed)):
        yield Stays(weight.node_name, unlucky, _UNLUCKY)
