"""Carries out a plan: weights are cut, biases take over what was constant, and sizes in the graph follow."""

from __future__ import annotations

import onnx

from ..errors import InvalidError
from ..onnxfile.walk import shown
from .editing import Editing
from .plan import Plan, Shapes
from .resizing import resized
from .weighing import weighed


def rewritten(model: onnx.ModelProto, plan: Plan, shapes: Shapes) -> Shapes:
    """Change the model, which has no local functions, as the plan says, and give the shapes of what it then has.

    IR version, opset, names, metadata, inputs and outputs stay. A constant that is cut in one way keeps its name,
    one that several nodes take in several ways becomes several. The same plan gives the same model. Raises
    InvalidError where something gets narrower that an output, a subgraph or a node needs as it was; the model may
    then be changed in part.
    """
    editing = Editing(model, plan, shapes)
    _check(editing)
    weighed(editing)
    resized(editing)
    return editing.finish()


def _check(editing: Editing) -> None:
    """Raises InvalidError for values that cannot get narrower, wherever they are used."""
    plan, graph = editing.plan, editing.graph
    fixed = {value.name: "it is an output of the model" for value in graph.output}
    fixed |= {value.name: "it is an input of the model" for value in graph.input}
    fixed |= dict.fromkeys(editing.read_below, "a branch or a loop takes it")
    for name, axis in plan.values:
        found = fixed.get(name, "" if name in editing.producers else "no node of the main graph makes it")
        if found:
            remedy = "please report this with the file; nothing was written"
            raise InvalidError(f"cannot make axis {axis} of {shown(name)} narrower", found, remedy)
    for operand, _ in plan.constants:
        if not editing.stored(operand):
            editing.refuse(operand[0], f"its input {operand[1]} is no constant of the file")
