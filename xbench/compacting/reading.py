"""Goes through a graph once, and lets every node say what it couples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import onnx

from ..onnxfile.constants import Scope
from ..onnxfile.operators import standard_opset
from ..onnxfile.walk import below, label, shown, subgraphs
from .coupling import Axes
from .plan import Known, Shapes
from .rules import rule_of
from .seeing import Seen
from .step import Field, Step

_FIRST_IR_OF_CONSTANTS = 4
"""Before it, every constant had to be listed among the inputs (onnx/docs/IR.md, "Initializers")."""
_RANDOM = ("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike")


def read_graph(model: onnx.ModelProto, shapes: Shapes, known: Known) -> Field:
    """What the main graph couples. Its nodes come in the order in which they run, as the standard demands."""
    graph = model.graph
    field = Field(shapes, Seen(known), standard_opset(model.opset_import), frozenset(_stored(model)))
    field.settled |= field.stored
    field.uses = Counter(name for node in graph.node for name in node.input)
    field.producers = {name: node for node in graph.node for name in node.output}
    _take_inputs(model, field)
    for index, node in enumerate(graph.node):
        field.coupling.node = index
        if node.op_type != "Constant" or not set(node.output) <= field.stored:
            _take(Step(index, node, field))
    field.coupling.node = len(graph.node)
    _hold_outputs(graph, field)
    return field


def _stored(model: onnx.ModelProto) -> Iterator[str]:
    """Constants; one that can be fed instead is an input."""
    fed = {value.name for value in model.graph.input} if model.ir_version >= _FIRST_IR_OF_CONSTANTS else set()
    return (name for name in Scope(model.graph, None, 0).own if name not in fed)


def _take_inputs(model: onnx.ModelProto, field: Field) -> None:
    for value in model.graph.input:
        if value.name not in field.stored:
            field.values[value.name] = field.fresh(value.name)
            for ids in field.values[value.name]:
                field.coupling.pin(ids, f"the graph's input {shown(value.name)} has them")


def _take(step: Step) -> None:
    node = step.node
    if any(subgraphs(node)):
        _hold_captured(step)
        step.keep_all(f"node {step.whose} takes or gives them")
    elif any(step.field.sizes(name) is None for name in (*node.input, *node.output) if name):
        step.keep_all(f"the sizes of what node {step.whose} takes or gives are not known")
    elif rule := rule_of(node):
        rule(step)
        step.keep_unasked()
        step.keep_ungiven()
    else:
        step.keep_all(f"operator {node.op_type} of node {shown(label(node))} is not understood")
    if not any(subgraphs(node)) and node.op_type not in _RANDOM:
        names = [name for name in node.input if name]
        if names and all(name in step.field.settled for name in names):
            step.field.settled.update(node.output)


def _hold_captured(step: Step) -> None:
    """What the branches of an If, or the body of a Loop or a Scan, read from the graph around them."""
    inner = list(below([step.node]))
    captured = {name for node in inner[1:] for name in node.input}
    captured |= {value.name for node in inner for graph in subgraphs(node) for value in graph.output}
    for name in sorted(captured):
        for ids in _anywhere(step.field, name):
            step.keep(ids, f"they are read inside node {step.whose}")


def _anywhere(field: Field, name: str) -> Axes:
    if name in field.stored:
        return field.shared.setdefault(name, field.fresh(name))
    return field.values.get(name, ())


def _hold_outputs(graph: onnx.GraphProto, field: Field) -> None:
    for value in graph.output:
        for ids in _anywhere(field, value.name):
            field.coupling.pin(ids, f"the graph's output {shown(value.name)} has them")
