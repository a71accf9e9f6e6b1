"""What is known of values whatever is fed, against what ONNX Runtime computes."""

from __future__ import annotations

import numpy as np
import pytest
from small_graphs import Running, drawn, graph, run

from xbench.compacting.known import known_values
from xbench.compacting.sizing import sized

pytest.importorskip("onnxruntime")


def known_and_proven(model):
    """What is known; each number of it is compared with what comes out at both sizings, for inputs at random."""
    sizing = sized(model, Running(model))
    known = known_values(model, sizing.shapes)
    for feeds in sizing.feeds:
        for name, array in run(model, feeds, every=True).items():
            if name in known:
                assert known[name].ndim == array.ndim, name
                told = np.broadcast_to(known[name], array.shape)
                there = ~np.isnan(told.astype(np.float64))
                np.testing.assert_allclose(array[there], told[there], rtol=1e-4, atol=1e-5, err_msg=name)
    return known


def places(array):
    """Where something is known, in one row."""
    return np.flatnonzero(~np.isnan(array.astype(np.float64))).tolist()


def conv(pads, **more):
    weights = {"w": drawn(4, 3, 3, 3, zero=[1]), "b": drawn(4), "v": drawn(5, 4, 3, 3, seed=1), **more}
    nodes = [("Conv", "x w b", "a"), ("Relu", "a", "r"), ("Conv", "r v", "y", {"pads": pads})]
    return graph(nodes, [("x", ["n", 3, 9, 9])], ["y"], weights)


def test_a_zeroed_channel_is_its_bias_and_goes_through_what_keeps_it():
    known = known_and_proven(conv([0] * 4, b=np.float32([1, 2, 3, 4])))
    assert known["a"].shape == (1, 4, 1, 1)
    assert places(known["r"]) == [1]
    assert known["r"][0, 1, 0, 0] == 2


@pytest.mark.parametrize(("pads", "expected"), [([0] * 4, [3]), ([1] * 4, [])])
def test_a_constant_that_is_not_zero_ends_at_the_border(pads, expected):
    only = np.zeros((5, 4, 3, 3), np.float32)
    only[:] = drawn(5, 4, 3, 3, seed=2)
    only[3, [0, 2, 3]] = 0
    known = known_and_proven(conv(pads, v=only, b=np.float32([1, 2, 3, 4])))
    assert (places(known["y"]) if "y" in known else []) == expected


def test_groups_of_channels_are_summed_apart():
    weights = {"w": drawn(6, 2, 1, 1, zero=[0, 1]), "d": drawn(6, 1, 3, 3), "t": drawn(6, 2, 2, 2)}
    nodes = [
        ("Conv", "x w", "a", {"group": 2}),
        ("Conv", "a d", "b", {"group": 6, "pads": [1] * 4}),
        ("ConvTranspose", "b t", "y", {"group": 3}),
    ]
    known = known_and_proven(graph(nodes, [("x", ["n", 4, 5, 5])], ["y"], weights))
    assert places(known["b"]) == [0, 1]
    assert places(known["y"]) == [0, 1], "the first of three groups sees zeros alone"


def test_normalisation_pooling_and_a_linear_layer():
    weights = {
        **{"w": drawn(4, 3, 3, 3, zero=[0, 2]), "s": drawn(4), "b": drawn(4), "m": drawn(4), "v": np.abs(drawn(4))},
        **{"g": drawn(5, 4, seed=3), "c": drawn(5)},
    }
    weights["g"][1, [1, 3]] = 0
    nodes = [
        ("Conv", "x w", "a"),
        ("BatchNormalization", "a s b m v", "n"),
        ("MaxPool", "n", "p", {"kernel_shape": [2, 2], "pads": [1] * 4}),
        ("GlobalAveragePool", "p", "q"),
        ("Flatten", "q", "f"),
        ("Gemm", "f g c", "y", {"transB": 1, "alpha": 0.5, "beta": 2.0}),
    ]
    known = known_and_proven(graph(nodes, [("x", ["n", 3, 9, 9])], ["y"], weights))
    assert places(known["f"]) == [0, 2]
    assert places(known["y"]) == [1], "its weights for what is fed are zero"


def test_the_mean_of_a_padded_pool_is_known_of_zeros_alone():
    nodes = [
        ("Conv", "x w b", "a"),
        ("AveragePool", "a", "y", {"kernel_shape": [3, 3], "pads": [1] * 4, "count_include_pad": 1}),
    ]
    weights = {"w": drawn(3, 2, 1, 1, zero=[0, 1]), "b": np.float32([0, 2, 0])}
    known = known_and_proven(graph(nodes, [("x", ["n", 2, 6, 6])], ["y"], weights))
    assert places(known["a"]) == [0, 1]
    assert places(known["y"]) == [0]


def attention(mask, bias=True):
    """Two heads of three, of which the first has no weights, behind a mask that is asked about as torch does."""
    weights = {
        **{name: drawn(6, 6, seed=i, zero=[np.s_[:, :3]]) for i, name in enumerate(("q", "k", "v"))},
        **{
            "bias": drawn(6, seed=9),
            "shape": np.int64([0, 0, 2, 3]),
            "mask": np.float32(mask),
            "nought": np.float32(0),
        },
        **{"flat": np.int64([0, 0, 6])},
    }
    nodes = [("MatMul", f"x {name}", f"{name}0") for name in ("q", "k", "v")]
    nodes += [("Add", "v0 bias", "v1") if bias else ("Identity", "v0", "v1")]
    nodes += [("Reshape", f"{name} shape", f"{name}h") for name in ("q0", "k0", "v1")]
    nodes += [("Transpose", f"{name}h", f"{name}t", {"perm": [0, 2, 1, 3]}) for name in ("q0", "v1")]
    nodes += [
        ("Transpose", "k0h", "k0t", {"perm": [0, 2, 3, 1]}),
        ("MatMul", "q0t k0t", "scores"),
        ("Add", "scores mask", "masked"),
        ("Softmax", "masked", "soft", {"axis": -1}),
        ("IsNaN", "soft", "isnan"),
        ("Where", "isnan nought soft", "p"),
        ("MatMul", "p v1t", "context"),
        ("Transpose", "context", "back", {"perm": [0, 2, 1, 3]}),
        ("Reshape", "back flat", "y"),
    ]
    return graph(nodes, [("x", ["n", "s", 6])], ["y"], weights)


def test_a_head_without_values_gives_their_bias():
    known = known_and_proven(attention(-1e30))
    assert places(known["scores"]) == [0], "a head of nothing, everywhere"
    assert known["y"].shape == (1, 1, 6)
    assert places(known["y"]) == [0, 1, 2]


def test_a_row_that_may_be_masked_as_a_whole_is_no_mean():
    """Minus infinity everywhere makes NaN, and then the bias is not what comes out."""
    known = known_values(*with_shapes(attention(-np.inf)))
    assert "y" not in known
    assert places(known_values(*with_shapes(attention(-np.inf, bias=False)))["y"]) == [0, 1, 2]


def with_shapes(model):
    return model, sized(model, Running(model)).shapes


def test_elementwise_operators_broadcast_and_zero_wins():
    weights = {"w": drawn(4, 4, zero=[np.s_[:, :2]]), "z": np.float32([0, 1, 0, 2]), "one": np.float32(1)}
    nodes = [
        ("MatMul", "x w", "a"),
        ("Mul", "a z", "m"),
        ("Sigmoid", "a", "s"),
        ("Mul", "a s", "silu"),
        ("Add", "a one", "b"),
        ("Div", "a b", "d"),
        ("Less", "a one", "l"),
        ("Where", "l a m", "y"),
        ("Softmax", "a", "soft"),
        ("ReduceMean", "a", "mean", {"axes": [1], "keepdims": 0}),
        ("Add", "y silu", "y1"),
        ("Add", "y1 d", "y2"),
    ]
    known = known_and_proven(graph(nodes, [("x", ["n", "t", 4])], ["y2", "mean", "soft"], weights))
    assert places(known["m"]) == [0, 1, 2]
    assert known["s"].reshape(-1)[:2].tolist() == [0.5, 0.5]
    assert places(known["y"]) == [0, 1], "of the third it is not known which is taken"
    assert places(known["y2"]) == places(known["mean"]) == [0, 1]
    assert "soft" not in known
    assert "l" in known, "as 64-bit floats, NaN where the answer is open"


def test_what_moves_elements_moves_what_is_known():
    weights = {
        **{
            "w": drawn(6, 6, zero=[np.s_[:, 1], np.s_[:, 5]]),
            "heads": np.int64([0, -1, 2, 3]),
            "of": np.int64([2, 0]),
        },
        **{
            "pads": np.int64([0, 0, 1, 0, 0, 0]),
            "starts": np.int64([1]),
            "ends": np.int64([99]),
            "axes": np.int64([2]),
        },
    }
    nodes = [
        ("MatMul", "x w", "a"),
        ("Reshape", "a heads", "h"),
        ("Transpose", "h", "t", {"perm": [0, 2, 1, 3]}),
        ("Gather", "t of", "g", {"axis": 3}),
        ("Split", "a", "s1 s2", {"axis": 2}),
        ("Concat", "s2 a", "c", {"axis": -1}),
        ("Pad", "a pads", "p"),
        ("Slice", "a starts ends axes", "y"),
        ("Squeeze", "g", "g1"),
    ]
    outputs = ["g1", "c", "p", "y", "s1"]
    known = known_and_proven(graph(nodes, [("x", ["n", "t", 6])], outputs, weights))
    assert known["t"].shape == (1, 2, 1, 3)
    assert places(known["t"]) == [1, 5]
    assert places(known["g"]) == [2]
    assert (places(known["s1"]), places(known["s2"]), places(known["c"])) == ([1], [2], [2, 4, 8])
    assert places(known["p"]) == [0, 2, 6], "what is put on is known too"
    assert places(known["y"]) == [0, 4]


def test_quantised_weights_are_zero_where_they_are_their_zero_point():
    quantised = np.random.default_rng(0).integers(0, 255, (4, 3), np.uint8)
    quantised[:, 1] = 7
    weights = {"w": quantised, "scale": np.float32([0.1, 0.2, 0.3]), "zero": np.uint8([3, 7, 9])}
    weights |= {"in": np.float32(0.05), "shift": np.uint8(128)}
    nodes = [
        ("DequantizeLinear", "w scale zero", "real", {"axis": 1}),
        ("MatMul", "x real", "a"),
        ("QuantizeLinear", "a in shift", "q"),
        ("DequantizeLinear", "q in shift", "y"),
    ]
    known = known_and_proven(graph(nodes, [("x", ["n", 4])], ["y"], weights))
    assert known["real"].shape == (4, 3), "a constant as it reaches the node"
    assert places(known["a"]) == places(known["y"]) == [1]
    assert known["q"][0, 1] == 128


def test_an_embedding_column_of_zeros_is_known_without_the_ids():
    import onnx

    weights = {"table": drawn(9, 4, zero=[np.s_[:, 2]]), "positions": drawn(1, 512, 4, zero=[np.s_[..., 2]])}
    weights |= {"first": np.int64([0]), "axis": np.int64([1]), "count": np.int64([1])}
    nodes = [
        ("Gather", "table ids", "e"),
        ("Shape", "ids", "shape"),
        ("Gather", "shape count", "length"),
        ("Slice", "positions first length axis", "p"),
        ("Add", "e p", "y"),
    ]
    model = graph(nodes, [("ids", ["n", "s"])], ["y"], weights)
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.INT64
    assert places(known_and_proven(model)["y"]) == [2]


def test_nothing_large_is_made():
    """A mask of 4096 x 4096 from two numbers, and a value that would be known along open axes."""
    weights = {"shape": np.int64([4096, 4096]), "v": drawn(1, 4096), "w": drawn(4096, 1)}
    nodes = [
        ("ConstantOfShape", "shape", "c"),
        ("Add", "v w", "all"),
        ("Add", "x all", "a"),
        ("Mul", "a c", "y"),
    ]
    model = graph(nodes, [("x", [4096, 4096])], ["y"], weights)
    known = known_values(*with_shapes(model))
    assert known["c"].shape == (1, 1)
    assert "all" not in known
    assert known["y"].size == 1
