"""Builds small graphs, decides what goes, carries it out, and sees that the outputs are the same."""

import numpy as np
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh
from onnx.reference import ReferenceEvaluator

from xbench.compacting.deciding import plan_of
from xbench.compacting.known import known_values
from xbench.compacting.rewriting import rewritten
from xbench.onnxfile.constants import scopes
from xbench.onnxfile.inference import infer_shapes


class Net:
    """Nodes in their order, and constants drawn at random; a constant that is given as a text is another value."""

    def __init__(self, *shape, opset=17):
        self.nodes, self.constants, self.shape, self.opset = [], [], shape, opset
        self.random = np.random.default_rng(len(shape))

    def add(self, op_type, *inputs, out=1, **attributes):
        name = f"{op_type.lower()}{len(self.nodes)}"
        names = [self.constant(each) if isinstance(each, np.ndarray) else each for each in inputs]
        outputs = [f"{name}_{each}" for each in range(out)] if out > 1 else [f"{name}_y"]
        self.nodes.append(h.make_node(op_type, names, outputs, name=name, **attributes))
        return outputs if out > 1 else outputs[0]

    def constant(self, array):
        self.constants.append(nh.from_array(array, f"c{len(self.constants)}"))
        return self.constants[-1].name

    def drawn(self, *shape, zero=(), axis=0):
        array = self.random.standard_normal(shape).astype(np.float32)
        np.moveaxis(array, axis, 0)[list(zero)] = 0
        return array

    def linear(self, data, inputs, outputs, zero=(), unread=()):
        weight = self.drawn(inputs, outputs, zero=zero, axis=1)
        weight[list(unread)] = 0
        return self.add("MatMul", data, weight)

    def conv(self, data, inputs, outputs, zero=(), kernel=1, **attributes):
        return self.add("Conv", data, self.drawn(outputs, inputs, kernel, kernel, zero=zero), **attributes)

    def model(self, *outputs, **extra):
        values = [h.make_tensor_value_info(name, T.FLOAT, None) for name in outputs]
        fed = [h.make_tensor_value_info("x", T.FLOAT, ["batch", *self.shape])]
        graph = h.make_graph(self.nodes, "g", fed, values, self.constants)
        return h.make_model(graph, opset_imports=[h.make_opsetid("", self.opset)], ir_version=9, **extra)


def shapes_of(model, shape):
    sizings = [infer_shapes(model, {"x": (batch, *shape)}) for batch in (2, 3)]
    constants = {each.name: each.array().shape for each in next(scopes(model)).own.values()}
    tables = [{**constants, **one} for one in sizings]
    return {name: tuple(table[name] for table in tables) for name in tables[0] if name in tables[1]}


def planned(net, *outputs, carried_out=True):
    model = net.model(*outputs)
    shapes = shapes_of(model, net.shape)
    plan = plan_of(model, shapes, known_values(model, shapes))
    if carried_out:
        fed = {"x": np.random.default_rng(1).standard_normal((3, *net.shape)).astype(np.float32)}
        before = ReferenceEvaluator(model).run(None, fed)
        rewritten(model, plan, shapes)
        for one, other in zip(before, ReferenceEvaluator(model).run(None, fed), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)
    return plan


def narrowed(plan, node, place=1):
    """{axis: the indices that stay} of a constant of a node."""
    return {axis: kept.tolist() for (key, axis), kept in plan.constants.items() if key == (node, place)}


def reasons(plan):
    return {(stay.node, stay.units): stay.reason for stay in plan.stays}
