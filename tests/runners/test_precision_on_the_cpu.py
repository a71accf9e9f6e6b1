"""int8 on the CPU provider: files quantised by ONNX Runtime's own tool, compared as a user would."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import ml_dtypes
import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.artifacts.describing import describe
from xbench.artifacts.parity import TOLERANCE
from xbench.artifacts.precision import held_precision
from xbench.errors import InvalidError
from xbench.profiles.finding import all_profiles
from xbench.records.measurement import OperatorTime
from xbench.runners.cpu import CpuRunner
from xbench.runners.ort_precision import prove_integer

ROWS, SIZE = 32, 256
CPU = "CPUExecutionProvider"


def save(path: Path, weights, kind=TensorProto.FLOAT, before=()) -> Path:
    nodes = [
        *before,
        helper.make_node("MatMul", ["x", "w0"], ["a"], name="first"),
        helper.make_node("Relu", ["a"], ["b"], name="relu"),
        helper.make_node("MatMul", ["b", "w1"], ["y"], name="second"),
    ]
    x, y = (helper.make_tensor_value_info(name, kind, [ROWS, SIZE]) for name in "xy")
    tensors = [numpy_helper.from_array(array, name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


def dense() -> dict[str, np.ndarray]:
    random = np.random.default_rng(0)
    return {f"w{i}": (random.standard_normal((SIZE, SIZE)) / np.sqrt(SIZE)).astype(np.float32) for i in range(2)}


class Samples:
    """What activations are like, for the tool."""

    def __init__(self, *shape):
        random = np.random.default_rng(1)
        shape = shape or (ROWS, SIZE)
        self._left = [{"x": random.standard_normal(shape).astype(np.float32)} for _ in range(4)]

    def get_next(self):
        return self._left.pop() if self._left else None


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> Path:
    """The same model: float, quantised with Q/DQ, as operators, dynamically, in its weights only, and in bfloat16."""
    from onnxruntime.quantization import QuantFormat, QuantType, quantize_dynamic, quantize_static

    folder = tmp_path_factory.mktemp("files")
    path = save(folder / "dense.onnx", dense())
    unsigned = {"activation_type": QuantType.QUInt8, "weight_type": QuantType.QInt8}
    quantize_static(path, folder / "qdq.onnx", Samples(), quant_format=QuantFormat.QDQ, **unsigned)
    quantize_static(path, folder / "operators.onnx", Samples(), quant_format=QuantFormat.QOperator, **unsigned)
    quantize_dynamic(path, folder / "dynamic.onnx")
    steps = {name: np.float32(np.abs(array).max() / 127) for name, array in dense().items()}
    integers = {f"{name}_q": np.round(array / steps[name]).astype(np.int8) for name, array in dense().items()}
    scales = {f"{name}_s": np.asarray(step) for name, step in steps.items()}
    made = [helper.make_node("DequantizeLinear", [f"{n}_q", f"{n}_s"], [n], name=f"{n}_dq") for n in dense()]
    save(folder / "weights.onnx", {**integers, **scales}, before=made)
    narrow = {f"{name}_n": array.astype(ml_dtypes.bfloat16) for name, array in dense().items()}
    cast = [helper.make_node("Cast", [f"{name}_n"], [name], to=TensorProto.FLOAT) for name in dense()]
    save(folder / "bfloat16.onnx", narrow, before=cast)
    onnx.save(ready_to_quantise(), folder / "float_qdq.onnx")
    onnx.save(cnn(), folder / "cnn_float.onnx")
    quantize_static(folder / "cnn_float.onnx", folder / "cnn.onnx", Samples(1, 3, 8, 8), **unsigned)
    return folder


def ready_to_quantise() -> onnx.ModelProto:
    """One product whose weight is stored in floats and quantised by nodes, as PyTorch and TensorRT's tools write."""
    weight = dense()["w0"]
    step = np.asarray(np.float32(np.abs(weight).max() / 127))
    zero = np.asarray(np.int8(0))
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "s", "z"], ["xd"]),
        helper.make_node("QuantizeLinear", ["w", "s", "z"], ["wq"]),
        helper.make_node("DequantizeLinear", ["wq", "s", "z"], ["wd"]),
        helper.make_node("MatMul", ["xd", "wd"], ["y"]),
    ]
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [ROWS, SIZE]) for name in "xy")
    tensors = [numpy_helper.from_array(array, name) for name, array in (("w", weight), ("s", step), ("z", zero))]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def cnn() -> onnx.ModelProto:
    """A convolution and a Gemm."""
    random = np.random.default_rng(2)
    weights = {"k": random.standard_normal((16, 3, 3, 3)), "g": random.standard_normal((1024, 10)), "b": np.zeros(10)}
    nodes = [
        helper.make_node("Conv", ["x", "k"], ["c"], pads=[1, 1, 1, 1], name="conv"),
        helper.make_node("Flatten", ["c"], ["f"], name="flatten"),
        helper.make_node("Gemm", ["f", "g", "b"], ["y"], name="gemm"),
    ]
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", [1, 3, 8, 8]), ("y", [1, 10])))
    tensors = [numpy_helper.from_array(array.astype(np.float32), name) for name, array in weights.items()]
    graph = helper.make_graph(nodes, "g", [x], [y], tensors)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)


def compared(folder: Path, base: str, candidate: str, hardware: str):
    """Exit code, and the comparison that `xbench compare` tells."""
    options = ("--hardware", hardware, "--budget", "1s", "--quiet", "--json", "-")
    command = [sys.executable, "-m", "xbench", "compare", f"{base}.onnx", f"{candidate}.onnx", *options]
    ended = subprocess.run(command, cwd=folder, env=os.environ, capture_output=True, text=True, timeout=300)
    told = json.loads(ended.stdout)
    (one,) = told["comparisons"]
    return ended.returncode, one, ended.stdout


MEASURED = ("faster", "slower", "same", "inconclusive")


@pytest.mark.parametrize("hardware", ["cpu", "cpu-int8"])
def test_quantised_files_are_compared_on_either_precision(files, hardware):
    """On `cpu`, optimised against not: QLinearMatMul against fp32 products of what Q/DQ gives."""
    code, one, told = compared(files, "qdq", "dynamic", hardware)
    assert one["verdict"] in MEASURED, one["reasons"]
    assert code in (0, 3)
    share = "100% of the time of its matrix products and convolutions is in integer kernels (QLinearMatMul)"
    held = "qdq.onnx holds int8 weights, and cpu names the precision fp32"
    assert (share in told, held in told) == (hardware == "cpu-int8", hardware == "cpu")


def test_a_float_file_is_refused_where_int8_is_named(files):
    code, one, _ = compared(files, "dense", "qdq", "cpu-int8")
    assert (code, one["verdict"]) == (4, "invalid")
    assert "cpu-int8 names the precision int8, and dense.onnx holds no 8-bit weights: they are float32" in str(one)


def test_integers_that_are_only_made_floats_again_are_no_int8(files):
    code, one, _ = compared(files, "weights", "qdq", "cpu-int8")
    assert (code, one["verdict"]) == (4, "invalid")
    assert "No integer kernel ran in weights.onnx" in str(one)


def profiled(files: Path, name: str, precision: str, shape=(ROWS, SIZE)):
    CpuRunner.warm_import()
    profile = all_profiles()["cpu"].model_copy(update={"precision": precision, "threads": 1})
    with CpuRunner(files / f"{name}.onnx", name, profile) as runner:
        return runner.profile_run({"x": np.ones(shape, np.float32)}, optimised=True)


@pytest.mark.parametrize(
    ("name", "operators"),
    [
        ("qdq", "QLinearMatMul"),
        ("operators", "QLinearMatMul"),
        ("dynamic", "DynamicQuantizeMatMul"),
        ("cnn", "QGemm, QLinearConv"),
    ],
)
def test_integer_kernels_are_proven_by_what_ran(files, name, operators):
    shape = (1, 3, 8, 8) if name == "cnn" else (ROWS, SIZE)
    (note,) = profiled(files, name, "int8", shape).notes
    assert note.startswith("100% of the time")
    assert note.endswith(f"is in integer kernels ({operators})")


def test_bfloat16_that_is_cast_to_floats_is_no_bfloat16(files):
    with pytest.raises(InvalidError, match="MatMul took float"):
        profiled(files, "bfloat16", "bf16")


def times(*rows):
    return [OperatorTime(operator=name, provider=CPU, nodes=nodes, time_ms=ms) for name, nodes, ms in rows]


def test_the_share_is_of_products_and_convolutions_alone():
    some = times(("QLinearConv", 3, 3.0), ("Conv", 1, 1.0), ("Relu", 9, 96.0))
    assert prove_integer(some, "m").startswith("75% of the time")
    tiny = times(("QGemm", 1, 0.0), ("Gemm", 3, 0.0))
    assert prove_integer(tiny, "m").startswith("25% of the time")
    with pytest.raises(InvalidError, match="DequantizeLinear made floats of its weights, and what ran is MatMul"):
        prove_integer(times(("DequantizeLinear", 1, 1.0), ("MatMul", 1, 1.0)), "m")
    with pytest.raises(InvalidError, match="too few of the events"):
        prove_integer([], "m")


HELD = {"dense": "fp32", "bfloat16": "bf16"} | dict.fromkeys(
    ("qdq", "operators", "dynamic", "weights", "float_qdq"), "int8"
)


@pytest.mark.parametrize(("name", "held"), HELD.items())
def test_what_a_file_holds_is_seen_through_its_operators(files, name, held):
    audit = describe(files / f"{name}.onnx", name).audit
    assert held_precision(audit) == held
    assert audit.elements == SIZE * SIZE * (1 if name == "float_qdq" else 2)


def test_weights_that_a_file_rounds_to_zero_are_zeros(files):
    """Stored as floats, all of them not zero."""
    weight = dense()["w0"]
    audit = describe(files / "float_qdq.onnx", "m").audit
    assert audit.zeros == np.count_nonzero(np.rint(weight / (np.abs(weight).max() / 127)) == 0) > 0
    assert np.all(weight != 0)


def test_one_layer_of_low_precision_is_enough_for_its_tolerance(files):
    audit = describe(files / "dense.onnx", "dense").audit
    layers = (audit.layers[0], audit.layers[1].model_copy(update={"dtype": "uint8", "elements": 1}))
    assert audit.model_copy(update={"layers": layers}).precision == "float32"
    assert TOLERANCE[held_precision(audit.model_copy(update={"layers": layers}))] == TOLERANCE["int8"]
