"""One node of the graph, as the rules of its operator see it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import onnx

from ..onnxfile.walk import label, shown
from ..onnxfile.weights import attributes
from .coupling import Axes, Axis, Coupling, Product, Size
from .plan import Operand, Shapes
from .seeing import Seen


@dataclass(eq=False)
class Field:
    """The graph so far. `stored` are the names of constants, `settled` those of all that comes from them alone."""

    shapes: Shapes
    seen: Seen
    opset: int
    stored: frozenset[str]
    coupling: Coupling = field(default_factory=Coupling)
    values: dict[str, Axes] = field(default_factory=dict)
    operands: dict[Operand, Axes] = field(default_factory=dict)
    shared: dict[str, Axes] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    producers: dict[str, onnx.NodeProto] = field(default_factory=dict)
    uses: Counter[str] = field(default_factory=Counter)

    def sizes(self, name: str) -> tuple[Size, ...] | None:
        """The size of each axis; None where they are not known."""
        shapes = self.shapes.get(name)
        if not shapes or len({len(shape) for shape in shapes}) > 1:
            return None
        return tuple(zip(*shapes, strict=True))

    def maker(self, name: str) -> str:
        """The node that computed a value, in words; the value itself where it is fed."""
        node = self.producers.get(name)
        return f"input {shown(name)}" if node is None else f"{shown(label(node))} ({node.op_type})"

    def fresh(self, name: str) -> Axes:
        """New variables for each fixed axis of a value."""
        return tuple(
            self.coupling.fresh(size[0]) if is_fixed(size) and size[0] > 1 else None
            for size in self.sizes(name) or ()
        )


def is_fixed(size: Size) -> bool:
    """Is it the same at all sizings?"""
    return len(set(size)) == 1


def fits(axis: Axis, size: Size) -> bool:
    """Do the variables go with an axis of this size?"""
    if isinstance(axis, Product):
        return tuple(math.prod(each) for each in zip(*axis.sizes, strict=True)) == size
    return axis is not None and size == (axis.size,) * len(size)


class Step:
    """One node: what it takes, what it says of itself, and where its rule puts what it found out."""

    def __init__(self, index: int, node: onnx.NodeProto, ground: Field) -> None:
        self.index, self.node, self.field = index, node, ground
        self.coupling, self.seen = ground.coupling, ground.seen
        self.given = attributes(node)
        self._asked: set[int] = set()

    @property
    def whose(self) -> str:
        """The node in words: `'conv1' (Conv)`."""
        return f"{shown(label(self.node))} ({self.node.op_type})"

    def has(self, place: int) -> bool:
        """Is there an input at that place?"""
        return place < len(self.node.input) and bool(self.node.input[place])

    def name(self, place: int) -> str:
        """The name of an input."""
        return str(self.node.input[place])

    def number(self, attribute: str, default: int) -> int:
        """An integer attribute."""
        value = self.given.get(attribute, default)
        return value if isinstance(value, int) else default

    def numbers(self, attribute: str) -> list[int] | None:
        """An attribute of several integers; None where it is not given."""
        value = self.given.get(attribute)
        return [int(each) for each in value] if isinstance(value, Sequence) else None

    def sizes(self, place: int) -> tuple[Size, ...]:
        """The sizes of an input, which are known when a rule is asked."""
        return self.field.sizes(self.name(place)) or ()

    def out_sizes(self, place: int = 0) -> tuple[Size, ...]:
        """The sizes of an output."""
        return self.field.sizes(self.node.output[place]) or ()

    def rank(self, place: int = 0) -> int:
        """How many axes an input has."""
        return len(self.sizes(place))

    def axes(self, place: int) -> Axes:
        """The variables of an input. A constant of one axis has its own at each use; a larger one has them once."""
        self._asked.add(place)
        name = self.name(place)
        if name not in self.field.stored:
            return self.field.values.get(name, ())
        operand = (self.index, place)
        if operand not in self.field.operands:
            self.field.operands[operand] = self._stored(name)
        return self.field.operands[operand]

    def _stored(self, name: str) -> Axes:
        if sum(max(size, default=0) > 1 for size in self.field.sizes(name) or ()) < 2:
            return self.field.fresh(name)
        if name not in self.field.shared:
            self.field.shared[name] = self.field.fresh(name)
        return self.field.shared[name]

    def is_settled(self, place: int) -> bool:
        """Does the input come from constants alone?"""
        return self.name(place) in self.field.settled

    def integers(self, place: int) -> list[int] | None:
        """The integers that an input always has; None where it has others each time, or is not there."""
        return self.seen.integers(self.name(place)) if self.has(place) else None

    def give(self, axes: Sequence[Axis], place: int = 0) -> None:
        """The variables of an output. What is left out of them, or does not fit its size, is held in place."""
        if place >= len(self.node.output) or not self.node.output[place]:
            return
        name = self.node.output[place]
        whole: list[Axis] = []
        for size, ids in zip(self.out_sizes(place), axes, strict=True):
            if not fits(ids, size):
                self.keep(ids)
                ids = None
            if ids is None and is_fixed(size) and size[0] > 1:
                ids = self.coupling.fresh(size[0])
                self.keep(ids)
            whole.append(ids)
        self.field.values[name] = tuple(whole)

    def keep(self, ids: Axis, reason: str = "") -> None:
        """Hold these in place; the reason is that this node needs them, where no other is given."""
        self.coupling.pin(ids, reason or f"node {self.whose} needs all of them")

    def keep_unasked(self) -> None:
        """Hold in place the inputs of which the rule did not ask: sizes, bounds, axes, numbers for all."""
        for place in range(len(self.node.input)):
            if self.has(place) and place not in self._asked and self.name(place) not in self.field.stored:
                for ids in self.axes(place):
                    self.keep(ids)

    def keep_all(self, reason: str) -> None:
        """Hold all in place that goes in or comes out."""
        for place in range(len(self.node.input)):
            if self.has(place):
                for ids in self.axes(place):
                    self.keep(ids, reason)
        for name in self.node.output:
            self.field.values.pop(name, None)
        self.keep_ungiven(reason)

    def keep_ungiven(self, reason: str = "") -> None:
        """Hold in place the outputs to which the rule gave nothing."""
        for name in self.node.output:
            if name and name not in self.field.values:
                self.field.values[name] = self.field.fresh(name)
                for ids in self.field.values[name]:
                    self.keep(ids, reason)

    def axis(self, number: int, place: int = 0) -> int:
        """An axis that may be counted from the end, counted from the start."""
        return number + self.rank(place) if number < 0 else number
