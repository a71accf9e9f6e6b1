"""Plans by hand, carried out: what comes out is the same, and the file is as tidy as it was."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper
from small_graphs import Running, drawn, graph, run

from xbench.compacting.plan import Carry, Fold, Plan
from xbench.compacting.rewriting import rewritten
from xbench.compacting.sizing import sized
from xbench.errors import InvalidError

pytest.importorskip("onnxruntime")


def indices(*kept):
    return np.int64(kept)


def carried_out(model, plan, **tolerance):
    """The rewritten model, after its outputs were compared, the checker was asked and the shapes were looked up."""
    before = onnx.ModelProto()
    before.CopyFrom(model)
    sizing = sized(model, Running(model))
    shapes = rewritten(model, plan, sizing.shapes)
    onnx.checker.check_model(model, full_check=True)
    for number, feeds in enumerate(sizing.feeds):
        old, new = run(before, feeds), run(model, feeds, every=True)
        for name in old:
            np.testing.assert_allclose(new[name], old[name], rtol=1e-4, atol=1e-5, err_msg=name, **tolerance)
        told = {name: shapes[name][number] for name in new if name in shapes}
        assert told == {name: new[name].shape for name in told}
    again = onnx.ModelProto()
    again.CopyFrom(before)
    rewritten(again, plan, sizing.shapes)
    assert again.SerializeToString(deterministic=True) == model.SerializeToString(deterministic=True)
    assert [value.name for value in model.graph.input] == [value.name for value in before.graph.input]
    return model


def weight(model, name):
    return next(numpy_helper.to_array(each) for each in model.graph.initializer if each.name == name)


def test_a_convolution_loses_channels_and_the_next_folds_them():
    weights = {"w": drawn(4, 3, 3, 3, zero=[1, 3]), "b": np.float32([1, 2, 3, 0]), "v": drawn(6, 4, 3, 3, seed=1)}
    nodes = [("Conv", "x w b", "a", {"pads": [1] * 4}), ("Relu", "a", "r"), ("Conv", "r v", "y")]
    model = graph(nodes, [("x", ["n", 3, 9, 9])], ["y"], weights, infos=[("a", ["n", 4, 9, 9])])
    kept = indices(0, 2)
    plan = Plan(
        values={("a", 1): kept, ("r", 1): kept},
        constants={((0, 1), 0): kept, ((0, 2), 0): kept, ((2, 1), 1): kept},
        folds=(Fold(2, 0, indices(1, 3), np.float32([2, 0])),),
    )
    carried_out(model, plan)
    assert weight(model, "w").shape == (2, 3, 3, 3)
    assert model.graph.node[2].input[2] == "y_bias"
    assert not model.graph.value_info, "what was told of a is wrong now"


def test_a_padded_convolution_has_one_constant_carry_the_others():
    weights = {"w": drawn(4, 3, 1, 1, zero=[1, 3]), "b": np.float32([1, 2, 3, -4]), "v": drawn(6, 4, 3, 3, seed=1)}
    nodes = [("Conv", "x w b", "a"), ("Conv", "a v", "y", {"pads": [1] * 4})]
    model = graph(nodes, [("x", ["n", 3, 9, 9])], ["y"], weights)
    kept = indices(0, 1, 2)
    plan = Plan(
        values={("a", 1): kept},
        constants={((0, 1), 0): kept, ((0, 2), 0): kept, ((1, 1), 1): kept},
        carries=(Carry(1, 0, 1, indices(3), np.float32([-2])),),
    )
    carried_out(model, plan)


def test_groups_follow_and_folds_stay_in_theirs():
    weights = {"w": drawn(6, 2, 1, 1, zero=[0, 1, 4]), "b": drawn(6), "d": drawn(6, 1, 3, 3), "g": drawn(6, 3, 1, 1)}
    nodes = [
        ("Conv", "x w b", "a"),
        ("Conv", "a d", "c", {"group": 6}),
        ("Conv", "c g", "y", {"group": 2}),
    ]
    model = graph(nodes, [("x", ["n", 2, 5, 5])], ["y"], weights)
    kept = indices(1, 2, 3, 5)
    always = weights["b"][[0, 4]]
    summed = always * weights["d"].sum(axis=(1, 2, 3))[[0, 4]]
    plan = Plan(
        values={("a", 1): kept, ("c", 1): kept},
        constants={
            **{((0, 1), 0): kept, ((0, 2), 0): kept, ((1, 1), 0): kept},
            **{((2, 1), 1): indices(1, 2)},
        },
        folds=(Fold(2, 0, indices(0, 4), summed),),
    )
    # The second group keeps its first and last input: its own weights have to be cut otherwise, which no plan can ask.
    model.graph.initializer[3].CopyFrom(numpy_helper.from_array(same_for_both_groups(weights["g"]), "g"))
    carried_out(model, plan)
    assert [node.attribute[0].i for node in model.graph.node[1:]] == [4, 2]


def same_for_both_groups(array):
    """The second group's second and last inputs, at places 1 and 2 as the first group has them, weigh the same."""
    array = array.copy()
    array[3:, 0] = array[3:, 1]
    return array


@pytest.mark.parametrize("add", ["after", "shared", "none"])
def test_a_matrix_product_finds_a_bias(add):
    """The Add behind it where it alone reads the product; an Add put in where another reads it too, or none is there."""
    weights = {
        "w": drawn(3, 4, zero=[np.s_[:, [0, 2]]]),
        "b": np.float32([5, 0, 7, 0]),
        "v": drawn(4, 6),
        "c": drawn(6),
    }
    nodes = [("MatMul", "x w", "a"), ("Add", "a b", "h"), ("MatMul", "h v", "m")]
    nodes += {"after": [("Add", "c m", "y")], "shared": [("Add", "m c", "z"), ("Mul", "m z", "y")], "none": []}[add]
    model = graph(nodes, [("x", ["n", "s", 3])], ["m" if add == "none" else "y"], weights)
    kept = indices(1, 3)
    plan = Plan(
        values={("a", 2): kept, ("h", 2): kept},
        constants={((0, 1), 1): kept, ((1, 1), 0): kept, ((2, 1), 0): kept},
        folds=(Fold(2, 0, indices(0, 2), np.float32([5, 7])),),
    )
    carried_out(model, plan)
    assert len(model.graph.node) == len(nodes) + (add != "after")


def test_gemm_folds_into_its_own_bias_whatever_its_factors():
    weights = {
        "w": drawn(4, 3, zero=[1]),
        "b": np.float32([0, 3, 1, 1]),
        "v": drawn(5, 4, seed=1),
        "c": np.float32(2),
    }
    nodes = [("Gemm", "x w b", "a", {"transB": 1}), ("Gemm", "a v c", "y", {"transB": 1, "alpha": 0.5, "beta": 4.0})]
    model = graph(nodes, [("x", ["n", 3])], ["y"], weights)
    kept = indices(0, 2, 3)
    plan = Plan(
        values={("a", 1): kept},
        constants={((0, 1), 0): kept, ((0, 2), 0): kept, ((1, 1), 1): kept},
        folds=(Fold(1, 0, indices(1), np.float32([3])),),
    )
    carried_out(model, plan)
    assert weight(model, "c").shape == (5,), "a scalar becomes one number for each output"


def test_a_constant_that_two_nodes_cut_otherwise_becomes_two_and_one_that_is_needed_whole_stays():
    zero = np.s_[:, [0, 1]]
    weights = {"w": drawn(3, 4, zero=[zero]), "v": np.zeros((4, 2), np.float32)}
    weights["v"][:] = drawn(4, 2, seed=1)
    nodes = [("MatMul", "x w", "a"), ("MatMul", "x w", "b"), ("MatMul", "x w", "c")]
    nodes += [("MatMul", f"{each} v", f"{each}1") for each in "abc"]
    model = graph(nodes, [("x", ["n", 3])], ["a1", "b1", "c1"], weights)
    two, one = indices(2, 3), indices(1, 2, 3)
    plan = Plan(
        values={("a", 1): two, ("b", 1): one},
        constants={((0, 1), 1): two, ((1, 1), 1): one, ((3, 1), 0): two, ((4, 1), 0): one},
    )
    carried_out(model, plan)
    names = {each.name: tuple(each.dims) for each in model.graph.initializer}
    assert names == {
        **{"w": (3, 4), "w_compacted": (3, 2), "w_compacted_2": (3, 3)},
        **{"v": (4, 2), "v_compacted": (2, 2), "v_compacted_2": (3, 2)},
    }


HEADS = {
    "constant": {"target": np.int64([0, 0, 3, 2])},
    "with what is left": {"target": np.int64([0, -1, 3, 2])},
    "heads are left": {"target": np.int64([0, 0, -1, 2])},
}


def heads(weights, made=(), merged="flat"):
    weights = {"w": drawn(6, 6, zero=[np.s_[:, 2:4]]), "v": drawn(6, 6, seed=1), **weights}
    nodes = [
        ("MatMul", "x w", "a"),
        *made,
        ("Reshape", "a target", "h"),
        ("Transpose", "h", "t", {"perm": [0, 2, 1, 3]}),
        ("Relu", "t", "r"),
        ("Transpose", "r", "u", {"perm": [0, 2, 1, 3]}),
        ("Reshape", f"u {merged}", "f"),
        ("MatMul", "f v", "y"),
    ]
    model = graph(nodes, [("x", ["n", "s", 6])], ["y"], {"flat": np.int64([0, 0, 6]), **weights})
    some, two, last = indices(0, 1, 4, 5), indices(0, 2), len(nodes) - 1
    return model, Plan(
        values={("a", 2): some, ("h", 2): two, ("t", 1): two, ("r", 1): two, ("u", 2): two, ("f", 2): some},
        constants={((0, 1), 1): some, ((last, 1), 0): some},
    )


@pytest.mark.parametrize("target", HEADS.values(), ids=HEADS)
def test_targets_that_are_constants(target):
    model = carried_out(*heads(target))
    assert len(model.graph.node) == 7


def test_targets_that_are_put_together_from_sizes():
    """As exporters write them; the one target that two nodes take stays as it is for the other."""
    weights = {
        "i": np.int64([0]),
        "j": np.int64([1]),
        "three": np.int64([3]),
        "two": np.int64([2]),
        "six": np.int64([6]),
    }
    made = [
        ("Shape", "x", "sizes"),
        ("Gather", "sizes i", "n"),
        ("Gather", "sizes j", "s"),
        ("Concat", "n s three two", "target", {"axis": 0}),
        ("Mul", "three two", "width"),
        ("Concat", "n s width", "merged", {"axis": 0}),
        ("Reshape", "x target", "other"),
        ("Reshape", "other merged", "same"),
        ("Add", "same x", "z"),
    ]
    model, plan = heads(weights, made, "merged")
    model.graph.output.append(onnx.helper.make_tensor_value_info("z", onnx.TensorProto.FLOAT, ["n", "s", 6]))
    carried_out(model, plan)


def test_a_target_that_is_the_shape_of_something_narrower():
    """The same Shape is right for what gets narrower with it, and told otherwise for what does not."""
    weights = {"w": drawn(3, 4, zero=[np.s_[:, [1]]]), "v": drawn(4, 2), "one": np.float32([[2]]), "u": drawn(4, 2)}
    nodes = [
        ("MatMul", "x w", "a"),
        ("Shape", "a", "sizes"),
        ("Expand", "one sizes", "whole"),
        ("Expand", "one sizes", "part"),
        ("Add", "a part", "b"),
        ("MatMul", "b v", "c"),
        ("MatMul", "whole u", "d"),
        ("Add", "c d", "y"),
    ]
    kept = indices(0, 2, 3)
    plan = Plan(
        values={("a", 1): kept, ("part", 1): kept, ("b", 1): kept},
        constants={((0, 1), 1): kept, ((5, 1), 0): kept},
        folds=(Fold(5, 0, indices(1), np.float32([2])),),
    )
    carried_out(graph(nodes, [("x", ["n", 3])], ["y"], weights), plan)


def test_batch_and_heads_in_one_axis():
    """What stays of it are no indices, but a share of whatever size it has."""
    weights = {"w": drawn(6, 6, zero=[np.s_[:, 2:4]]), "v": drawn(2, 3), "three": np.int64(3), "zero": np.int64(0)}
    weights |= {"axes": np.int64([0]), "rest": np.int64([-1]), "two": np.int64([2]), "back": np.int64([-1, 3, 2])}
    nodes = [
        ("MatMul", "x w", "a"),
        ("Shape", "x", "sizes"),
        ("Gather", "sizes zero", "n"),
        ("Mul", "n three", "nh"),
        ("Unsqueeze", "nh axes", "nh1"),
        ("Concat", "nh1 rest two", "target", {"axis": 0}),
        ("Reshape", "a target", "h"),
        ("Transpose", "h", "t", {"perm": [2, 0, 1]}),
        ("Relu", "t", "r"),
        ("Transpose", "r", "u", {"perm": [1, 2, 0]}),
        ("Reshape", "u back", "b"),
        ("ReduceSum", "b axis", "y", {"keepdims": 0}),
    ]
    weights["axis"] = np.int64([1])
    model = graph(nodes, [("x", ["n", 6])], ["y"], weights)
    kept, two = indices(0, 1, 4, 5), indices(0, 2)
    axes = (("h", 0), ("t", 1), ("r", 1), ("u", 0))
    plan = Plan(
        values={("a", 1): kept, ("b", 1): two},
        constants={((0, 1), 1): kept},
        shares=dict.fromkeys(axes, (2, 3)),
    )
    carried_out(model, plan)


def test_a_reshape_that_would_not_come_out_is_refused():
    weights = {"w": drawn(6, 6, zero=[np.s_[:, 2:4]]), "target": np.int64([-1, 3, 2])}
    nodes = [("MatMul", "x w", "a"), ("Reshape", "a target", "h"), ("ReduceSum", "h", "y")]
    model = graph(nodes, [("x", ["n", 6])], ["y"], weights)
    kept = indices(0, 1, 4, 5)
    plan = Plan(values={("a", 1): kept}, constants={((0, 1), 1): kept})
    with pytest.raises(InvalidError, match="as many elements"):
        rewritten(model, plan, sized(model, Running(model)).shapes)


def test_a_size_that_is_computed_with_stays_what_it_was():
    """Attention divides by the root of a head's width: that of the original, however wide the head is now."""
    weights = {"w": drawn(3, 4, zero=[np.s_[:, [1]]]), "v": drawn(4, 2), "last": np.int64([1])}
    nodes = [
        ("MatMul", "x w", "a"),
        ("Shape", "a", "sizes"),
        ("Gather", "sizes last", "width"),
        ("Cast", "width", "real", {"to": onnx.TensorProto.FLOAT}),
        ("Sqrt", "real", "root"),
        ("Div", "a root", "d"),
        ("MatMul", "d v", "y"),
    ]
    kept = indices(0, 2, 3)
    plan = Plan(values={("a", 1): kept, ("d", 1): kept}, constants={((0, 1), 1): kept, ((6, 1), 0): kept})
    model = carried_out(graph(nodes, [("x", ["n", 3])], ["y"], weights), plan)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Div", "MatMul"]


@pytest.mark.parametrize("opset", [11, 13, 18])
def test_parts_of_an_axis(opset):
    """Split without and with lengths, Slice, Gather and Concat along an axis that loses 1, 4 and 7 of 8."""
    lengths = {} if opset >= 13 else {"split": [3, 5]}
    weights = {"w": drawn(3, 8, zero=[np.s_[:, [1, 4, 7]]]), "start": np.int64([2])}
    weights |= {"end": np.int64([2**62]), "axis": np.int64([1]), "take": np.int64([6, 1, 0, -2])}
    weights |= {"parts": np.int64([3, 5])} if opset >= 13 else {}
    nodes = [
        ("MatMul", "x w", "a"),
        ("Split", "a", "p q", {"axis": 1, **({"num_outputs": 2} if opset >= 18 else {})}),
        ("Split", "a parts" if opset >= 13 else "a", "r s", {"axis": 1, **lengths}),
        ("Slice", "a start end axis", "t"),
        ("Gather", "a take", "u", {"axis": 1}),
        ("Concat", "q r t u", "c", {"axis": 1}),
        ("MatMul", "c v1", "y"),
    ]
    weights["v1"] = drawn(4 + 3 + 6 + 4, 2, seed=2)
    nodes += [("ReduceSum", "p", "p1"), ("ReduceSum", "s", "s1")]
    model = graph(nodes, [("x", ["n", 3])], ["y", "p1", "s1"], weights, opset=opset)
    some = indices(0, 2, 3, 5, 6)
    plan = Plan(
        values={
            **{("a", 1): some, ("p", 1): indices(0, 2, 3), ("q", 1): indices(1, 2), ("r", 1): indices(0, 2)},
            **{("s", 1): indices(0, 2, 3), ("t", 1): indices(0, 1, 3, 4), ("u", 1): indices(0, 2, 3)},
            **{("c", 1): indices(1, 2, 4, 6, 7, 8, 10, 11, 13, 15, 16)},
        },
        constants={((0, 1), 1): some, ((6, 1), 0): indices(1, 2, 4, 6, 7, 8, 10, 11, 13, 15, 16)},
    )
    carried_out(model, plan)


def test_a_slice_of_which_something_with_gaps_stays_becomes_a_gather():
    weights = {"w": drawn(3, 8, zero=[np.s_[:, [1, 2, 4, 7]]]), "v": drawn(4, 2), "from": np.int64([0])}
    weights |= {"to": np.int64([8]), "axis": np.int64([1]), "step": np.int64([2]), "u": drawn(8, 2)}
    nodes = [
        ("MatMul", "x w", "a"),
        ("Slice", "a from to axis step", "s"),
        ("MatMul", "s v", "y"),
        ("MatMul", "a u", "z"),
    ]
    some, taken = indices(0, 3, 5, 6), indices(0, 3)
    plan = Plan(
        values={("a", 1): some, ("s", 1): taken},
        constants={((0, 1), 1): some, ((2, 1), 0): taken, ((3, 1), 0): some},
    )
    model = carried_out(graph(nodes, [("x", ["n", 3])], ["y", "z"], weights), plan)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "Gather", "MatMul", "MatMul"]


RESIZED = {
    "Tile": (("Tile", "a times", "b"), {"times": np.int64([1, 2, 1, 1])}, [0, 1, 3, 4, 5, 7]),
    "Resize": (
        ("Resize", "a none none sizes", "b", {"mode": "nearest"}),
        {"sizes": np.int64([2, 4, 6, 6])},
        [0, 1, 3],
    ),
    "ConvTranspose": (("ConvTranspose", "a t", "b", {"group": 4}), {"t": drawn(4, 1, 2, 2)}, [0, 1, 3]),
    "GroupNormalization": (
        ("GroupNormalization", "a s h", "b", {"num_groups": 4}),
        {"s": drawn(4), "h": np.float32([1, 2, 0, 4])},
        [0, 1, 3],
    ),
}


@pytest.mark.parametrize("case", RESIZED)
def test_sizes_that_are_written_into_other_operators(case):
    node, more, after = RESIZED[case]
    width = {"Tile": 8}.get(case, 4)
    weights = {"w": drawn(4, 3, 1, 1, zero=[2]), "v": drawn(5, width, 1, 1), "none": np.float32([]), **more}
    nodes = [("Conv", "x w", "a"), node, ("Conv", "b v", "y")]
    fixed = [("x", [2, 3, 3, 3])]
    model = graph(nodes, fixed, ["y"], weights, opset=21 if case == "GroupNormalization" else 17, ir=10)
    if not model.graph.output[0].type.tensor_type.HasField("shape"):  # onnx does not infer it through a function
        model.graph.output[0].CopyFrom(onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [2, 5, 3, 3]))
    some, kept = indices(0, 1, 3), indices(*after)
    constants = {((0, 1), 0): some, ((2, 1), 1): kept}
    if case == "ConvTranspose":
        constants[(1, 1), 0] = some
    if case == "GroupNormalization":
        constants |= {((1, 1), 0): some, ((1, 2), 0): some}
    carried_out(model, Plan(values={("a", 1): some, ("b", 1): kept}, constants=constants))


def test_channels_that_are_padded_on():
    """As a shortcut without weights has them."""
    weights = {"w": drawn(4, 2, 1, 1, zero=[1]), "pads": np.int64([0, 2, 0, 0, 0, 1, 0, 0]), "v": drawn(3, 7, 1, 1)}
    nodes = [("Conv", "x w", "a"), ("Pad", "a pads", "p"), ("Conv", "p v", "y")]
    model = graph(nodes, [("x", ["n", 2, 5, 5])], ["y"], weights)
    inner, outer = indices(0, 2, 3), indices(0, 2, 4, 5)
    plan = Plan(
        values={("a", 1): inner, ("p", 1): outer},
        constants={((0, 1), 0): inner, ((2, 1), 1): outer},
    )
    carried_out(model, plan)
    assert weight(model, "pads_compacted").tolist() == [0, 1, 0, 0, 0, 0, 0, 0]


def test_constants_of_nodes_and_of_old_files_that_list_them_as_inputs():
    """IR 3 lists each initializer as an input; a Constant node is not changed, but replaced."""
    nodes = [
        ("Constant", "", "w", {"value": numpy_helper.from_array(drawn(3, 4, zero=[np.s_[:, [1]]]), "w")}),
        ("MatMul", "x w", "a"),
        ("MatMul", "a v", "y"),
    ]
    model = graph(nodes, [("x", ["n", 3]), ("v", [4, 2])], ["y"], {"v": drawn(4, 2)}, opset=9, ir=3)
    kept = indices(0, 2, 3)
    plan = Plan(values={("a", 1): kept}, constants={((1, 1), 1): kept, ((2, 1), 0): kept})
    sizing = sized(model, Running(model))
    before = run(model, sizing.feeds[0])
    rewritten(model, plan, sizing.shapes)
    onnx.checker.check_model(model, full_check=True)
    np.testing.assert_allclose(run(model, sizing.feeds[0])["y"], before["y"], rtol=1e-5, atol=1e-6)
    assert [node.op_type for node in model.graph.node] == ["MatMul", "MatMul"]
    assert [value.name for value in model.graph.input] == ["x", "v", "w_compacted"]


def test_weights_behind_dequantisation_are_cut_with_their_scales():
    quantised = np.random.default_rng(0).integers(0, 255, (3, 4), np.uint8)
    quantised[:, 1] = 9
    weights = {
        "w": quantised,
        "scale": np.float32([0.1, 0.2, 0.3, 0.4]),
        "zero": np.uint8([3, 9, 7, 1]),
        "v": drawn(4, 2),
    }
    nodes = [
        ("DequantizeLinear", "w scale zero", "real", {"axis": 1}),
        ("MatMul", "x real", "a"),
        ("MatMul", "a v", "y"),
    ]
    kept = indices(0, 2, 3)
    plan = Plan(
        values={("real", 1): kept, ("a", 1): kept},
        constants={((0, 0), 1): kept, ((0, 1), 0): kept, ((0, 2), 0): kept, ((2, 1), 0): kept},
    )
    carried_out(graph(nodes, [("x", ["n", 3])], ["y"], weights), plan)


def test_a_bias_in_integers_becomes_one_of_floats():
    """What is folded into it need not be a multiple of its scale."""
    weights = {"w": drawn(3, 2, 1, 1, zero=[1]), "b": np.float32([0, 1.7, 0]), "v": drawn(4, 3, 1, 1, zero=[0])}
    weights |= {"c": np.int32([0, 5, -7, 9]), "scale": np.float32(0.1), "u": drawn(2, 4, 1, 1)}
    nodes = [
        ("Conv", "x w b", "a"),
        ("DequantizeLinear", "c scale", "bias"),
        ("Conv", "a v bias", "m"),
        ("Conv", "m u", "y"),
    ]
    some, others = indices(0, 2), indices(1, 2, 3)
    plan = Plan(
        values={("a", 1): some, ("m", 1): others, ("bias", 0): others},
        constants={
            **{((0, 1), 0): some, ((0, 2), 0): some, ((1, 0), 0): others},
            **{((2, 1), 0): others, ((2, 1), 1): some, ((3, 1), 1): others},
        },
        folds=(Fold(2, 0, indices(1), np.float32([1.7])),),
    )
    model = carried_out(graph(nodes, [("x", ["n", 2, 3, 3])], ["y"], weights), plan)
    assert [node.op_type for node in model.graph.node] == ["Conv"] * 3


def test_what_cannot_be_carried_out_is_refused():
    weights = {"w": drawn(3, 4, zero=[np.s_[:, [1]]]), "k": np.int64([[3]])}
    nodes = [("MatMul", "x w", "a"), ("GatherElements", "a k", "y", {"axis": 1})]
    kept = indices(0, 2, 3)
    plan = Plan(values={("a", 1): kept}, constants={((0, 1), 1): kept})
    model = graph(nodes, [("x", [1, 3])], ["y"], weights)
    shapes = sized(model, Running(model)).shapes
    with pytest.raises(InvalidError, match="GatherElements"):
        rewritten(model, plan, shapes)
    output = graph(nodes[:1], [("x", [1, 3])], ["a"], weights)
    with pytest.raises(InvalidError, match="output of the model"):
        rewritten(output, plan, sized(output, Running(output)).shapes)
