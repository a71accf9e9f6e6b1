"""Bound inputs and outputs, exercised for real with buffers on the device `cpu`."""

from __future__ import annotations

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from xbench.errors import InvalidError
from xbench.runners.device_binding import BoundCall, Device

CPU = Device("cpu")


def session(nodes, inputs, outputs):
    graph = helper.make_graph(nodes, "g", inputs, outputs)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.checker.check_model(model)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


@pytest.fixture
def two_outputs():
    nodes = [helper.make_node("Add", ["a", "b"], ["s"]), helper.make_node("Sub", ["a", "b"], ["d"])]
    return session(nodes, [value("a", ["n", 3]), value("b", [3])], [value("s", ["n", 3]), value("d", ["n", 3])])


def feeds(seed, rows=2):
    made = np.random.default_rng(seed)
    return {"a": made.normal(size=(rows, 3)).astype(np.float32), "b": made.normal(size=3).astype(np.float32)}


def same(call, session, fed):
    expected = dict(zip(("s", "d"), session.run(None, fed), strict=True))
    got = call.outputs()
    return got.keys() == expected.keys() and all(np.array_equal(got[name], expected[name]) for name in got)


def test_outputs_are_those_of_an_ordinary_run_from_the_first_call_on(two_outputs):
    fed = feeds(0)
    call = BoundCall(two_outputs, fed, CPU)
    for _ in range(3):
        call()
        assert same(call, two_outputs, fed)


def test_the_buffers_of_the_first_call_are_those_of_all_later_ones(two_outputs):
    """What a captured graph needs: fixed addresses."""
    call = BoundCall(two_outputs, feeds(0), CPU)
    call()
    first = [one.data_ptr() for one in call._outputs]
    call()
    call()
    assert [one.data_ptr() for one in call._binding.get_outputs()] == first


def test_other_values_in_the_same_buffers_give_their_own_outputs(two_outputs):
    call = BoundCall(two_outputs, feeds(0), CPU)
    call()
    addresses = [one.data_ptr() for one in call._inputs.values()]
    other = feeds(1)
    other["a"] = np.asfortranarray(other["a"])
    call.feed(other)
    call()
    assert [one.data_ptr() for one in call._inputs.values()] == addresses
    assert same(call, two_outputs, {name: np.ascontiguousarray(array) for name, array in other.items()})


def test_two_calls_of_one_session_do_not_share_buffers(two_outputs):
    one, two = (BoundCall(two_outputs, feeds(seed, rows), CPU) for seed, rows in ((0, 2), (1, 5)))
    for call in (one, two, one, two):
        call()
    assert same(one, two_outputs, feeds(0, 2))
    assert same(two, two_outputs, feeds(1, 5))


def test_outputs_whose_shapes_are_told_are_fixed_before_the_first_call(two_outputs):
    told = {name: ((2, 3), np.dtype(np.float32)) for name in ("s", "d")}
    call = BoundCall(two_outputs, feeds(0), CPU, outputs=told)
    before = [one.data_ptr() for one in call._outputs]
    call()
    assert [one.data_ptr() for one in call._binding.get_outputs()] == before
    assert same(call, two_outputs, feeds(0))


def test_a_wrong_shape_that_was_told_is_an_error_and_no_number(two_outputs):
    told = {name: ((4, 3), np.dtype(np.float32)) for name in ("s", "d")}
    with pytest.raises(Exception, match="shape"):
        BoundCall(two_outputs, feeds(0), CPU, outputs=told)()


def test_scalars_integers_and_halves_are_bound():
    nodes = [
        helper.make_node("Cast", ["i"], ["f"], to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["f", "h"], ["y"]),
    ]
    one = session(
        nodes,
        [value("i", [2], TensorProto.INT64), value("h", [], TensorProto.FLOAT16)],
        [value("y", [2], TensorProto.FLOAT16)],
    )
    call = BoundCall(one, {"i": np.array([3, 4]), "h": np.array(0.5, np.float16)}, CPU)
    call()
    assert call.outputs()["y"].tolist() == [1.5, 2.0]


def test_an_output_that_is_no_tensor_is_refused_with_the_other_way():
    nodes = [helper.make_node("SequenceConstruct", ["a", "a"], ["y"])]
    sequence = helper.make_tensor_sequence_value_info("y", TensorProto.FLOAT, None)
    one = session(nodes, [value("a", [2])], [sequence])
    with pytest.raises(InvalidError, match=r"(?s)'y' is no tensor.*io: copies"):
        BoundCall(one, {"a": np.ones(2, np.float32)}, CPU)()


class Recorder:
    """A session that notes the options of each run, and otherwise is the real one."""

    def __init__(self, session):
        self._session = session
        self.graphs, self.waits = [], []

    def __getattr__(self, name):
        return getattr(self._session, name)

    def run_with_iobinding(self, binding, options):
        self.graphs.append(entry(options, "gpu_graph_id"))
        self.waits.append(entry(options, "disable_synchronize_execution_providers"))
        self._session.run_with_iobinding(binding)


def entry(options, key):
    try:
        return options.get_run_config_entry(key)
    except RuntimeError:  # there is no such entry
        return ""


def test_a_graph_is_captured_only_once_all_buffers_are_fixed_and_under_a_number_of_its_own(two_outputs):
    recorder = Recorder(two_outputs)
    one, two = BoundCall(recorder, feeds(0), CPU, graph=1), BoundCall(recorder, feeds(1), CPU, graph=2)
    for call in (one, two, one, two, one):
        call()
    assert recorder.graphs == ["-1", "-1", "1", "2", "1"]
    assert not any(recorder.waits), "a timed call waits for the device"
    one.queue()
    assert recorder.graphs[-1] == "1"
    assert recorder.waits[-1] == "1"
