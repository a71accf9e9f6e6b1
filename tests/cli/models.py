"""Small ONNX files, good and bad, for the command line to be tried on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh


def model(nodes, inputs, outputs, initializers=(), opset=17, ir=8, **extra):
    graph = h.make_graph(nodes, "g", inputs, outputs, list(initializers))
    return h.make_model(graph, opset_imports=[h.make_opsetid("", opset)], ir_version=ir, **extra)


def value(name, dtype, shape):
    return h.make_tensor_value_info(name, dtype, shape)


def constant(name, array):
    return nh.from_array(np.asarray(array), name)


def weights(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def mlp(hidden=64, inputs=32, seed=0, name="x"):
    """Two layers; with 64 hidden neurons an inference takes some 10 us."""
    return model(
        [
            h.make_node("MatMul", [name, "w1"], ["a"], name="fc1"),
            h.make_node("Relu", ["a"], ["b"], name="relu"),
            h.make_node("MatMul", ["b", "w2"], ["y"], name="fc2"),
        ],
        [value(name, T.FLOAT, ["batch", inputs])],
        [value("y", T.FLOAT, ["batch", 8])],
        [
            constant("w1", weights(inputs, hidden, seed=seed) * 0.1),
            constant("w2", weights(hidden, 8, seed=seed) * 0.1),
        ],
    )


def unary(op_type, dtype=T.FLOAT, shape=("batch", 4), out=None, **attributes):
    """One node from x to y."""
    return model(
        [h.make_node(op_type, ["x"], ["y"], name="only", **attributes)],
        [value("x", dtype, list(shape))],
        [value("y", out or dtype, None)],
    )


def outside_numbers(number):
    """Adds NaN or infinity to everything."""
    return model(
        [h.make_node("Add", ["x", "c"], ["y"], name="add")],
        [value("x", T.FLOAT, ["batch", 4])],
        [value("y", T.FLOAT, None)],
        [constant("c", np.array(number, np.float32))],
    )


def reshape_input():
    """The second input is the shape of a Reshape: only the user knows one."""
    return model(
        [h.make_node("Reshape", ["x", "target"], ["y"], name="reshape")],
        [value("x", T.FLOAT, ["batch", 4]), value("target", T.INT64, [2])],
        [value("y", T.FLOAT, None)],
    )


def no_inputs():
    return model([h.make_node("Relu", ["c"], ["y"])], [], [value("y", T.FLOAT, None)], [constant("c", weights(4))])


def endless():
    """An inference of 2**62 rounds."""
    body = h.make_graph(
        [h.make_node("Identity", ["go"], ["go_on"]), h.make_node("Cos", ["v"], ["w"])],
        "body",
        [value("i", T.INT64, []), value("go", T.BOOL, []), value("v", T.FLOAT, None)],
        [value("go_on", T.BOOL, []), value("w", T.FLOAT, None)],
    )
    return model(
        [h.make_node("Loop", ["rounds", "yes", "x"], ["z"], body=body, name="loop")],
        [value("x", T.FLOAT, [4])],
        [value("z", T.FLOAT, None)],
        [constant("rounds", np.array(2**62)), constant("yes", np.array(True))],
    )


def endless_loading(products=400):
    """Runs at once; but its optimiser multiplies large constants for minutes, in a branch that is never taken."""
    chain = [h.make_node("Expand", ["one", "size"], ["p0"])]
    chain += [h.make_node("MatMul", [f"p{i}", f"p{i}"], [f"p{i + 1}"]) for i in range(products)]
    chain.append(h.make_node("ReduceMax", [f"p{products}"], ["o"], keepdims=0))
    other = h.make_graph(chain, "else", [], [value("o", T.FLOAT, None)])
    then = h.make_graph([h.make_node("Identity", ["zero"], ["t"])], "then", [], [value("t", T.FLOAT, None)])
    return model(
        [
            h.make_node("If", ["which"], ["c"], then_branch=then, else_branch=other, name="if"),
            h.make_node("Add", ["x", "c"], ["y"], name="add"),
        ],
        [value("which", T.BOOL, []), value("x", T.FLOAT, ["batch", 4])],
        [value("y", T.FLOAT, None)],
        [
            constant("one", np.float32(1e-4)),
            constant("zero", np.float32(0)),
            constant("size", np.array([3000, 3000])),
        ],
    )


def ir3():
    """IR 3 lists initializers as inputs too."""
    made = mlp()
    for tensor in made.graph.initializer:
        made.graph.input.append(value(tensor.name, T.FLOAT, list(tensor.dims)))
    made.ir_version = 3
    made.opset_import[0].version = 8
    return made


def scalars():
    return model(
        [h.make_node("Mul", ["x", "s"], ["y"], name="mul")],
        [value("x", T.FLOAT, [4]), value("s", T.FLOAT, [])],
        [value("y", T.FLOAT, None)],
    )


def sequence_output():
    return model(
        [h.make_node("Relu", ["x"], ["r"]), h.make_node("SequenceConstruct", ["x", "r"], ["y"])],
        [value("x", T.FLOAT, ["batch", 4])],
        [h.make_tensor_sequence_value_info("y", T.FLOAT, None)],
    )


def map_output():
    """What sklearn's classifiers end with: a list of dicts."""
    made = model(
        [h.make_node("ZipMap", ["x"], ["y"], domain="ai.onnx.ml", name="zip", classlabels_int64s=[0, 1, 2, 3])],
        [value("x", T.FLOAT, ["batch", 4])],
        [],
    )
    made.opset_import.append(h.make_opsetid("ai.onnx.ml", 1))
    element = h.make_map_type_proto(T.INT64, h.make_tensor_type_proto(T.FLOAT, []))
    made.graph.output.append(h.make_value_info("y", h.make_sequence_type_proto(element)))
    return made


def save(made, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.SerializeToString())
    return path


def save_outside(made, path: Path) -> Path:
    """The model with its weights in weights.bin."""
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save_model(made, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    return path
