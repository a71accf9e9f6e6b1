import ml_dtypes
import numpy as np
import pytest
from onnx import TensorProto as T
from onnx import helper as h

from xbench.errors import InputError
from xbench.onnxfile.audit import audit

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
