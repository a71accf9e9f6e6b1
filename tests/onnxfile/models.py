"""Small models, as strangers make them."""

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
    return nh.from_array(np.ascontiguousarray(array), name)


def weights(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def linear(inputs=4, outputs=3, weight=None):
    weight = weights(inputs, outputs) if weight is None else weight
    return model(
        [h.make_node("MatMul", ["x", "w"], ["y"], name="fc")],
        [value("x", T.FLOAT, ["batch", weight.shape[0]])],
        [value("y", T.FLOAT, None)],
        [constant("w", weight)],
    )


def bert():
    """Ids, mask and segments through embeddings, int64, with a Cast and an Unsqueeze on the way."""
    nodes = [
        h.make_node("Cast", ["input_ids"], ["ids32"], to=T.INT32),
        h.make_node("Gather", ["words", "ids32"], ["e1"]),
        h.make_node("Gather", ["segments", "token_type_ids"], ["e2"]),
        h.make_node("Add", ["e1", "e2"], ["e"]),
        h.make_node("Cast", ["attention_mask"], ["m"], to=T.FLOAT),
        h.make_node("Unsqueeze", ["m", "last"], ["m3"]),
        h.make_node("Mul", ["e", "m3"], ["em"]),
        h.make_node("MatMul", ["em", "w"], ["y"], name="fc"),
    ]
    names = ("input_ids", "attention_mask", "token_type_ids")
    return model(
        nodes,
        [value(name, T.INT64, ["batch_size", "sequence_length"]) for name in names],
        [value("y", T.FLOAT, None)],
        [
            constant("words", weights(50, 8)),
            constant("segments", weights(2, 8)),
            constant("w", weights(8, 8)),
            constant("last", np.array([2])),
        ],
    )


def conv(shape, weight=None, **attributes):
    weight = weights(8, 3, 3, 3) if weight is None else weight
    return model(
        [h.make_node("Conv", ["x", "w"], ["y"], name="conv", **attributes)],
        [value("x", T.FLOAT, shape)],
        [value("y", T.FLOAT, None)],
        [constant("w", weight)],
    )


def decoder(mask_axis):
    """Past and new keys are joined; the mask must be as long as both together."""
    nodes = [
        h.make_node("Gather", ["words", "input_ids"], ["e"]),
        h.make_node("Unsqueeze", ["e", "one"], ["new"]),
        h.make_node("Concat", ["past_key_values.0.key", "new"], ["keys"], axis=2),
        h.make_node("Cast", ["attention_mask"], ["m"], to=T.FLOAT),
        h.make_node("Unsqueeze", ["m", "ends"], ["m4"]),
        h.make_node("Mul", ["keys", "m4"], ["y"]),
    ]
    return model(
        nodes,
        [
            value("input_ids", T.INT64, ["batch", "sequence_length"]),
            value("attention_mask", T.INT64, ["batch", mask_axis]),
            value("past_key_values.0.key", T.FLOAT, ["batch", 1, "past_sequence_length", 8]),
        ],
        [value("y", T.FLOAT, None)],
        [
            constant("words", weights(40, 8)),
            constant("one", np.array([1])),
            constant("ends", np.array([1, 3])),
        ],
    )


def branches(then_weight, else_weight):
    """The weights live in the branches of an If: one as an initializer, one as a Constant node."""
    then = h.make_graph(
        [h.make_node("MatMul", ["x", "wt"], ["t"], name="then_fc")],
        "then",
        [],
        [value("t", T.FLOAT, None)],
        [constant("wt", then_weight)],
    )
    other = h.make_graph(
        [
            h.make_node("Constant", [], ["we"], value=constant("", else_weight)),
            h.make_node("MatMul", ["x", "we"], ["o"], name="else_fc"),
        ],
        "else",
        [],
        [value("o", T.FLOAT, None)],
    )
    return model(
        [h.make_node("If", ["which"], ["y"], then_branch=then, else_branch=other, name="if")],
        [value("which", T.BOOL, []), value("x", T.FLOAT, ["n", 4])],
        [value("y", T.FLOAT, None)],
    )


def saved(folder, made, name="m.onnx"):
    path = folder / name
    path.write_bytes(made.SerializeToString())
    return path


def saved_outside(folder, made):
    """The model with its weights in weights.bin."""
    path = folder / "m.onnx"
    onnx.save_model(
        made,
        path,
        save_as_external_data=True,
        location="weights.bin",
        size_threshold=0,
        convert_attribute=False,
    )
    return path
