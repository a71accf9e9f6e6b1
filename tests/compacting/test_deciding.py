"""What can go and what stays, on small graphs; each plan is also carried out, and gives the same outputs."""

import numpy as np
import pytest
from deciding_kit import Net, narrowed, planned, reasons, shapes_of
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

from xbench.compacting.coupling import Coupling
from xbench.compacting.deciding import plan_of
from xbench.compacting.known import known_values
from xbench.compacting.plan import Carry, Fold
from xbench.compacting.rules_layout import segments_of


def test_a_dense_graph_loses_nothing():
    net = Net(6)
    plan = planned(net, net.linear(net.add("Relu", net.linear("x", 6, 5)), 5, 4))
    assert (plan.values, plan.constants, plan.gone, plan.stays) == ({}, {}, (), ())


def test_convolution_batch_norm_and_what_reads_them():
    net = Net(3, 8, 8)
    first = net.add("Conv", "x", net.drawn(6, 3, 3, 3, zero=[1, 4]), net.drawn(6, zero=[1, 4]), pads=[1, 1, 1, 1])
    scale, shift, mean = (net.drawn(6, zero=[1, 4]) for _ in range(3))
    norm = net.add("BatchNormalization", first, scale, shift, mean, np.abs(net.drawn(6)))
    deep = net.add("Conv", net.add("Relu", norm), net.drawn(6, 1, 3, 3, zero=[1, 4]), group=6, pads=[1, 1, 1, 1])
    pooled = net.add(
        "Flatten", net.add("GlobalAveragePool", net.conv(net.add("MaxPool", deep, kernel_shape=[2, 2]), 6, 5))
    )
    plan = planned(net, net.linear(pooled, 5, 2))
    kept = [0, 2, 3, 5]
    assert [narrowed(plan, 0, place) for place in (1, 2)] == [{0: kept}, {0: kept}]
    assert [narrowed(plan, 1, place) for place in (1, 2, 3, 4)] == [{0: kept}] * 4
    assert narrowed(plan, 3) == {0: kept}
    assert narrowed(plan, 5) == {1: kept}
    (gone,) = plan.gone
    assert gone.nodes == ("conv0", "conv3", "conv5")
    assert (gone.unit, gone.before, gone.after, gone.why) == ("channels", 6, 4, ("zero",))


def test_a_sum_loses_what_is_zero_in_both_parts():
    net = Net(3, 4, 4)
    left, right = net.conv("x", 3, 6, zero=[0, 1, 2]), net.conv("x", 3, 6, zero=[1, 2, 5])
    plan = planned(net, net.conv(net.add("Relu", net.add("Add", left, right)), 6, 2))
    assert narrowed(plan, 4) == {1: [0, 3, 4, 5]}
    assert reasons(plan) == {
        ("conv0", 1): "zeroed here, and not in 'conv1' (Conv), to which it is added",
        ("conv1", 1): "zeroed here, and not in 'conv0' (Conv), to which it is added",
    }


def test_what_is_multiplied_by_zero_goes():
    """A gated network: the gate is zero for two neurons, and the other half for a third."""
    net = Net(4)
    gate, up = net.linear("x", 4, 6, zero=[0, 1]), net.linear("x", 4, 6, zero=[5])
    plan = planned(net, net.linear(net.add("Mul", net.add("Tanh", gate), up), 6, 3))
    assert [narrowed(plan, node) for node in (0, 1, 4)] == [{1: [2, 3, 4]}, {1: [2, 3, 4]}, {0: [2, 3, 4]}]


def test_what_nothing_heeds_goes_though_it_is_no_zero():
    net = Net(4)
    plan = planned(net, net.linear(net.add("Relu", net.linear("x", 4, 6)), 6, 3, unread=[0, 3]))
    assert narrowed(plan, 0) == {1: [1, 2, 4, 5]}
    assert plan.gone[0].why == ("unread",)


def test_a_constant_neuron_becomes_bias():
    net = Net(4)
    bias = np.array([0.5, 1.5, -2, 3, 4], np.float32)
    hidden = net.add("Gemm", "x", net.drawn(5, 4, zero=[1, 2]), bias, transB=1)
    plan = planned(net, net.add("Gemm", net.add("Relu", hidden), net.drawn(3, 5), net.drawn(3), transB=1))
    (fold,) = plan.folds
    assert isinstance(fold, Fold)
    assert (fold.node, fold.place, fold.gone.tolist(), fold.values.tolist()) == (2, 0, [1], [1.5])
    assert narrowed(plan, 2) == {1: [0, 3, 4]}
    assert plan.gone[0].why == ("zero", "constant")


def constant_channels(**attributes):
    net = Net(3, 5, 5)
    bias = np.array([1, 2, 0, 4, -3], np.float32)
    hidden = net.add("Conv", "x", net.drawn(5, 3, 1, 1, zero=[1, 2, 3, 4]), bias)
    weight = net.drawn(2, 5, 3, 3)
    return planned(net, net.add("Conv", hidden, weight, **attributes))


def test_constant_channels_become_bias_where_nothing_is_padded():
    plan = constant_channels()
    assert plan.carries == ()
    (fold,) = plan.folds
    assert (fold.gone.tolist(), fold.values.tolist()) == ([1, 3, 4], [2, 4, -3])


def test_one_constant_channel_carries_the_others_across_padding():
    plan = constant_channels(pads=[1, 1, 1, 1])
    (carry,) = plan.carries
    assert isinstance(carry, Carry)
    assert plan.folds == ()
    assert (carry.node, carry.carrier, carry.gone.tolist(), carry.factors.tolist()) == (1, 3, [1, 4], [0.5, -0.75])
    assert narrowed(plan, 1) == {1: [0, 3]}
    assert [(stay.node, stay.units) for stay in plan.stays] == [("conv0", 1)]


def test_groups_stay_and_a_transposed_convolution_goes():
    net = Net(4, 4, 4)
    grouped = net.add("Conv", net.conv("x", 4, 4, zero=[0]), net.drawn(4, 2, 1, 1), group=2)
    plan = planned(net, net.conv(grouped, 4, 2))
    assert plan.gone == ()
    assert reasons(plan) == {("conv0", 1): "the convolution 'conv1' (Conv) has groups"}
    net = Net(4, 4, 4)
    wide = net.add(
        "ConvTranspose", net.conv("x", 4, 5, zero=[2]), net.drawn(5, 6, 2, 2, zero=[0, 1], axis=1), strides=[2, 2]
    )
    plan = planned(net, net.conv(wide, 6, 2))
    assert narrowed(plan, 1) == {0: [0, 1, 3, 4], 1: [2, 3, 4, 5]}


@pytest.mark.parametrize(
    ("op_type", "attributes", "words"),
    [
        ("LayerNormalization", {}, "normalises over them"),
        ("Softmax", {"axis": -1}, "normalises over them"),
        ("ReduceMean", {"axes": [-1]}, "works over all of them"),
        ("ReduceMax", {"axes": [-1]}, "works over all of them"),
        ("ReverseSequence", {}, "operator ReverseSequence of node 'reversesequence1' is not understood"),
        ("Einsum", {"equation": "...c->...c"}, "the equation of node 'einsum1' (Einsum) is not understood"),
    ],
)
def test_what_works_along_an_axis_keeps_it(op_type, attributes, words):
    net = Net(5, 4)
    hidden = net.linear("x", 4, 6, zero=[0, 1])
    more = {"LayerNormalization": [np.ones(6, np.float32)], "ReverseSequence": [np.ones(5, np.int64)]}.get(
        op_type, []
    )
    made = net.add(op_type, hidden, *more, **attributes)
    plan = planned(net, net.linear(made, 6, 2) if op_type in ("LayerNormalization", "Softmax") else made)
    assert plan.gone == ()
    assert [stay.units for stay in plan.stays] == [2]
    assert words in plan.stays[0].reason


def test_other_axes_go_through():
    """Softmax over time, a mean over time, and a sum over the channels themselves."""
    net = Net(5, 4)
    hidden = net.add("Softmax", net.linear("x", 4, 6, unread=()), axis=1)
    hidden = net.add("Mul", hidden, net.drawn(6, zero=[0, 1]))
    mean = net.add("ReduceMean", hidden, axes=[1], keepdims=0)
    plan = planned(net, net.add("ReduceSum", mean, np.array([1]), keepdims=0))
    assert narrowed(plan, 0) == {1: [2, 3, 4, 5]}
    assert narrowed(plan, 2) == {0: [2, 3, 4, 5]}


def head_columns(heads, of, size):
    return [head * size + at for head in heads for at in range(size) if head < of]


def attention(net, heads, size, dead, kv=None, flat=False):
    """Heads of queries, and of keys and values (fewer with `kv`, each for several); values of `dead` are zero."""
    width, kv = heads * size, kv or heads

    def split(data, count, order):
        return net.add("Transpose", net.add("Reshape", data, np.array([0, 0, count, size])), perm=order)

    def repeated(data, *shape):
        if kv == heads:
            return data
        wide = net.add("Unsqueeze", data, np.array([2]))
        wide = net.add("Expand", wide, np.array([1, kv, heads // kv, *shape]))
        return net.add("Reshape", wide, np.array([0, heads, *shape]))

    def flattened(data, *shape):
        return net.add("Reshape", data, np.array([-1, *shape])) if flat else data

    queries = split(net.linear("x", 8, width), heads, [0, 2, 1, 3])
    keys = repeated(split(net.linear("x", 8, kv * size), kv, [0, 2, 3, 1]), size, 5)
    values = net.linear("x", 8, kv * size, zero=head_columns(dead, kv, size))
    values = repeated(split(values, kv, [0, 2, 1, 3]), 5, size)
    if flat:
        queries, keys, values = flattened(queries, 5, size), flattened(keys, size, 5), flattened(values, 5, size)
    context = net.add("MatMul", net.add("Softmax", net.add("MatMul", queries, keys), axis=-1), values)
    if flat:
        context = net.add("Reshape", context, np.array([-1, heads, 5, size]))
    joined = net.add("Reshape", net.add("Transpose", context, perm=[0, 2, 1, 3]), np.array([0, 0, width]))
    return net.linear(joined, width, 8, unread=head_columns(dead, heads, size) if flat else ())


@pytest.mark.parametrize("flat", [False, True])
def test_heads_go_whole(flat):
    """Queries and keys of a head go with its values; also where batch and heads are one axis in between.

    What is zero is not followed through such an axis: there the last layer does not heed the heads.
    """
    net = Net(5, 8)
    plan = planned(net, attention(net, 4, 3, dead=[0, 2], flat=flat))
    kept = [3, 4, 5, 9, 10, 11]
    linear = [at for at, node in enumerate(net.nodes) if node.op_type == "MatMul" and node.input[1].startswith("c")]
    assert [narrowed(plan, node) for node in linear] == [{1: kept}, {1: kept}, {1: kept}, {0: kept}]
    assert [(gone.unit, gone.before, gone.after) for gone in plan.gone] == [("heads", 4, 2)]


def test_heads_beside_a_batch_of_a_fixed_size():
    """[2, heads, time, size] made into [2 x heads, time, size]: not the batch is what goes."""
    net = Net(5, 8)
    out = attention(net, 4, 3, dead=[0, 2], flat=True)
    model = net.model(out)
    fixed = {name: shapes[:1] for name, shapes in shapes_of(model, net.shape).items()}
    plan = plan_of(model, fixed, known_values(model, fixed))
    assert [(gone.unit, gone.before, gone.after) for gone in plan.gone] == [("heads", 4, 2)]


def test_heads_that_share_keys_go_together():
    net = Net(5, 8)
    plan = planned(net, attention(net, 6, 2, dead=[1], kv=3))
    assert narrowed(plan, 0) == {1: [0, 1, 2, 3, 8, 9, 10, 11]}
    assert plan.gone[0].after == 2


def test_part_of_a_head_stays():
    net = Net(5, 8)
    hidden = net.add("Reshape", net.linear("x", 8, 6, zero=[0, 1]), np.array([0, 0, 2, 3]))
    plan = planned(net, net.linear(net.add("Reshape", net.add("Relu", hidden), np.array([0, 0, 6])), 6, 2))
    assert plan.gone == ()
    assert [stay.units for stay in plan.stays] == [2]


@pytest.mark.parametrize("kinds", [[0, 1, 2], [2]])
def test_queries_keys_and_values_in_one_layer(kinds):
    """[batch, time, 3, heads, size]: not the outermost of the three axes is what goes. The values alone will do."""
    net = Net(5, 8)
    dead = [kind * 6 + 2 + at for kind in kinds for at in range(2)]
    packed = net.add("Reshape", net.linear("x", 8, 18, zero=dead), np.array([0, 0, 3, 3, 2]))
    packed = net.add("Transpose", packed, perm=[2, 0, 3, 1, 4])
    queries, keys, values = (net.add("Gather", packed, np.array(kind), axis=0) for kind in range(3))
    scores = net.add("MatMul", queries, net.add("Transpose", keys, perm=[0, 1, 3, 2]))
    context = net.add("MatMul", net.add("Softmax", scores, axis=-1), values)
    joined = net.add("Reshape", net.add("Transpose", context, perm=[0, 2, 1, 3]), np.array([0, 0, 6]))
    plan = planned(net, net.linear(joined, 6, 3))
    assert narrowed(plan, 0) == {1: [0, 1, 4, 5, 6, 7, 10, 11, 12, 13, 16, 17]}
    assert [(gone.unit, gone.before, gone.after) for gone in plan.gone] == [("heads", 3, 2)]


def test_values_beside_their_queries_and_keys():
    """[batch, time, heads, 3 x size]: the heads go, though only a part of what each has in that layer is zero."""
    net = Net(5, 8)
    dead = [head * 6 + 4 + at for head in (0, 2) for at in range(2)]
    packed = net.add("Reshape", net.linear("x", 8, 18, zero=dead), np.array([0, 0, 3, 6]))
    packed = net.add("Transpose", packed, perm=[0, 2, 1, 3])
    queries, keys, values = net.add("Split", packed, np.array([2, 2, 2]), out=3, axis=3)
    scores = net.add("MatMul", queries, net.add("Transpose", keys, perm=[0, 1, 3, 2]))
    context = net.add("MatMul", net.add("Softmax", scores, axis=-1), values)
    joined = net.add("Reshape", net.add("Transpose", context, perm=[0, 2, 1, 3]), np.array([0, 0, 6]))
    plan = planned(net, net.linear(joined, 6, 3))
    assert narrowed(plan, 0) == {1: list(range(6, 12))}


def test_concat_split_slice_and_gather_map_along_the_axis():
    net = Net(4)
    joined = net.add("Concat", net.linear("x", 4, 3, zero=[0]), net.linear("x", 4, 5, zero=[1, 4]), axis=1)
    left, right = net.add("Split", joined, np.array([4, 4]), out=2, axis=1)
    part = net.add("Slice", right, np.array([1]), np.array([4]), np.array([1]))
    picked = net.add("Gather", left, np.array([3, 1, 0]), axis=1)
    plan = planned(net, net.linear(part, 3, 2), net.linear(picked, 3, 2))
    assert narrowed(plan, 0) == {1: [1]}, "nothing takes the third, and the first is zero"
    assert narrowed(plan, 1) == {1: [0, 2, 3]}, "the second is not looked at, or zero"
    assert {axis: kept for axis, kept in narrowed(plan, 6).items()} == {0: [0, 1]}


def test_flattened_channels_take_their_places_with_them():
    net = Net(3, 2, 2)
    flat = net.add("Flatten", net.conv("x", 3, 4, zero=[1]))
    plan = planned(net, net.linear(flat, 16, 3))
    assert narrowed(plan, 2) == {0: [0, 1, 2, 3, *range(8, 16)]}


def test_the_signature_stays():
    net = Net(4)
    plan = planned(net, net.linear("x", 4, 3, zero=[0], unread=[2]))
    assert plan.gone == ()
    assert [stay.reason for stay in plan.stays] == [
        "the graph's output 'matmul0_y' has them",
        "the graph's input 'x' has them",
    ]


def test_one_of_an_axis_stays():
    net = Net(4)
    plan = planned(net, net.linear(net.linear("x", 4, 5), 5, 2, unread=range(5)))
    assert narrowed(plan, 0) == {1: [0]}
    assert reasons(plan)["matmul1", 1] == "one of them has to stay"


def test_a_weight_of_two_layers_goes_where_both_agree():
    net = Net(4)
    weight = net.constant(net.drawn(4, 5, zero=[0, 1], axis=1))
    one = net.linear(net.add("Relu", net.add("MatMul", "x", weight)), 5, 2)
    bias = np.array([0, 1, 0, 0, 0], np.float32)
    other = net.add("Softmax", net.add("Add", net.add("MatMul", "x", weight), bias), axis=0)
    plan = planned(net, one, net.linear(other, 5, 2, unread=[0]))
    assert narrowed(plan, 0) == narrowed(plan, 3) == {1: [1, 2, 3, 4]}
    assert reasons(plan)["matmul0", 1].endswith("; its weights are shared by 'matmul0' and 'matmul3'")


def test_a_small_constant_of_two_layers_goes_where_it_may():
    net = Net(4)
    bias = net.constant(np.zeros(5, np.float32))
    one = net.add("Add", net.linear("x", 4, 5, zero=[3]), bias)
    plan = planned(net, net.linear(one, 5, 2), net.add("Add", net.linear("x", 4, 5), bias))
    assert narrowed(plan, 1) == {0: [0, 1, 2, 4]}
    assert narrowed(plan, 4) == {}


def test_what_a_branch_reads_stays():
    net = Net(4)
    hidden, other = net.linear("x", 4, 5, zero=[0]), net.linear("x", 4, 5, zero=[1])
    inner = h.make_node("Relu", [hidden], ["inner"])
    branches = {
        f"{which}_branch": h.make_graph([inner], which, [], [h.make_tensor_value_info("inner", T.FLOAT, None)])
        for which in ("then", "else")
    }
    chosen = net.add("If", net.add("Equal", np.array(1), np.array(1)), **branches)
    plan = planned(net, net.linear(net.add("Relu", other), 5, 2), chosen)
    assert narrowed(plan, 1) == {1: [0, 2, 3, 4]}
    assert reasons(plan)["matmul0", 1] == "they are read inside node 'if3' (If)"


def test_weights_in_a_branch_are_left_alone():
    net = Net(4)
    inner = h.make_node("MatMul", ["x", net.constant(net.drawn(4, 5, zero=[0], axis=1))], ["inner"], name="deep")
    body = h.make_graph([inner], "b", [], [h.make_tensor_value_info("inner", T.FLOAT, None)])
    chosen = net.add("If", net.add("Equal", np.array(1), np.array(1)), then_branch=body, else_branch=body)
    plan = planned(net, chosen)
    assert reasons(plan) == {("deep", 1): "it lies inside node 'if1' (If), where nothing is taken out"}


def quantised(zero_point):
    net = Net(4, opset=19)
    stored = np.full((4, 5), 9, np.uint8)
    stored[:, [0, 2]] = zero_point
    stored[:, 1] = 0
    points, scales = np.full(5, zero_point, np.uint8), np.full(5, 0.5, np.float32)
    weight = net.add("DequantizeLinear", stored, scales, points, axis=1)
    return net, net.linear(net.add("Relu", net.add("MatMul", "x", weight)), 5, 2)


def test_quantised_weights_go_with_their_scales_and_zero_points():
    plan = planned(*quantised(3))
    assert [narrowed(plan, 0, place) for place in (0, 1, 2)] == [{1: [1, 3, 4]}, {0: [1, 3, 4]}, {0: [1, 3, 4]}]
    assert reasons(plan) == {
        ("matmul1", 1): "its quantised weights are stored as 0, which is not their zero point: they are not zero"
    }


def test_an_operator_in_int8_is_not_understood():
    net = Net(4, 2, 2, opset=19)
    weight = net.random.integers(1, 9, (5, 4, 1, 1)).astype(np.uint8)
    weight[1] = 0
    one, zero = np.float32(0.1), np.uint8(0)
    data = net.add("QuantizeLinear", "x", np.asarray(one), np.asarray(zero))
    out = net.add(
        "QLinearConv", data, *map(np.asarray, (one, zero)), weight, *map(np.asarray, (one, zero, one, zero))
    )
    plan = planned(net, net.add("DequantizeLinear", out, np.asarray(one)))
    assert reasons(plan) == {("qlinearconv1", 1): "operator QLinearConv is not understood"}


def test_a_constant_that_can_be_fed_instead_is_an_input():
    net = Net(4)
    model = net.model(net.linear(net.linear("x", 4, 5, zero=[0]), 5, 2))
    model.graph.input.append(h.make_tensor_value_info("c0", T.FLOAT, [4, 5]))
    shapes = shapes_of(model, (4,))
    plan = plan_of(
        model, shapes, {name: nh.to_array(each) for each in model.graph.initializer for name in [each.name]}
    )
    assert plan.constants == {}


def test_runs_of_axes_in_a_reshape():
    """Two sizings tell open axes apart: batch is 2 and 3, time 4 and 4 x 3 / 2 = 6."""
    batch, time = (2, 3), (4, 6)
    assert segments_of([batch, time, (12, 12)], [batch, time, (3, 3), (4, 4)]) == [
        ([0], [0]),
        ([1], [1]),
        ([2], [2, 3]),
    ]
    assert segments_of([batch, (1, 1), time], [(8, 18)]) == [([0, 2], [0])]
    assert segments_of([(6, 6), (4, 4)], [(3, 3), (8, 8)]) == [([0, 1], [0, 1])]
    assert segments_of([(2, 3)], [(2, 2)]) is None


def test_axes_of_other_sizes_hold_each_other():
    coupling = Coupling()
    assert not coupling.relate(coupling.fresh(2), coupling.fresh(3))
    assert sorted(int(each) for ids, _ in coupling.pins for each in ids) == [0, 1, 2, 3, 4]


def test_the_order_of_what_is_told_does_not_change():
    net = Net(3, 5, 5)
    hidden = net.conv("x", 3, 6, zero=[0, 5])
    model = net.model(net.conv(net.add("Relu", hidden), 6, 2))
    shapes = shapes_of(model, net.shape)
    one, other = (plan_of(model, shapes, known_values(model, shapes)) for _ in range(2))
    assert (list(one.values), list(one.constants), one.gone) == (
        list(other.values),
        list(other.constants),
        other.gone,
    )
