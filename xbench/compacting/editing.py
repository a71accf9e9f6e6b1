"""A graph while a plan is carried out: what is asked of it, and the changes, made all at once at the end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import onnx
from onnx import numpy_helper

from ..errors import InvalidError
from ..onnxfile.operators import standard_opset
from ..onnxfile.walk import label, shown
from .constants import Constants
from .evaluating import Array
from .plan import Indices, Operand, Plan, Shapes

_FEW = 4096
"""Elements of a constant that may be a size, or several."""
_INPUTS_UP_TO_IR = 3
"""Up to this version of the IR, every initializer is listed as an input too."""


class Editing:
    """`before` are the shapes as they were, `after` those that the plan leads to; indices of nodes stay as they were.

    `numbers` are the values of small new constants.
    """

    def __init__(self, model: onnx.ModelProto, plan: Plan, shapes: Shapes) -> None:
        self.model, self.graph, self.plan = model, model.graph, plan
        self.opset = standard_opset(model.opset_import)
        self.constants = Constants(model)
        self.producers = {name: node for node in model.graph.node for name in node.output if name}
        self.readers: dict[str, list[Operand]] = {}
        for index, node in enumerate(model.graph.node):
            for place, name in enumerate(node.input):
                self.readers.setdefault(name, []).append((index, place))
        self.before = dict(shapes)
        self.numbers: dict[str, Array] = {}
        self.after: dict[str, tuple[tuple[int, ...], ...]] = dict(shapes)
        for (name, axis), kept in plan.values.items():
            self.after[name] = tuple((*one[:axis], len(kept), *one[axis + 1 :]) for one in self.after[name])
        for (name, axis), (left, of) in plan.shares.items():
            sizes = self.after[name]
            self.after[name] = tuple((*one[:axis], one[axis] * left // of, *one[axis + 1 :]) for one in sizes)
        self.read_below = read_below(model.graph)
        self._initializers = {tensor.name: tensor for tensor in model.graph.initializer}
        self._names = _all_names(model)
        self._changed: list[str] = []
        self._ahead: dict[int, list[onnx.NodeProto]] = {}
        self._behind: dict[int, list[onnx.NodeProto]] = {}

    @property
    def sizings(self) -> int:
        """How many sizings there are."""
        return len(next(iter(self.before.values())))

    def stored(self, operand: Operand) -> str:
        """The name of a constant of the file at an input of a node; empty where there is something else."""
        node = self.graph.node[operand[0]]
        name = node.input[operand[1]] if operand[1] < len(node.input) else ""
        return name if name and self.constants.is_stored(name) else ""

    def kept(self, name: str, axis: int) -> Indices | None:
        """What stays of an axis of a value; None where all does."""
        rank = len(self.before[name][0]) if name in self.before else 0
        return self.plan.values.get((name, axis % rank if rank else axis))

    def is_narrowed(self, name: str) -> bool:
        """Whether a value gets narrower along any axis."""
        return self.before.get(name) != self.after.get(name)

    def cuts(self, operand: Operand) -> dict[int, Indices]:
        """What stays of a constant as one node takes it, by axis."""
        return {axis: kept for (one, axis), kept in self.plan.constants.items() if one == operand}

    def fresh(self, wish: str) -> str:
        """A name that is not in the model yet, the same each time."""
        name, number = wish, 1
        while name in self._names:
            number += 1
            name = f"{wish}_{number}"
        self._names.add(name)
        return name

    def new_constant(self, wish: str, array: Array) -> str:
        """Adds an initializer, and gives its name."""
        name = self.fresh(wish)
        self.set_constant(name, array)
        return name

    def set_constant(self, name: str, array: Array) -> None:
        """Gives an initializer these values. Where there is none of the name, one is made."""
        tensor = self._initializers.get(name)
        if tensor is None:
            tensor = self._initializers[name] = self.graph.initializer.add()
        # ascontiguousarray would make a scalar a vector
        tensor.CopyFrom(numpy_helper.from_array(np.asarray(array, order="C"), name))
        self._changed.append(name)
        self.after[name] = (array.shape,) * self.sizings
        if array.size <= _FEW:
            self.numbers[name] = array

    def is_initializer(self, name: str) -> bool:
        """Whether a constant is a dense initializer."""
        return name in self._initializers

    def take(self, index: int, place: int, name: str) -> None:
        """Lets a node take another value at one of its inputs."""
        inputs = self.graph.node[index].input
        inputs.extend([""] * (place + 1 - len(inputs)))
        inputs[place] = name

    def put_ahead(self, index: int, node: onnx.NodeProto) -> None:
        """Puts a node right before another."""
        self._ahead.setdefault(index, []).append(node)

    def put_behind(self, index: int, node: onnx.NodeProto) -> None:
        """Puts a node right after another."""
        self._behind.setdefault(index, []).append(node)

    def refuse(self, index: int, found: str) -> NoReturn:
        """Raises the error of a plan that cannot be carried out."""
        node = self.graph.node[index]
        raise InvalidError(
            f"cannot make node {shown(label(node))} ({node.op_type}) narrower",
            found,
            "please report this with the file; nothing was written",
        )

    def finish(self) -> Mapping[str, tuple[tuple[int, ...], ...]]:
        """Makes the changes, drops what nobody reads any more, and gives the shapes of what is there then."""
        changed = {name for name in self.after if self.is_narrowed(name)} | set(self._changed)
        nodes = list(self.graph.node)
        if self._ahead or self._behind:
            nodes = [each for index, node in enumerate(nodes) for each in self._around(index, node)]
        if self.model.ir_version <= _INPUTS_UP_TO_IR:
            _list_as_inputs(self.graph, [self._initializers[name] for name in self._changed])
        _replace_nodes(self.graph, _live(self.graph, nodes))
        _drop_unread(self.model)
        kept = [value for value in self.graph.value_info if value.name not in changed]
        if len(kept) != len(self.graph.value_info):
            del self.graph.value_info[:]
            self.graph.value_info.extend(kept)
        there = _all_names(self.model)
        return {name: sizes for name, sizes in self.after.items() if name in there}

    def _around(self, index: int, node: onnx.NodeProto) -> list[onnx.NodeProto]:
        return [*self._ahead.get(index, ()), node, *self._behind.get(index, ())]


def _all_names(model: onnx.ModelProto) -> set[str]:
    """The names of values, those inside subgraphs too: no new one may hide them."""
    found: set[str] = set()
    waiting = [model.graph]
    while waiting:
        graph = waiting.pop()
        found |= {each.name for each in (*graph.initializer, *graph.input, *graph.output)}
        found |= {each.values.name for each in graph.sparse_initializer}
        for node in graph.node:
            found |= {name for name in (*node.input, *node.output) if name}
            waiting += [each.g for each in node.attribute if each.HasField("g")]
            waiting += [graph for each in node.attribute for graph in each.graphs]
    return found


def read_below(graph: onnx.GraphProto) -> set[str]:
    """The names that subgraphs take: those of values around them among others."""
    found: set[str] = set()
    for node in graph.node:
        for attribute in node.attribute:
            for inner in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                found |= {name for each in inner.node for name in each.input}
                found |= {value.name for value in inner.output} | read_below(inner)
    return found


def _list_as_inputs(graph: onnx.GraphProto, tensors: list[onnx.TensorProto]) -> None:
    """The inputs that old files have for their initializers, as these are now."""
    inputs = {value.name: value for value in graph.input}
    for tensor in tensors:
        told = inputs[tensor.name] if tensor.name in inputs else graph.input.add()
        told.CopyFrom(onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims))


def _live(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """The nodes that some output needs, in their order."""
    needed = {value.name for value in graph.output}
    live: list[onnx.NodeProto] = []
    for node in reversed(nodes):
        if any(name in needed for name in node.output if name):
            live.append(node)
            needed |= {name for name in node.input if name} | _read_by(node)
    return live[::-1]


def _read_by(node: onnx.NodeProto) -> set[str]:
    return (
        read_below(onnx.GraphProto(node=[node]))
        if any(a.HasField("g") or a.graphs for a in node.attribute)
        else set()
    )


def _replace_nodes(graph: onnx.GraphProto, nodes: list[onnx.NodeProto]) -> None:
    if len(nodes) == len(graph.node) and all(a is b for a, b in zip(nodes, graph.node, strict=True)):
        return
    del graph.node[:]
    graph.node.extend(nodes)


def _drop_unread(model: onnx.ModelProto) -> None:
    """Drops initializers that nothing reads, and their entries among the inputs."""
    graph = model.graph
    read = {name for node in graph.node for name in node.input} | read_below(graph)
    read |= {value.name for value in graph.output}
    if model.ir_version > _INPUTS_UP_TO_IR:
        read |= {value.name for value in graph.input}  # without its default it would have to be fed
    gone: set[str] = set()
    for index in reversed(range(len(graph.initializer))):
        if graph.initializer[index].name not in read:
            gone.add(graph.initializer[index].name)
            del graph.initializer[index]
    for index in reversed(range(len(graph.sparse_initializer))):
        if graph.sparse_initializer[index].values.name not in read:
            gone.add(graph.sparse_initializer[index].values.name)
            del graph.sparse_initializer[index]
    for index in reversed(range(len(graph.input))):
        if graph.input[index].name in gone and model.ir_version <= _INPUTS_UP_TO_IR:
            del graph.input[index]
