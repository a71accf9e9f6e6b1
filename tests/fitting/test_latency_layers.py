"""What a layer of a file is, and files of one layer: against ONNX's own shapes and a second count of the work."""

from __future__ import annotations

import numpy as np
import onnx
import onnx.reference
import pytest
from latency_kit import CONV, DEPTHWISE, PRODUCT
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

from xbench.errors import InvalidError
from xbench.fitting.layers import layers_to_measure
from xbench.onnxfile.compute import node_work
from xbench.onnxfile.inference import infer_shapes
from xbench.onnxfile.one_layer import write_layer
from xbench.records.latency import LayerSignature

GEMM = LayerSignature(op_type="Gemm", dtype="float32", shape=(5,), transposed=True)
ALL = [
    (CONV, 6, 10),
    (DEPTHWISE, 8, 8),
    (CONV.model_copy(update={"groups": 2, "strides": (2, 1), "pads": (1, 0, 0, 1)}), 6, 4),
    (
        CONV.model_copy(update={"shape": (2, 9), "kernel": (3,), "strides": (2,), "pads": (0, 0), "dilations": (2,)}),
        3,
        5,
    ),
    (PRODUCT, 7, 3),
    (GEMM, 7, 3),
    (GEMM.model_copy(update={"transposed": False, "dtype": "float16"}), 7, 3),
]


@pytest.mark.parametrize(("signature", "inputs", "outputs"), ALL, ids=lambda one: getattr(one, "op_type", one))
@pytest.mark.parametrize("copies", [1, 3])
def test_a_file_holds_the_layer_so_often_as_asked(tmp_path, signature, inputs, outputs, copies):
    path = tmp_path / "layer.onnx"
    feeds = write_layer(path, signature, inputs, outputs, copies)
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    works = node_work(model, infer_shapes(model, {"x": feeds["x"].shape}))
    assert [work.macs for work in works] == [signature.macs(inputs, outputs)] * copies
    found = layers_to_measure(path, {"x": feeds["x"].shape})
    assert [(one.signature, one.inputs, one.outputs) for one in found] == [(signature, inputs, outputs)] * copies
    assert [one.macs for one in found] == [work.macs for work in works]
    weights = [nh.to_array(one) for one in model.graph.initializer]
    for array in weights:
        size = np.abs(array.astype(np.float64))
        assert size.min() >= np.finfo(array.dtype).tiny, "neither zero nor denormal"
        assert size.max() <= 1
    assert len({array.tobytes() for array in weights}) == len(weights), "equal weights would be merged"


def test_one_copy_more_adds_one_layer_to_the_sum(tmp_path):
    """The reference evaluator of ONNX: a chain of Gemm is x @ (w1 + w2 + w3) + bias."""
    path = tmp_path / "layer.onnx"
    feeds = write_layer(path, GEMM, 7, 3, 3)
    known = {one.name: nh.to_array(one) for one in onnx.load(path).graph.initializer}
    (out,) = onnx.reference.ReferenceEvaluator(str(path)).run(None, feeds)
    expected = feeds["x"] @ (known["w1"] + known["w2"] + known["w3"]).T + known["bias"]
    assert out == pytest.approx(expected, rel=1e-5)


def test_bfloat16_and_sizes_that_no_file_can_have(tmp_path):
    path = tmp_path / "layer.onnx"
    write_layer(path, CONV.model_copy(update={"dtype": "bfloat16"}), 4, 4, 2)
    onnx.checker.check_model(onnx.load(path), full_check=True)
    with pytest.raises(InvalidError, match=r"take 1\.5 GiB"):
        write_layer(path, PRODUCT, 1 << 14, 1 << 13, 3)
    with pytest.raises(ValueError, match="cannot be 8 x 4"):
        write_layer(path, DEPTHWISE, 8, 4, 1)


def constant(name, *shape):
    return nh.from_array(np.ones(shape, np.float32), name)


def test_layers_of_a_file_are_told_apart_and_what_has_no_table_says_why(tmp_path):
    nodes = [
        h.make_node("Conv", ["x", "a"], ["v1"], name="first", strides=[2, 2], auto_pad="SAME_UPPER"),
        h.make_node("Conv", ["v1", "b"], ["v2"], name="depthwise", group=8, pads=[1, 1, 1, 1]),
        h.make_node("Conv", ["v2", "c"], ["v3"], name="multiplied", group=8),
        h.make_node("ConvTranspose", ["v3", "d"], ["v4"], name="up"),
        h.make_node("MatMul", ["v4", "v4"], ["v5"], name="attention"),
        h.make_node("MatMul", ["v5", "e"], ["y"]),
    ]
    weights = [constant("a", 8, 3, 3, 3), constant("b", 8, 1, 3, 3), constant("c", 16, 1, 1, 1)]
    weights += [constant("d", 16, 2, 1, 1), constant("e", 4, 6)]
    x, y = h.make_tensor_value_info("x", T.FLOAT, ["n", 3, 7, 7]), h.make_tensor_value_info("y", T.FLOAT, None)
    graph = h.make_graph(nodes, "g", [x], [y], weights)
    path = tmp_path / "m.onnx"
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), path)
    found = {one.node: one for one in layers_to_measure(path, {"x": (2, 3, 7, 7)})}
    assert list(found) == ["first", "depthwise", "multiplied", "up", "attention", "y"]
    first, depthwise = found["first"], found["depthwise"]
    assert (first.signature.pads, first.signature.output_sizes()) == ((1, 1, 1, 1), (4, 4))
    assert (first.inputs, first.outputs, first.groups) == (3, 8, 1)
    assert (depthwise.signature.depthwise, depthwise.groups, depthwise.inputs) == (True, 8, 8)
    assert depthwise.macs == depthwise.signature.macs(8, 8)
    assert "several outputs" in found["multiplied"].missing
    assert "ConvTranspose" in found["up"].missing
    assert "two activations" in found["attention"].missing
    assert found["y"].signature.shape == (2, 2, 4)
    assert all((one.signature is None) == bool(one.missing) for one in found.values())


def opened(model):
    """The same with a batch and rows of any size."""
    del model.graph.input[0].type.tensor_type.shape.dim[:]
    for size in ("batch", "rows", 7):
        model.graph.input[0].type.tensor_type.shape.dim.add(**{"dim_value" if size == 7 else "dim_param": size})
    return model


def test_sizes_that_nobody_gave_are_a_reason(tmp_path):
    path = tmp_path / "layer.onnx"
    write_layer(path, PRODUCT, 7, 3, 1)
    onnx.save(opened(onnx.load(path)), path)
    (found,) = layers_to_measure(path, {})
    assert (found.signature, found.inputs, found.outputs) == (None, 7, 3)
    assert found.missing == "the shape of its input is not known: no shape is given of the input x"
    (known,) = layers_to_measure(path, {"x": (1, 4, 7)})
    assert known.signature == PRODUCT


def test_sizes_that_only_a_run_can_tell_are_seen_in_one(tmp_path):
    """The rows are counted from the input's values, which no inference of shapes follows."""
    pytest.importorskip("onnxruntime")
    nodes = [
        h.make_node("Greater", ["x", "least"], ["any"]),
        h.make_node("Cast", ["any"], ["ones"], to=T.INT64),
        h.make_node("ReduceSum", ["ones", "axes"], ["count"], keepdims=0),
        h.make_node("Concat", ["count", "one"], ["shape"], axis=0),
        h.make_node("Reshape", ["x", "shape"], ["column"]),
        h.make_node("MatMul", ["column", "w"], ["y"], name="product"),
    ]
    weights = [nh.from_array(np.asarray(-1e30, np.float32), "least"), nh.from_array(np.array([1]), "axes")]
    weights += [nh.from_array(np.array([1]), "one"), constant("w", 1, 6)]
    x, y = h.make_tensor_value_info("x", T.FLOAT, [1, "n"]), h.make_tensor_value_info("y", T.FLOAT, None)
    path = tmp_path / "m.onnx"
    graph = h.make_graph(nodes, "g", [x], [y], weights)
    onnx.save(h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8), path)
    assert "column" not in infer_shapes(onnx.load(path), {"x": (1, 20)})
    (found,) = layers_to_measure(path, {"x": (1, 20)})
    assert (found.signature.shape, found.macs) == ((20,), 20 * 6)
