"""Whole files: what is in them, what they compute, and what is said of them on a target."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from inspect_kit import HIDDEN, INPUTS, OUTPUTS, ROWS, looking, mlp, model, profile, saved, two_four, weight
from onnx import TensorProto as T
from onnx import helper as h
from onnx import numpy_helper as nh

from xbench.errors import InputError, InvalidError, WorkerError
from xbench.inspecting.grouping import members
from xbench.inspecting.looking import inspect_file, optimised_zeros
from xbench.inspecting.valuing import families
from xbench.onnxfile.wishes import Wanted
from xbench.profiles.finding import shipped_profiles
from xbench.worth.working import not_counted

CPU = shipped_profiles()["cpu"]
CARD, CUDA = profile(), profile("other", runner="cuda", precision="fp32")


def worths(found):
    return {one.hardware: one for one in found.targets}


def test_work_and_bound_of_a_planted_two_four_file(tmp_path):
    """All by hand: 4 rows, 64 to 128 to 32 neurons."""
    made = mlp(two_four(weight(INPUTS, HIDDEN)))
    found = inspect_file(saved(made, tmp_path / "a.onnx"), looking(CARD, CUDA))
    first, second = found.work.layers
    assert (first.macs, second.macs) == (ROWS * INPUTS * HIDDEN, ROWS * HIDDEN * OUTPUTS)
    assert found.work.macs == first.macs + second.macs
    assert (first.weight_bytes, second.weight_bytes) == (4 * INPUTS * HIDDEN, 4 * HIDDEN * OUTPUTS)
    assert first.activation_bytes == 4 * ROWS * (INPUTS + HIDDEN)
    assert first.operations_per_byte == pytest.approx(
        2 * first.macs / (4 * (INPUTS * HIDDEN + ROWS * (INPUTS + HIDDEN)))
    )
    assert first.audit.valid_2_4 is True
    assert second.audit.valid_2_4 is False

    # At 50 operations a byte this waits for memory: (elements of weights and activations) of 2 bytes each.
    moved = [INPUTS * HIDDEN + ROWS * (INPUTS + HIDDEN), HIDDEN * OUTPUTS + ROWS * (HIDDEN + OUTPUTS)]
    card = worths(found)["card"]
    assert card.as_is.roofline_speedup == pytest.approx(sum(moved) / (sum(moved) - INPUTS * HIDDEN / 2))
    assert card.as_is.macs_ratio == pytest.approx((8192 + 4096) / (4096 + 4096))
    assert card.as_is.speedup == pytest.approx(1.5)
    assert card.layers == 1
    assert card.if_removed is None
    assert (card.ceiling.peak_tops, card.ceiling.memory_gb_per_s) == (100, 1000)
    assert worths(found)["other"].as_is.speedup == 1.0


def test_a_dense_file_is_worth_nothing_more_anywhere(tmp_path):
    found = inspect_file(saved(mlp(), tmp_path / "a.onnx"), looking(CARD, CUDA))
    assert {one.as_is.speedup for one in found.targets} == {1.0}
    assert {one.if_removed for one in found.targets} == {None}
    assert {one.ceiling for one in found.targets} == {None}
    assert found.faults == ()


def test_zeroed_channels_are_worth_nothing_before_they_are_removed(tmp_path):
    first = weight(INPUTS, HIDDEN)
    first[:, : HIDDEN // 2] = 0
    found = inspect_file(saved(mlp(first), tmp_path / "a.onnx"), looking(CARD, CUDA))
    assert [layer.removable_outputs for layer in found.work.layers] == [0.5, 0.0]
    assert [layer.removable_inputs for layer in found.work.layers] == [0.0, 0.5], "what is zero need not be read"
    for one in found.targets:
        assert one.as_is.speedup == 1.0
    # Half of the first layer's work goes with its outputs, and half of the second's with its inputs.
    assert worths(found)["other"].if_removed.macs_ratio == pytest.approx(2.0)


def test_a_sum_is_zero_only_where_all_that_it_adds_is(tmp_path):
    left, right = weight(16, 16), weight(16, 16, seed=1)
    left[:, :8] = 0
    nodes = [
        h.make_node("MatMul", ["x", "wl"], ["l"], name="left"),
        h.make_node("MatMul", ["x", "wr"], ["r"], name="right"),
        h.make_node("Add", ["l", "r"], ["s"]),
        h.make_node("MatMul", ["s", "wn"], ["y"], name="next"),
    ]
    x, y = (h.make_tensor_value_info(name, T.FLOAT, [2, 16]) for name in "xy")
    constants = [nh.from_array(a, n) for n, a in (("wl", left), ("wr", right), ("wn", weight(16, 16, seed=2)))]
    path = saved(model(nodes, [x], [y], constants), tmp_path / "a.onnx")
    found = {layer.node: layer.removable_inputs for layer in inspect_file(path, looking()).work.layers}
    assert found == {"left": 0.0, "right": 0.0, "next": 0.0}
    right[:, :4] = 0
    constants[1] = nh.from_array(right, "wr")
    path = saved(model(nodes, [x], [y], constants), tmp_path / "b.onnx")
    assert inspect_file(path, looking()).work.layers[2].removable_inputs == 0.25


def test_a_channel_goes_through_a_depthwise_convolution(tmp_path):
    first, depthwise, last = weight(8, 3, 3, 3), weight(8, 1, 3, 3, seed=1), weight(16, 8, 1, 1, seed=2)
    first[:4] = 0
    nodes = [
        h.make_node("Conv", ["x", "w1"], ["a"], name="first", pads=[1, 1, 1, 1]),
        h.make_node("Relu", ["a"], ["b"]),
        h.make_node("Conv", ["b", "w2"], ["c"], name="depthwise", group=8, pads=[1, 1, 1, 1]),
        h.make_node("Conv", ["c", "w3"], ["y"], name="last"),
    ]
    x, y = h.make_tensor_value_info("x", T.FLOAT, [1, 3, 10, 10]), h.make_tensor_value_info("y", T.FLOAT, None)
    constants = [nh.from_array(a, n) for n, a in (("w1", first), ("w2", depthwise), ("w3", last))]
    found = inspect_file(saved(model(nodes, [x], [y], constants), tmp_path / "a.onnx"), looking(CUDA))
    assert [layer.macs for layer in found.work.layers] == [100 * 8 * 27, 100 * 8 * 9, 100 * 16 * 8]
    assert found.targets[0].if_removed.macs_ratio == pytest.approx(2.0), "half of each of the three"


def test_facts_that_are_missing_give_no_time(tmp_path):
    made = mlp(two_four(weight(INPUTS, HIDDEN)), two_four(weight(HIDDEN, OUTPUTS)))
    found = inspect_file(saved(made, tmp_path / "a.onnx"), looking(profile(rates=False)))
    bound = found.targets[0].as_is
    assert (bound.speedup, bound.macs_ratio) == (None, 2.0)
    assert "no peak rate in fp16" in bound.missing


def test_a_provenance_that_is_not_the_files_is_a_fault(tmp_path):
    claimed = {"xbench.graph_sha256": "0" * 64, "xbench.audit": '{"elements": 1, "zeros": 1}'}
    found = inspect_file(saved(mlp(metadata=claimed), tmp_path / "a.onnx"), looking(CARD))
    assert "1 zeros among 1 weights" in found.provenance_fault
    assert found.faults == (found.provenance_fault,)


def test_shapes_that_only_a_run_knows(tmp_path):
    """A NonZero has as many columns as its input has numbers: nobody can infer that."""
    nodes = [
        h.make_node("NonZero", ["x"], ["n"]),
        h.make_node("Cast", ["n"], ["f"], to=T.FLOAT),
        h.make_node("MatMul", ["w", "f"], ["y"], name="fc"),
    ]
    made = model(
        nodes,
        [h.make_tensor_value_info("x", T.FLOAT, [3, 5])],
        [h.make_tensor_value_info("y", T.FLOAT, None)],
        [nh.from_array(weight(8, 2), "w")],
    )
    path = saved(made, tmp_path / "a.onnx")
    seen = inspect_file(path, looking(reference=CPU)).work
    assert (seen.shapes_from, seen.macs) == ("run", 8 * 2 * 15)
    unseen = inspect_file(path, looking()).work
    assert (unseen.shapes_from, unseen.macs) == ("inferred", None)
    assert "pdp11" in unseen.note
    assert unseen.layers[0].missing
    assert unseen.uncounted


def test_a_file_that_cannot_be_run_is_told_of_all_the_same(tmp_path):
    made = mlp()
    made.graph.node[1].op_type, made.graph.node[1].domain = "Mystery", "far.away"
    made.opset_import.append(h.make_opsetid("far.away", 1))
    found = inspect_file(saved(made, tmp_path / "a.onnx"), looking(reference=CPU))
    assert "Mystery" in found.work.note
    assert found.work.layers[0].macs == ROWS * INPUTS * HIDDEN
    assert found.work.layers[1].missing
    assert any("Mystery" in reason for reason in found.work.uncounted)
    assert found.audit.elements == INPUTS * HIDDEN + HIDDEN * OUTPUTS


def test_weights_in_constants_branches_and_external_data(tmp_path):
    inner = h.make_graph(
        [h.make_node("MatMul", ["x", "wb"], ["t"], name="inner")],
        "then",
        [],
        [h.make_tensor_value_info("t", T.FLOAT, None)],
        [nh.from_array(two_four(weight(INPUTS, 8)), "wb")],
    )
    other = h.make_graph(
        [h.make_node("MatMul", ["x", "wo"], ["o"], name="outer")],
        "else",
        [],
        [h.make_tensor_value_info("o", T.FLOAT, None)],
        [nh.from_array(weight(INPUTS, 8), "wo")],
    )
    held = nh.from_array(two_four(weight(INPUTS, HIDDEN)), "")
    nodes = [
        h.make_node("Constant", [], ["w1"], value=held),
        h.make_node("MatMul", ["x", "w1"], ["a"], name="fc1"),
        h.make_node("If", ["which"], ["y"], then_branch=inner, else_branch=other, name="if"),
        h.make_node("MatMul", ["a", "w2"], ["z"], name="fc2"),
    ]
    made = model(
        nodes,
        [h.make_tensor_value_info("x", T.FLOAT, [ROWS, INPUTS]), h.make_tensor_value_info("which", T.BOOL, [])],
        [h.make_tensor_value_info(name, T.FLOAT, None) for name in "yz"],
        [nh.from_array(weight(HIDDEN, OUTPUTS), "w2")],
    )
    path = tmp_path / "a.onnx"
    onnx.save(made, path, save_as_external_data=True, location="a.data", size_threshold=0)
    found = inspect_file(path, looking(CARD))
    assert {layer.node: layer.valid_2_4 for layer in found.audit.layers} == {
        "fc1": True,
        "fc2": False,
        "inner": True,
        "outer": False,
    }
    assert [layer.node for layer in found.work.layers] == ["fc1", "fc2"]
    assert any("inner" in reason for reason in found.work.uncounted)
    assert {layer.node for layer in not_counted(found.audit, found.work.layers)} == {"inner", "outer"}
    assert found.targets[0].as_is.speedup is None
    assert "inner" in found.targets[0].as_is.missing
    assert found.size_bytes > path.stat().st_size


def test_a_file_without_weights(tmp_path):
    node = h.make_node("Relu", ["x"], ["y"])
    x, y = (h.make_tensor_value_info(name, T.FLOAT, [4]) for name in "xy")
    found = inspect_file(saved(model([node], [x], [y]), tmp_path / "a.onnx"), looking(CARD))
    assert (found.audit.elements, found.work.macs, found.work.layers) == (0, 0, ())
    assert found.targets[0].as_is.speedup == 1.0


def test_a_file_without_inputs_is_no_error(tmp_path):
    node = h.make_node("MatMul", ["a", "b"], ["y"], name="fc")
    made = model(
        [node],
        [],
        [h.make_tensor_value_info("y", T.FLOAT, None)],
        [nh.from_array(weight(4, 4), "a"), nh.from_array(np.zeros((4, 4), np.float32), "b")],
    )
    found = inspect_file(saved(made, tmp_path / "a.onnx"), looking(CARD))
    assert "no inputs" in found.work.note


def test_wishes_that_do_not_fit_are_refused(tmp_path):
    path = saved(mlp(), tmp_path / "a.onnx")
    for shapes in ({"x": (ROWS, 3)}, {"image": (1, 3)}):
        with pytest.raises(InputError, match="--shape"):
            inspect_file(path, looking(wanted=Wanted(shapes)))


def test_open_axes_take_the_size_that_is_asked_for(tmp_path):
    path = saved(mlp(rows="batch"), tmp_path / "a.onnx")
    assert inspect_file(path, looking()).work.macs == INPUTS * HIDDEN + HIDDEN * OUTPUTS
    asked = inspect_file(path, looking(wanted=Wanted({"x": (10, INPUTS)}))).work
    assert asked.macs == 10 * (INPUTS * HIDDEN + HIDDEN * OUTPUTS)
    np.savez(tmp_path / "x.npz", x=np.ones((7, INPUTS), np.float32))
    given = inspect_file(path, looking(wanted=Wanted({}, (tmp_path / "x.npz",)))).work
    assert given.macs == 7 * (INPUTS * HIDDEN + HIDDEN * OUTPUTS)


def test_targets_are_put_together_by_family(tmp_path):
    under = families({"machine": ("m-a", "m-b")}, ("m-a", "m-b", "alone"))
    assert under == {"m-a": "machine", "m-b": "machine", "alone": "alone"}
    found = inspect_file(saved(mlp(), tmp_path / "a.onnx"), looking(CARD, CUDA))
    every = [
        one.model_copy(update={"hardware": name, "family": family})
        for one, (name, family) in zip(found.targets * 2, under.items(), strict=False)
    ]
    assert members(every, every) == "machine (2), alone"
    assert members(every[:1], every) == "m-a"


class Optimising:
    """A loaded model of which only the optimised graph is asked."""

    def __init__(self, error):
        self.error = error

    def optimised(self):
        raise self.error


def test_zeros_that_the_runtime_loses_are_a_fault_and_other_troubles_are_not():
    audit, lost = optimised_zeros(Optimising(InvalidError("Zeros of a were lost", "fc1 holds 3 zeros of 8")))
    assert (audit.note, lost) == ("", "Zeros of a were lost: fc1 holds 3 zeros of 8")
    audit, lost = optimised_zeros(Optimising(WorkerError("The worker of a died")))
    assert (audit.note, lost) == ("The worker of a died", "")
    assert optimised_zeros("no runtime")[0].note == "no runtime"


def test_quantised_weights_are_zero_at_their_zero_point(tmp_path):
    """A uint8 MatMulInteger: 2:4 around the zero point 128, stored in one byte each."""
    held = (two_four(weight(INPUTS, HIDDEN)) * 20).round().clip(-127, 127)
    stored = (np.where((held == 0) & (two_four(weight(INPUTS, HIDDEN)) != 0), 1, held) + 128).astype(np.uint8)
    made = model(
        [h.make_node("MatMulInteger", ["x", "w", "", "zero"], ["y"], name="fc")],
        [h.make_tensor_value_info("x", T.UINT8, [ROWS, INPUTS])],
        [h.make_tensor_value_info("y", T.INT32, [ROWS, HIDDEN])],
        [nh.from_array(stored, "w"), nh.from_array(np.uint8(128), "zero")],
    )
    integers = profile(precision="int8")
    found = inspect_file(saved(made, tmp_path / "a.onnx"), looking(integers, profile("wide")))
    work = found.work.layers[0]
    assert work.weight_bytes == INPUTS * HIDDEN
    assert found.audit.zeros == INPUTS * HIDDEN // 2
    card = worths(found)["card"]
    assert (card.as_is.macs_ratio, card.layers) == (2.0, 1)
    assert worths(found)["wide"].as_is.speedup is None, "the rates of fp16 are not those of integers"
