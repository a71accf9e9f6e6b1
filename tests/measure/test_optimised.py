"""The graph that ONNX Runtime makes of a file on this CPU, held against the file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto as T
from onnx import helper, numpy_helper

from xbench.errors import InvalidError
from xbench.measure.optimised import optimised_audit
from xbench.profiles.finding import all_profiles
from xbench.runners.cpu import CpuRunner
from xbench.runners.fake import FakeRunner

RNG = np.random.default_rng(0)


def pruned(*shape):
    weight = RNG.standard_normal(shape).astype(np.float32)
    weight[RNG.random(shape) < 0.6] = 0
    return weight


def write(path: Path, nodes, weights, shape) -> Path:
    x, y = helper.make_tensor_value_info("x", T.FLOAT, shape), helper.make_tensor_value_info("y", T.FLOAT, None)
    stored = [numpy_helper.from_array(np.asarray(weight), name) for name, weight in weights.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], stored)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)
    return path


def node(op_type, inputs, output, name="", **attributes):
    return helper.make_node(op_type, inputs.split(), [output], name=name or output, **attributes)


@pytest.fixture
def cpu():
    CpuRunner.warm_import()

    def made(path: Path, **options) -> CpuRunner:
        profile = all_profiles()["cpu"].model_copy(update={"options": {"affinity": False, **options}, "threads": 1})
        return CpuRunner(path, "half", profile)

    return made


def looked_at(cpu, path, **options):
    return optimised_audit(cpu(path, **options), path, "half")


@pytest.mark.parametrize("level", ["none", "extended", "all"])
def test_convolutions_fused_reordered_and_padded(cpu, tmp_path, level):
    """The first takes few channels, the second is of whole blocks, the third depthwise, the last padded to 32."""
    nodes = [
        node("Conv", "x a", "1", pads=[1] * 4),
        node("BatchNormalization", "1 s b m v", "2"),
        node("Relu", "2", "3"),
        node("Conv", "3 c", "4", pads=[1] * 4),
        node("Conv", "4 d", "5", group=32),
        node("Conv", "5 e", "y"),
    ]
    weights = {
        "a": pruned(24, 3, 3, 3),
        "c": pruned(32, 24, 3, 3),
        "d": pruned(32, 1, 3, 3),
        "e": pruned(20, 32, 1, 1),
    }
    zeros = sum(int((weight == 0).sum()) for weight in weights.values())
    norm = {name: RNG.uniform(0.5, 2, 24).astype(np.float32) for name in "sbmv"}
    found = looked_at(cpu, write(tmp_path / "m.onnx", nodes, weights | norm, [1, 3, 12, 12]), optimisation=level)
    assert (found.weights, found.followed, found.unfollowed) == (4, 4, ())
    assert found.zeros == found.file_zeros == zeros


def quantised(name, weight, axis):
    scale = (np.abs(weight).max(axis=tuple(i for i in range(weight.ndim) if i != axis)) / 127).astype(np.float32)
    spread = scale.reshape([-1 if i == axis else 1 for i in range(weight.ndim)])
    stored = {f"{name}_q": np.rint(weight / spread).astype(np.int8), f"{name}_s": scale}
    stored[f"{name}_z"] = np.zeros(len(scale), np.int8)
    return node("DequantizeLinear", f"{name}_q {name}_s {name}_z", name, axis=axis), stored


def test_integers_between_quantize_and_dequantize(cpu, tmp_path):
    conv, conv_weights = quantised("a", pruned(16, 8, 3, 3), 0)
    gemm, gemm_weights = quantised("c", pruned(16, 24), 1)
    steps = {"s": np.float32(0.05), "z": np.uint8(120)}
    nodes = [conv, gemm]
    for number, (op_type, inputs, attributes) in enumerate(
        [("Conv", "1d a", {}), ("GlobalAveragePool", "2d", {}), ("Flatten", "3d", {}), ("MatMul", "4d c", {})],
        start=1,
    ):
        before = "x" if number == 1 else f"{number}"
        nodes += [
            node("QuantizeLinear", f"{before} s z", f"{number}q"),
            node("DequantizeLinear", f"{number}q s z", f"{number}d"),
            node(op_type, inputs, f"{number + 1}", **attributes),
        ]
    nodes += [node("QuantizeLinear", "5 s z", "5q"), node("DequantizeLinear", "5q s z", "y")]
    path = write(tmp_path / "m.onnx", nodes, conv_weights | gemm_weights | steps, [1, 8, 6, 6])
    found = looked_at(cpu, path)
    assert (found.weights, found.followed, found.unfollowed) == (2, 2, ())


def test_a_mask_that_is_folded_and_one_that_is_not(cpu, tmp_path):
    mask = (RNG.random((16, 8)) > 0.5).astype(np.float32)
    nodes = [node("Mul", "w m", "wm"), node("MatMul", "x wm", "y", "fc")]
    path = write(
        tmp_path / "m.onnx", nodes, {"w": RNG.standard_normal((16, 8)).astype(np.float32), "m": mask}, [2, 16]
    )
    folded = looked_at(cpu, path)
    assert (folded.followed, folded.zeros) == (1, int((mask == 0).sum()))
    assert folded.note == "the mask was multiplied in when the file was loaded: fc (MatMul)"
    assert looked_at(cpu, path, optimisation="none").note == "multiplied by its mask in each inference: fc (MatMul)"


class Tampering:
    """A runtime that writes what `change` makes of the optimised weights."""

    def __init__(self, runner, change) -> None:
        self._runner, self._change = runner, change

    def write_optimised(self, path: Path) -> str:
        assert self._runner.write_optimised(path) == ""
        model = onnx.load(path)
        for tensor in model.graph.initializer:
            tensor.CopyFrom(numpy_helper.from_array(self._change(numpy_helper.to_array(tensor).copy()), tensor.name))
        onnx.save(model, path)
        return ""


def densified(weight):
    weight[weight == 0] = 1e-8
    return weight


@pytest.mark.parametrize(
    ("nodes", "shape", "weight"),
    [
        ([node("Gemm", "x w", "y", "fc", transB=1)], [2, 16], pruned(8, 16)),
        ([node("Conv", "x w", "y", "fc")], [1, 16, 4, 4], pruned(32, 16, 1, 1)),
    ],
)
def test_a_loss_in_the_optimised_graph_names_the_layer(cpu, tmp_path, nodes, shape, weight):
    path = write(tmp_path / "m.onnx", nodes, {"w": weight}, shape)
    zeros = int((weight == 0).sum())
    told = (
        rf"Zeros of half were lost in the graph that the runtime optimised\nfc \(\w+\) has {zeros} zeros .* and 0 of"
    )
    with pytest.raises(InvalidError, match=told):
        optimised_audit(Tampering(cpu(path), densified), path, "half")


def test_what_cannot_be_looked_into_says_why(cpu, tmp_path):
    path = write(tmp_path / "m.onnx", [node("MatMul", "x w", "y")], {"w": pruned(16, 8)}, [2, 16])
    other = optimised_audit(FakeRunner.__new__(FakeRunner), path, "half")
    assert other.note == "the graph that this runtime makes of the file cannot be looked into"
    compiling = cpu(path)
    compiling.provider = "TensorrtExecutionProvider"
    found = optimised_audit(compiling, path, "half")
    assert (found.weights, found.followed) == (1, 0)
    assert found.note.endswith("cannot be looked into: TensorrtExecutionProvider compiles the nodes that it takes")
    dense = write(tmp_path / "d.onnx", [node("MatMul", "x w", "y")], {"w": np.ones((16, 8), np.float32)}, [2, 16])
    assert looked_at(cpu, dense).note == "no weight of the file holds a zero"
