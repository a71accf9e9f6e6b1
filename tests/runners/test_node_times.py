"""Times node by node, and which layer of the file each node is: out of profiles by hand, and of real runtimes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.artifacts.describing import describe
from xbench.onnxfile.opening import open_model
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles
from xbench.records.measurement import NodeTime
from xbench.records.profile import HardwareProfile
from xbench.road.costing import computed
from xbench.runners.fake import FakeRunner
from xbench.runners.ort_names import origins
from xbench.runners.ort_profile import WARM_UP, read_profile
from xbench.worth.attributing import attributed, names_of

CPU = "CPUExecutionProvider"
RANDOM = np.random.default_rng(5)
FED = {"x": RANDOM.standard_normal((1, 8, 16, 16)).astype(np.float32)}


def event(name, op, start, length, index="0"):
    args = {"op_name": op, "provider": CPU, "node_index": index, "output_type_shape": []}
    return {"cat": "Node", "tid": 1, "ts": start, "dur": length, "name": f"{name}_kernel_time", "args": args}


def test_a_node_s_time_holds_what_runs_inside_of_it():
    """Events end with the innermost first. Two nodes of one name are two."""
    end = {"cat": "Session", "tid": 1, "ts": 0, "dur": 0, "name": "model_run", "args": {}}
    once = [
        event("inner", "MatMul", 105, 40),
        event("around", "Loop", 100, 100),
        event("same", "Relu", 200, 7, "1"),
        event("same", "Relu", 207, 9, "2"),
        event("m/MatMulAddFusion", "Gemm", 300, 60, "3"),
        end,
    ]
    found = read_profile(once * (WARM_UP + 4))
    assert [(one.node, one.operator, one.time_ms) for one in found.nodes] == [
        ("around", "Loop", 0.1),
        ("m/MatMulAddFusion", "Gemm", 0.06),
        ("same", "Relu", 0.009),
        ("same", "Relu", 0.007),
    ]
    assert sum(one.time_ms for one in found.nodes) == pytest.approx(sum(one.time_ms for one in found.operators))
    assert found.origins == {"m/MatMulAddFusion": ("m/MatMulAddFusion", "m")}


@pytest.mark.parametrize(
    ("name", "operator", "of"),
    [
        ("fused mm/MatMulAddFusion", "FusedGemm", "mm"),
        ("a/b/MatMul/MatMulScaleFusion/", "FusedMatMul", "a/b/MatMul"),
        ("m/MatmulTransposeFusion//MatMulScaleFusion/", "FusedMatMul", "m"),
        ("relu_nchwc", "Conv", "relu"),
        ("c1_token_19", "QLinearConv", "c1"),
        ("Conv_12", "Conv", "Conv_12"),
        ("m/MatMulAddFusion/Reshape", "Reshape", None),
        ("max_pool2d_nchwc", "MaxPool", None),
    ],
)
def test_what_onnx_runtime_s_names_are_made_of(name, operator, of):
    found = origins(name, operator)
    assert found == tuple(dict.fromkeys((name, of))) if of else found == ()


def weight(*shape):
    return (RANDOM.standard_normal(shape) / 8).astype(np.float32)


STEPS = (
    ("stem", "Conv", ["x", "w1"], "a", {"pads": [1] * 4}),
    ("bn", "BatchNormalization", ["a", "g", "b", "g", "v"], "a2", {}),
    ("relu", "Relu", ["a2"], "a3", {}),
    ("wide", "Conv", ["a3", "w2"], "c", {"pads": [1] * 4}),
    ("residual", "Add", ["a3", "c"], "d", {}),
    ("relu2", "Relu", ["d"], "e", {}),
    ("depth", "Conv", ["e", "w3"], "f", {"group": 16, "pads": [1] * 4}),
    ("clip", "Clip", ["f", "low", "high"], "h", {}),
    ("pool", "GlobalAveragePool", ["h"], "i", {}),
    ("flat", "Flatten", ["i"], "j", {}),
    ("fc1", "MatMul", ["j", "w4"], "k", {}),
    ("bias", "Add", ["k", "b4"], "l", {}),
    ("relu3", "Relu", ["l"], "m", {}),
    ("fc2", "Gemm", ["m", "w5", "b5"], "y", {}),
)
WEIGHTS = {
    "w1": weight(16, 8, 3, 3),
    **{"g": weight(16), "b": weight(16), "v": np.abs(weight(16)) + 1},
    "w2": weight(16, 16, 3, 3),
    "w3": weight(16, 1, 3, 3),
    **{"low": np.float32(0), "high": np.float32(6)},
    **{"w4": weight(16, 64), "b4": weight(64), "w5": weight(64, 10), "b5": weight(10)},
}
LAYERS = ("stem", "wide", "depth", "fc1", "fc2")


def save(path, nodes, weights, inputs):
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in weights.items()]
    graph = helper.make_graph(
        nodes, "g", inputs, [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)], tensors
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def network(path, called):
    """Convolutions with all that is folded and fused into them, and two linear layers; `called` names a node."""
    nodes = [helper.make_node(op, ins, [out], name=called(name), **more) for name, op, ins, out, more in STEPS]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 8, 16, 16])
    return save(path, nodes, WEIGHTS, [x])


def nodes_of(path, name, feeds):
    """The profiled nodes with their layers, and the labels of the file's layers."""
    profile = all_profiles()[name]
    runner_type = runner_class(profile.runner)
    runner_type.warm_import()
    with runner_type(path, "m", profile) as runner:
        report = runner.profile_run(feeds, optimised=True)
    layers = computed(describe(path, "m"), feeds, dict).layers
    assert sum(one.time_ms for one in report.nodes) == pytest.approx(
        sum(one.time_ms for one in report.operators), rel=0.3
    )
    found = attributed(report.nodes, report.origins, names_of(open_model(path), layers))
    return found, [layer.node for layer in layers]


@pytest.mark.parametrize("target", ["cpu", "openvino-native-f32"])
@pytest.mark.parametrize("named", [True, False])
def test_each_layer_is_found_again_through_folding_fusing_and_reordering(tmp_path, target, named):
    if target != "cpu":
        pytest.importorskip("openvino")
    path = network(tmp_path / "m.onnx", lambda name: name if named else "")
    nodes, layers = nodes_of(path, target, FED)
    told = {one.layer: one for one in nodes if one.layer}
    assert set(told) <= set(layers)
    convolutions = layers[:3]
    assert set(convolutions) <= set(told), "each convolution, by the value that it puts out"
    assert named is False or set(told) == set(layers) == set(LAYERS)
    assert all(one.operator not in ("MaxPool", "Reorder", "ReorderOutput") for one in told.values())
    if target == "cpu":
        assert told[layers[1]].node == "c_nchwc", "not the value behind the sum: that has two layers before it"


def test_what_tells_several_layers_or_none_tells_nothing(tmp_path):
    """Two nodes of one name are no fault of a file, though ONNX Runtime refuses it."""
    path = network(tmp_path / "m.onnx", lambda name: "conv" if name in ("wide", "depth") else name)
    layers = computed(describe(path, "m"), FED, dict).layers
    assert [layer.node for layer in layers].count("conv") == 2
    names = names_of(open_model(path), layers)
    fused = NodeTime(node="fused", operator="Conv", provider=CPU, time_ms=1.0)
    for made_of in (("conv",), ("c",), ("d",), ("relu2",), ("stem", "fc1"), ("unheard of",), ()):
        assert attributed([fused], {"fused": made_of}, names)[0].layer == ""
    assert attributed([fused], {"fused": ("relu", "a2", "stem")}, names)[0].layer == "stem"
    assert attributed([fused], {"other": ("stem",)}, names)[0].layer == ""


def constant(name, array):
    return helper.make_node("Constant", [], [name], value=numpy_helper.from_array(array))


def behind_constants(path):
    """Products without names behind Constant nodes, which the runtime does not count; rows that only a run shows."""
    nodes = [
        constant("w1", weight(16, 24)),
        helper.make_node("MatMul", ["x", "w1"], ["a"]),
        constant("w2", weight(24, 40)),
        helper.make_node("Compress", ["a", "rows"], ["b"], axis=0),
        helper.make_node("MatMul", ["b", "w2"], ["c"]),
        helper.make_node("Softmax", ["c"], ["d"]),
        constant("w3", weight(40, 8)),
        helper.make_node("MatMul", ["d", "w3"], ["y"]),
    ]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [6, 16])
    rows = helper.make_tensor_value_info("rows", TensorProto.BOOL, [6])
    return save(path, nodes, {}, [x, rows])


def test_constant_nodes_are_not_counted_in_the_names_of_a_profile(tmp_path):
    path = behind_constants(tmp_path / "m.onnx")
    feeds = {"x": weight(6, 16), "rows": np.array([True, True, False, False, True, False])}
    profile = all_profiles()["cpu"]
    runner_type = runner_class("cpu")
    runner_type.warm_import()
    with runner_type(path, "m", profile) as runner:
        shapes = runner.profile_run(feeds, optimised=False).output_shapes
        report = runner.profile_run(feeds, optimised=True)
    work = computed(describe(path, "m"), feeds, lambda: shapes)
    assert work.cost.macs == 6 * 16 * 24 + 3 * 24 * 40 + 3 * 40 * 8
    assert [layer.macs for layer in work.layers] == [6 * 16 * 24, 3 * 24 * 40, 3 * 40 * 8]
    found = {one.node: one.layer for one in attributed(report.nodes, report.origins, work.names)}
    assert found == {"MatMul_0": "a", "Compress_1": "", "MatMul_2": "c", "Softmax_3": "", "MatMul_4": "y"}


def test_a_script_says_what_nodes_there_are(tmp_path):
    nodes = [
        {"node": "n1", "operator": "Add", "share": 0.25},
        {"node": "n2", "operator": "MatMul", "share": 0.5, "origins": ["fc1"]},
    ]
    profile = HardwareProfile(
        schema="xbench.profile/1",
        name="sim",
        title="scripted",
        runner="fake",
        options={"scripts": {"*": {"latency_us": 2000, "nodes": nodes}}},
        evidence="-",
    )
    report = FakeRunner(tmp_path / "any.onnx", "m", profile).profile_run({}, optimised=True)
    assert [(one.node, one.time_ms) for one in report.nodes] == [("n2", 1.0), ("n1", 0.5)]
    assert report.origins == {"n2": ("fc1",)}
