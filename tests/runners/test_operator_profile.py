"""Times by operator: out of profiles written by hand, and of real models on the CPU."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.measure.inspection import loaded
from xbench.profiles.finding import all_profiles
from xbench.records.measurement import OperatorTime
from xbench.records.profile import HardwareProfile
from xbench.runners.cpu import CpuRunner
from xbench.runners.fake import PROVIDER as FAKE
from xbench.runners.fake import FakeRunner
from xbench.runners.ort_profile import WARM_UP, counted_runs, read_profile

CPU, CUDA = "CPUExecutionProvider", "CUDAExecutionProvider"
PROFILE = all_profiles()["cpu"]
ROWS = 64


def node(name, op, start, length, provider=CPU, index="0", shape=(2,)):
    args = {"op_name": op, "provider": provider, "node_index": index, "output_type_shape": [{"float": list(shape)}]}
    return {"cat": "Node", "tid": 1, "ts": start, "dur": length, "name": f"{name}_kernel_time", "args": args}


def runs(*of_each):
    """A profile of these runs after those to warm up, whose times are absurd."""
    absurd = [node("m", "MatMul", 0, 10**6)]
    end = {"cat": "Session", "tid": 1, "ts": 0, "dur": 0, "name": "model_run", "args": {}}
    return [event for run in [absurd] * WARM_UP + list(of_each) for event in (*run, end)]


def by_operator(report):
    return {(time.operator, time.provider): (time.nodes, time.time_ms) for time in report.operators}


def test_times_are_sums_over_nodes_averaged_over_the_runs_that_are_not_odd():
    lengths = [30, 31, 31, 32, 31, 31, 30, 9000]
    found = read_profile(
        runs(*([node("a", "MatMul", 0, n), node("b", "MatMul", 10_000, 50, index="1")] for n in lengths))
    )
    assert by_operator(found) == {("MatMul", CPU): (2, 0.081)}
    assert found.provider_ns == {CPU: 81_000}
    finer = read_profile(runs(*([node("a", "Relu", 0, n)] for n in [2, 3, 2, 3, 2, 3, 3, 2])))
    assert by_operator(finer) == {("Relu", CPU): (1, 0.0025)}
    of_three = read_profile(runs(*([node("a", "Relu", 0, n)] for n in [7, 900, 8])))
    assert by_operator(of_three) == {("Relu", CPU): (1, 0.008)}


def test_what_is_in_a_subgraph_counts_once_and_gives_no_shapes():
    """Events end with the innermost first. The two bodies hold nodes of equal names, which are two nodes."""
    one_run = [
        node("Add_0", "Add", 100, 0),  # over within the microsecond in which the next one begins
        node("MatMul_0", "MatMul", 105, 40, shape=(9, 9)),
        node("MatMul_0", "MatMul", 150, 40, shape=(9, 9)),
        node("first", "Loop", 100, 100),
        node("MatMul_0", "MatMul", 210, 30, shape=(9, 9)),
        node("inner", "If", 205, 40),
        node("second", "Loop", 200, 60, index="1"),
        node("MatMul_0", "MatMul", 260, 100),
    ]
    found = read_profile(runs(one_run))
    assert by_operator(found) == {
        ("MatMul", CPU): (3, 0.210),
        ("Loop", CPU): (2, 0.040),
        ("If", CPU): (1, 0.010),
        ("Add", CPU): (1, 0.0),
    }
    assert [time.operator for time in found.operators] == ["MatMul", "Loop", "If", "Add"], "the longest first"
    assert sum(found.provider_ns.values()) == (0 + 100 + 60 + 100) * 1000
    assert found.output_shapes == {name: [[2]] for name in ("Add_0", "first", "second", "MatMul_0")}


def test_no_times_where_kernels_are_not_waited_for_or_the_profile_was_cut_short():
    launched = read_profile(runs([node("a", "MatMul", 0, 5, CUDA), node("b", "Shape", 10, 5)]))
    assert launched.operators == ()
    assert launched.provider_ns == {CUDA: 5000, CPU: 5000}
    cut = read_profile([*runs(), node("m", "MatMul", 0, 7)])
    assert cut.operators == ()
    assert cut.provider_ns.keys() == {CPU}


@pytest.mark.parametrize(("run_ns", "told"), [(0, 50), (60_000, 50), (50_000_000, 10), (10**9, 3), (10**12, 3)])
def test_slow_models_are_profiled_less_often(run_ns, told):
    assert counted_runs(run_ns) == told


def value(name, kind, shape):
    return helper.make_tensor_value_info(name, kind, shape)


def save(path, nodes, inputs, outputs, weights):
    graph = helper.make_graph(
        nodes, "g", inputs, outputs, [numpy_helper.from_array(w, n) for n, w in weights.items()]
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def mlp(path, width, size=512):
    """Two layers, each a MatMul and a Relu."""
    steps = [("MatMul", ["x", "w1"], "a"), ("Relu", ["a"], "b"), ("MatMul", ["b", "w2"], "c"), ("Relu", ["c"], "y")]
    nodes = [helper.make_node(op, inputs, [output]) for op, inputs, output in steps]
    x, y = (value(name, TensorProto.FLOAT, ["batch", size]) for name in "xy")
    weights = {"w1": np.full((size, width), 0.01, np.float32), "w2": np.full((width, size), 0.01, np.float32)}
    return save(path, nodes, [x], [y], weights)


def looping(path, size=512):
    """A product, and a loop of such products, whose number is an input."""
    body = helper.make_graph(
        [helper.make_node("Identity", ["going"], ["on"]), helper.make_node("MatMul", ["state", "w"], ["next"])],
        "body",
        [
            value("step", TensorProto.INT64, []),
            value("going", TensorProto.BOOL, []),
            value("state", TensorProto.FLOAT, [ROWS, size]),
        ],
        [value("on", TensorProto.BOOL, []), value("next", TensorProto.FLOAT, [ROWS, size])],
    )
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["h"]),
        helper.make_node("Loop", ["steps", "always", "h"], ["y"], body=body, name="loop"),
    ]
    x, y = (value(name, TensorProto.FLOAT, [ROWS, size]) for name in "xy")
    weights = {"w": np.full((size, size), 1 / size, np.float32), "always": np.asarray(True)}
    return save(path, nodes, [x, value("steps", TensorProto.INT64, [])], [y], weights)


def profiled(path, **feeds):
    CpuRunner.warm_import()
    with CpuRunner(path, "m", PROFILE) as runner:
        return runner.profile_run({"x": np.ones((ROWS, 512), np.float32), **feeds}, optimised=True)


def test_products_dominate_and_take_less_at_an_eighth_of_the_width(tmp_path):
    paths = [mlp(tmp_path / f"{width}.onnx", width) for width in (4096, 512)]
    rounds = [[profiled(path) for path in paths] for _ in range(3)]
    for report in rounds[0]:
        times = {time.operator: time for time in report.operators}
        assert {name: time.nodes for name, time in times.items()} == {"MatMul": 2, "Relu": 2}
        assert times["MatMul"].time_ms > 2 * times["Relu"].time_ms > 0
        total = sum(time.time_ms for time in report.operators)
        assert report.provider_ns == {CPU: pytest.approx(total * 1e6, abs=2)}
    dense, pruned = (min(report.operators[0].time_ms for report in of_path) for of_path in zip(*rounds, strict=True))
    assert dense > 1.5 * pruned, "an eighth of the work, on a machine that may be busy"


def test_a_loop_has_its_own_time_apart_from_its_body(tmp_path):
    """As written by the runtime: the body's events lie inside the loop's."""
    report = profiled(looping(tmp_path / "loop.onnx"), steps=np.asarray(20))
    times = {time.operator: time for time in report.operators}
    assert {name: time.nodes for name, time in times.items()} == {"MatMul": 2, "Loop": 1, "Identity": 1}
    assert times["Loop"].time_ms < times["MatMul"].time_ms, "counted twice, it would be more"
    assert report.output_shapes == {"MatMul_0": [[ROWS, 512]], "loop": [[ROWS, 512]]}


def test_the_parent_gets_what_the_worker_found(tmp_path):
    with loaded(mlp(tmp_path / "m.onnx", 64), "m", PROFILE, 60.0) as model:
        report = model.profile({"x": np.ones((1, 512), np.float32)}, optimised=True)
    assert all(isinstance(time, OperatorTime) for time in report.operators)
    assert {(time.operator, time.nodes) for time in report.operators} == {("MatMul", 2), ("Relu", 2)}


def test_a_script_says_what_operators_take(tmp_path):
    script = {"latency_us": 2000, "operators": {"Relu": 0.25, "MatMul": 0.75}}
    profile = HardwareProfile(
        schema="xbench.profile/1",
        name="sim",
        title="scripted",
        runner="fake",
        options={"scripts": {"*": script}},
        evidence="-",
    )
    report = FakeRunner(tmp_path / "any.onnx", "m", profile).profile_run({}, optimised=True)
    assert by_operator(report) == {("MatMul", FAKE): (1, 1.5), ("Relu", FAKE): (1, 0.5)}
    assert [time.operator for time in report.operators] == ["MatMul", "Relu"]
