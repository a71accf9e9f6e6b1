"""Small graphs by hand, and what ONNX Runtime makes of them."""

from __future__ import annotations

import numpy as np
import onnx
from onnx import helper, numpy_helper, shape_inference

from xbench.errors import InvalidError
from xbench.protocols import ProfileReport


def graph(nodes, inputs, outputs, weights=None, opset=17, ir=8, infos=()):
    """A model. `nodes` are (operator, inputs, outputs, attributes); `inputs` are (name, shape), of 32-bit floats."""
    made = [
        helper.make_node(op, ins.split(), outs.split(), name=f"n{i}", **dict(*rest))
        for i, (op, ins, outs, *rest) in enumerate(nodes)
    ]
    floats = onnx.TensorProto.FLOAT
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in (weights or {}).items()]
    model = helper.make_model(
        helper.make_graph(
            made,
            "small",
            [helper.make_tensor_value_info(name, floats, shape) for name, shape in inputs],
            [helper.make_tensor_value_info(name, floats, None) for name in outputs],
            tensors,
            value_info=[helper.make_tensor_value_info(name, floats, shape) for name, shape in infos],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
        ir_version=ir,
    )
    for value, found in zip(model.graph.output, shape_inference.infer_shapes(model).graph.output, strict=True):
        value.CopyFrom(found)  # the checker wants a shape
    return model


def drawn(*shape, seed=0, zero=()):
    """Weights of 32-bit floats, those at the index `zero` put to 0."""
    array = np.random.default_rng(seed).standard_normal(shape).astype(np.float32)
    for index in zero:
        array[index] = 0
    return array


def run(model, feeds, every=False):
    """The outputs by name; `every`: those of all nodes."""
    import onnxruntime as ort

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    if every:
        there = {value.name for value in copy.graph.output}
        names = [name for node in copy.graph.node for name in node.output if name and name not in there]
        copy.graph.output.extend(onnx.ValueInfoProto(name=name) for name in names)
    options = ort.SessionOptions()
    options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = ort.InferenceSession(copy.SerializeToString(), options, providers=["CPUExecutionProvider"])
    names = [value.name for value in session.get_outputs()]
    return dict(zip(names, session.run(names, feeds), strict=True))


class Running:
    """In place of a `LoadedModel`: the same answer, from this process."""

    def __init__(self, model, refuses=lambda shapes: False):
        self.model, self.refuses, self.fed = model, refuses, []

    def profile(self, feeds, *, optimised):
        shapes = {name: array.shape for name, array in feeds.items()}
        self.fed.append(shapes)
        if self.refuses(shapes):
            raise InvalidError("it does not run", str(shapes))
        found = run(self.model, feeds, every=True)
        nodes = self.model.graph.node
        return ProfileReport({}, {node.name: [list(found[name].shape) for name in node.output] for node in nodes})
