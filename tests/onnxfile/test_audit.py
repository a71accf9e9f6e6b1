import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto as T
from onnx import helper as h

from xbench.errors import InputError
from xbench.onnxfile.audit import audit
from xbench.onnxfile.opening import open_model
from xbench.records.audit import LayerAudit, SparsityAudit

from . import models

V = models.value


def only_layer(made):
    (layer,) = audit(made).layers
    return layer


def graph_of(nodes, initializers, shape=("n", 4), dtype=T.FLOAT):
    return models.model(nodes, [V("x", dtype, list(shape))], [V("y", T.FLOAT, None)], initializers, opset=21)


def test_zeros_and_dead_neurons_of_a_matmul():
    weight = np.ones((4, 3), np.float32)
    weight[:, 1] = 0
    weight[0, 0] = -0.0
    layer = only_layer(models.linear(weight=weight))
    assert (layer.node, layer.weight, layer.shape) == ("fc", "w", (4, 3))
    assert (layer.elements, layer.zeros, layer.zero_outputs) == (12, 5, 1)


@pytest.mark.parametrize("transposed", [0, 1])
def test_gemm_minds_transb(transposed):
    weight = np.ones((8, 4), np.float32)  # [K, N]
    weight[::2] = 0  # 2:4 along K
    weight[:, 3] = 0
    stored = weight.T if transposed else weight
    node = h.make_node("Gemm", ["x", "w"], ["y"], transB=transposed)
    layer = only_layer(graph_of([node], [models.constant("w", stored)], ("n", 8)))
    assert (layer.zero_outputs, layer.valid_2_4) == (1, True)


def test_two_of_four_goes_along_the_reduced_axis():
    weight = np.ones((4, 4), np.float32)
    weight[:, :2] = 0  # two whole neurons: 2:4 along the wrong axis
    assert only_layer(models.linear(weight=weight)).valid_2_4 is False
    assert only_layer(models.linear(weight=weight.T)).valid_2_4 is True
    assert only_layer(models.linear(weight=np.ones((6, 4), np.float32))).valid_2_4 is None


def test_convolutions():
    weight = np.ones((6, 8, 3, 3), np.float32)
    weight[:, ::2] = 0
    weight[2] = 0
    layer = only_layer(models.conv([1, 8, 9, 9], weight))
    assert (layer.zero_outputs, layer.valid_2_4) == (1, True)
    deconv = np.ones((8, 3, 2, 2), np.float32)  # [C, M/group, k, k], 2 groups: 6 outputs
    deconv[:4, 1] = 0
    node = h.make_node("ConvTranspose", ["x", "w"], ["y"], group=2)
    layer = only_layer(graph_of([node], [models.constant("w", deconv)], (1, 8, 5, 5)))
    assert (layer.zero_outputs, layer.valid_2_4) == (1, False)


def test_weights_behind_constant_nodes_casts_and_transposes():
    weight = np.zeros((3, 4), np.float16)
    weight[0] = 1
    nodes = [
        h.make_node("Constant", [], ["c"], value=models.constant("", weight)),
        h.make_node("Cast", ["c"], ["f"], to=T.FLOAT),
        h.make_node("Identity", ["f"], ["i"]),
        h.make_node("Transpose", ["i"], ["t"], perm=[1, 0]),
        h.make_node("MatMul", ["x", "t"], ["y"]),
    ]
    layer = only_layer(graph_of(nodes, []))
    assert (layer.weight, layer.shape, layer.zeros, layer.zero_outputs) == ("c", (4, 3), 8, 2)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, ml_dtypes.int4])
def test_a_quantised_weight_is_zero_at_its_zero_point(dtype):
    weight = np.full((4, 3), 5, dtype)
    weight[:, 0] = 2
    weight[0, 1] = 0
    points = np.array([2, 0, 5], dtype)
    nodes = [
        h.make_node("DequantizeLinear", ["q", "s", "z"], ["w"], axis=1),
        h.make_node("MatMul", ["x", "w"], ["y"]),
    ]
    constants = [
        models.constant("q", weight),
        models.constant("s", np.ones(3, np.float32)),
        models.constant("z", points),
    ]
    layer = only_layer(graph_of(nodes, constants))
    assert (layer.weight, layer.zeros, layer.zero_outputs) == ("q", 4 + 1 + 4, 2)


def test_a_forgotten_mask_counts():
    mask = np.ones((4, 3), np.float32)
    mask[:2] = 0
    nodes = [h.make_node("Mul", ["w_orig", "w_mask"], ["w"]), h.make_node("MatMul", ["x", "w"], ["y"])]
    constants = [models.constant("w_orig", models.weights(4, 3)), models.constant("w_mask", mask)]
    assert only_layer(graph_of(nodes, constants)).zeros == 6


def test_branches_of_an_if():
    weight = models.weights(4, 2)
    weight[0] = 0
    found = audit(models.branches(weight, np.zeros((4, 3), np.float32)))
    assert {layer.node: layer.zeros for layer in found.layers} == {"then_fc": 2, "else_fc": 12}
    assert found.sparsity == 14 / 20


def test_a_local_function():
    body = h.make_function(
        "mine",
        "Linear",
        ["a", "w"],
        ["b"],
        [h.make_node("MatMul", ["a", "w"], ["b"])],
        [h.make_opsetid("", 17)],
    )
    made = models.model(
        [h.make_node("Linear", ["x", "w"], ["y"], domain="mine")],
        [V("x", T.FLOAT, [1, 4])],
        [V("y", T.FLOAT, None)],
        [models.constant("w", np.zeros((4, 3), np.float32))],
        functions=[body],
    )
    made.opset_import.add(domain="mine", version=1)
    assert only_layer(made).zeros == 12


def test_a_shared_weight_counts_once_and_denormals_are_counted():
    weight = models.weights(4, 4)
    weight[0, :2] = (1e-40, 0)
    nodes = [h.make_node("MatMul", ["x", "w"], ["h"]), h.make_node("MatMul", ["h", "w"], ["y"])]
    half = models.constant("half", np.full(3, 1e-7, np.float16))
    found = audit(graph_of(nodes, [models.constant("w", weight), half]))
    assert len(found.layers) == 2
    assert (found.elements, found.zeros, found.parameters, found.denormals) == (16, 1, 19, 1)


def test_hostile_constants():
    short = models.linear()
    short.graph.initializer[0].raw_data = b"1234"
    with pytest.raises(InputError, match="does not fit its shape 4x3"):
        audit(short)
    circle = graph_of([h.make_node("Identity", ["w"], ["w"]), h.make_node("MatMul", ["x", "w"], ["y"])], [])
    assert not audit(circle).layers


def test_a_mask_left_in_the_graph_is_named_whichever_side_it_is_on():
    mask = np.ones((8, 3), np.float32)
    mask[:4] = 0
    for order in (["w_orig", "w_mask"], ["w_mask", "w_orig"]):
        nodes = [h.make_node("Mul", order, ["w"]), h.make_node("MatMul", ["x", "w"], ["y"])]
        constants = [models.constant("w_orig", models.weights(8, 3)), models.constant("w_mask", mask)]
        layer = only_layer(graph_of(nodes, constants, ("n", 8)))
        assert (layer.weight, layer.unmerged_mask, layer.zeros, layer.zero_inputs) == ("w_orig", "w_mask", 12, 4)
        assert layer.pattern == "channels"


def test_a_scale_is_no_mask():
    nodes = [h.make_node("Mul", ["w0", "s"], ["w"]), h.make_node("MatMul", ["x", "w"], ["y"])]
    constants = [models.constant("w0", models.weights(4, 3)), models.constant("s", np.full(3, 0.5, np.float32))]
    assert only_layer(graph_of(nodes, constants)).unmerged_mask == ""


def test_a_cast_to_a_narrower_type_makes_zeros():
    weight = np.full((4, 3), 1e-9, np.float32)
    weight[0] = 1
    nodes = [h.make_node("Cast", ["w0"], ["w"], to=T.FLOAT16), h.make_node("MatMul", ["x", "w"], ["y"])]
    assert only_layer(graph_of(nodes, [models.constant("w0", weight)], dtype=T.FLOAT16)).zeros == 9


def test_weights_in_the_body_of_a_loop_and_in_external_data(tmp_path):
    weight = np.zeros((4, 4), np.float32)
    weight[::2] = 1
    body = h.make_graph(
        [h.make_node("MatMul", ["state", "w"], ["next"], name="step"), h.make_node("Identity", ["go"], ["on"])],
        "body",
        [V("number", T.INT64, []), V("go", T.BOOL, []), V("state", T.FLOAT, None)],
        [V("on", T.BOOL, []), V("next", T.FLOAT, None)],
        [models.constant("w", weight)],
    )
    times = [models.constant("times", np.array(3)), models.constant("true", np.array(True))]
    looped = graph_of([h.make_node("Loop", ["times", "true", "x"], ["y"], body=body)], times)
    assert [(layer.node, layer.zeros) for layer in audit(looped).layers] == [("step", 8)]
    outside = open_model(models.saved_outside(tmp_path, models.linear(weight=weight)))
    assert only_layer(outside).zeros == 8


def heads_model(split, zeroed=(), parts=1):
    """A projection of 24 inputs to `parts` x 6 heads of 4, with a bias, split as `split` says."""
    weight = models.weights(24, 24 * parts)
    for head in zeroed:
        weight[:, head * 4 : head * 4 + 4] = 0
    nodes = [h.make_node("MatMul", ["x", "w"], ["p"], name="query"), h.make_node("Add", ["b", "p"], ["q"])]
    last = "q"
    if parts > 1:
        nodes.append(h.make_node("Split", ["q", "sizes"], ["q0", "k0", "v0"], axis=-1))
        last = "q0"
    nodes += [
        h.make_node("Reshape", [last, "shape"], ["r"]),
        h.make_node("Transpose", ["r"], ["y"], perm=[0, 2, 1, 3]),
    ]
    constants = [
        models.constant("w", weight),
        models.constant("b", models.weights(24 * parts)),
        models.constant("shape", np.array(split)),
        models.constant("sizes", np.array([24] * 3)),
    ]
    return graph_of(nodes, constants, ("n", 5, 24))


@pytest.mark.parametrize("split", [[0, 0, 6, 4], [0, 0, -1, 4], [0, 0, 6, -1]])
def test_zeroed_heads_are_counted_where_the_graph_shows_the_split(split):
    layer = only_layer(heads_model(split, zeroed=(1, 4)))
    assert (layer.heads, layer.zero_heads, layer.zero_outputs, layer.pattern) == (6, 2, 8, "heads")


def test_heads_of_a_product_for_q_k_and_v_together():
    layer = only_layer(heads_model([0, 0, 6, 4], zeroed=(1, 7), parts=3))
    assert (layer.heads, layer.zero_heads) == (18, 2)


def test_what_a_width_is_aligned_to_and_what_is_dead_on_both_sides():
    weight = models.weights(48, 96)
    weight[:, :5] = 0
    weight[:7] = 0
    layer = only_layer(models.linear(weight=weight))
    assert (layer.inputs, layer.outputs, layer.zero_inputs, layer.zero_outputs) == (48, 96, 7, 5)
    assert (layer.input_alignment, layer.output_alignment) == (16, 32)
    conv = np.ones((6, 4, 3, 3), np.float32)  # 2 groups of 4 inputs
    conv[:3, 1] = 0
    found = only_layer(models.conv([1, 8, 9, 9], conv, group=2))
    assert (found.inputs, found.zero_inputs, found.pattern) == (8, 1, "channels")


def test_records_from_before_these_fields_load():
    old = audit(models.linear()).model_dump()
    new = set(LayerAudit.model_fields) - {
        *("node", "op_type", "weight", "shape", "elements", "zeros", "zero_outputs", "valid_2_4", "dtype")
    }
    for field in new:
        del old["layers"][0][field]
    del old["pattern"], old["missing_modules"]
    loaded = SparsityAudit.model_validate(old)
    assert (loaded.pattern, loaded.layers[0].pattern, loaded.layers[0].block) == ("", "", None)
