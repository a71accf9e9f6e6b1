"""OpenVINO by both ways: what is computed, in which precision it really was, and what is told where it was not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto as T
from onnx import helper, numpy_helper

from xbench.errors import InputError, InvalidError
from xbench.machine.fingerprint import cpu_flags
from xbench.plugins import runner_class
from xbench.records.profile import HardwareProfile

# Imported by the runners alone: its own import would send telemetry.
if find_spec("openvino") is None:
    pytest.skip("openvino is not installed: pip install 'xbench[openvino]'", allow_module_level=True)
pytest.importorskip("onnxruntime", reason="no ONNX Runtime is installed: pip install 'xbench[cpu]'")

import onnxruntime
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

from xbench.runners.openvino_compiled import RanNode, operator_times, prove_precision, ran_nodes, sparse_note
from xbench.runners.openvino_core import compile_file

NATIVE, PLUGIN = "openvino-native", "openvino"
HAS_BF16 = pytest.mark.skipif(
    not cpu_flags() & {"avx512_bf16", "amx_bf16"}, reason="this CPU has no bf16: nothing to tell apart"
)
QEMU = shutil.which("qemu-x86_64-static")
PLAYED = pytest.mark.skipif(
    QEMU is None or "avx2" not in cpu_flags(), reason="no qemu-x86_64-static: it plays the Intel CPU that is wanted"
)
WITH_PLUGIN = pytest.mark.skipif(
    find_spec("onnxruntime_ep_openvino") is None, reason="onnxruntime-ep-openvino is not installed (x86-64 only)"
)
WIDE = 256


def value(name, kind=T.FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def saved(path: Path, nodes, inputs, outputs, weights=(), domains=()) -> Path:
    opsets = [helper.make_opsetid("", 17), *(helper.make_opsetid(name, 1) for name in domains)]
    tensors = [numpy_helper.from_array(array, name) for name, array in dict(weights).items()]
    graph = helper.make_graph(nodes, "g", inputs, outputs, tensors)
    onnx.save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)
    return path


def mlp(path: Path, width=WIDE, zeros=0.0) -> Path:
    random = np.random.default_rng(width)
    weights = {f"w{i}": random.standard_normal(s) / 16 for i, s in enumerate([(WIDE, width), (width, WIDE)])}
    for array in weights.values():
        array[random.random(array.shape) < zeros] = 0
    nodes = [
        helper.make_node("MatMul", ["x", "w0"], ["a"]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MatMul", ["b", "w1"], ["y"]),
    ]
    weights = {name: array.astype(np.float32) for name, array in weights.items()}
    return saved(path, nodes, [value("x", shape=["n", WIDE])], [value("y", shape=["n", WIDE])], weights)


def fed(rows=4):
    return {"x": np.random.default_rng(1).standard_normal((rows, WIDE)).astype(np.float32)}


class Calibration(CalibrationDataReader):
    def __init__(self):
        self.sets = iter([fed(64)])

    def get_next(self):
        return next(self.sets, None)


def quantised(path: Path, target: Path) -> Path:
    quantize_static(path, target, Calibration(), quant_format=QuantFormat.QDQ)
    return target


def profile(runner=NATIVE, precision="fp32", threads="all", **options) -> HardwareProfile:
    return HardwareProfile.model_validate(
        {
            "schema": "xbench.profile/1",
            "name": "mine",
            "title": "Mine",
            "runner": runner,
            "precision": precision,
            "threads": threads,
            "options": options,
            "evidence": "never run",
        }
    )


def loaded(path: Path, **asked):
    chosen = profile(**asked)
    kind = runner_class(chosen.runner)
    kind.warm_import()
    runner = kind(path, path.stem, chosen)
    runner.load()
    return runner


def reference(path: Path, feeds):
    session = onnxruntime.InferenceSession(path)
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(None, feeds), strict=True))


@pytest.mark.slow
def test_compare_as_a_user_would(tmp_path):
    dense, pruned = mlp(tmp_path / "dense.onnx", 1024), mlp(tmp_path / "pruned.onnx", 64)
    command = [sys.executable, "-m", "xbench", "compare", dense, pruned, "--hardware", "openvino-native-f32"]
    ended = subprocess.run(
        [*command, "--budget", "1s", "--json", "-"], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert ended.returncode in (0, 3), ended.stderr
    data = json.loads(ended.stdout)
    (one,) = data["comparisons"]
    assert one["verdict"] != "invalid", one
    assert one["ideal_speedup"] == pytest.approx(16, rel=0.01)
    assert data["fingerprint"]["libraries"]["openvino"]
    (record,) = (tmp_path / "results").glob("*Z-*/run.json")
    (group,) = json.loads(record.read_text())["groups"]
    assert group["placements"]["pruned.onnx"] == {"OpenVINO CPU": 1.0}
    assert {time["operator"] for time in group["operators"]["dense.onnx"]} >= {"FullyConnected"}


def test_the_outputs_are_those_of_onnx_runtime_by_name(tmp_path):
    """Inputs in another order, a scalar, whole numbers, a flag that nothing uses; an output that is a copy."""
    path = saved(
        tmp_path / "m.onnx",
        [
            helper.make_node("Gather", ["x", "i"], ["y"], axis=0),
            helper.make_node("Add", ["y", "s"], ["z"]),
            helper.make_node("Identity", ["y"], ["copy"]),
            helper.make_node("Shape", ["x"], ["shape"]),
        ],
        [value("i", T.INT64, ["n"]), value("x", shape=["a", "b"]), value("s", shape=[]), value("flag", T.BOOL, [1])],
        [value("z"), value("copy"), value("y"), value("shape", T.INT64)],
    )
    feeds = {
        "s": np.array(2, np.float32),
        "flag": np.array([True]),
        "x": np.asfortranarray(np.arange(6, dtype=np.float32).reshape(3, 2)),
        "i": np.array([2, 0]),
    }
    with loaded(path) as runner:
        found, expected = runner.infer(feeds), reference(path, feeds)
        assert found.keys() == expected.keys()
        for name, array in expected.items():
            assert found[name].dtype == array.dtype
            np.testing.assert_array_equal(found[name], array)
        with pytest.raises(InvalidError, match="missing: s; unknown: scale"):
            runner.infer({**{name: array for name, array in feeds.items() if name != "s"}, "scale": feeds["s"]})
        with pytest.raises(InvalidError, match="cannot take the input 'i'"):
            runner.infer({**feeds, "i": np.array([0.5])})


def test_a_bound_call_computes_each_time_and_sizes_may_differ(tmp_path):
    path = mlp(tmp_path / "m.onnx")
    with loaded(path) as runner:
        for rows in (1, 7):
            call = runner.bind({"x": np.asfortranarray(fed(rows)["x"])})  # what is fed is kept by nobody else
            for _ in range(2):
                (output,) = call().values()
                np.testing.assert_allclose(output, reference(path, fed(rows))["y"], rtol=1e-4, atol=1e-5)


@HAS_BF16
def test_fp32_is_fp32_where_openvino_would_take_bf16(tmp_path):
    path = mlp(tmp_path / "m.onnx")
    by_itself = ran_nodes(compile_file(path, "CPU", {"PERF_COUNT": "YES"}), fed(), runner_class(NATIVE).clock)
    with pytest.raises(InvalidError, match=r"not computed in fp32.*\n.*2 FullyConnected in bf16"):
        prove_precision(by_itself, "fp32", "m")
    with loaded(path) as runner:
        assert runner.profile_run(fed(), optimised=True).notes == ()
    with loaded(path, precision="bf16") as runner:
        assert runner.profile_run(fed(), optimised=True).notes == ()
        difference = np.abs(runner.infer(fed())["y"] - reference(path, fed())["y"]).max()
    assert 1e-4 < difference < 0.1  # 8 bits of mantissa are seen, and are no fault


def test_int8_is_proven_by_what_ran(tmp_path):
    plain = mlp(tmp_path / "m.onnx")
    with loaded(quantised(plain, tmp_path / "q.onnx"), precision="int8") as runner:
        (note,) = runner.profile_run(fed(), optimised=True).notes
        assert note.startswith("100% of the time of its matrix products and convolutions is in int8")
    with loaded(plain, precision="int8") as runner, pytest.raises(InvalidError, match="not computed in int8"):
        runner.profile_run(fed(), optimised=True)


def test_dynamic_quantisation_is_no_int8_here(tmp_path):
    """ONNX Runtime has integer kernels for it, and OpenVINO turns its weights into floats: the same file."""
    target = tmp_path / "d.onnx"
    quantize_dynamic(mlp(tmp_path / "m.onnx"), target)
    with loaded(target, precision="int8") as runner, pytest.raises(InvalidError, match="FullyConnected in f32"):
        runner.profile_run(fed(), optimised=True)


def test_a_quantised_model_under_the_name_of_fp32_is_told(tmp_path):
    with loaded(quantised(mlp(tmp_path / "m.onnx"), tmp_path / "q.onnx")) as runner:
        (note,) = runner.profile_run(fed(), optimised=True).notes
    assert note.startswith(
        "0% of the time of its matrix products and convolutions is in fp32 (2 FullyConnected in i8"
    )


def test_a_planted_bf16_that_ran_in_f32_is_invalid():
    ran = [RanNode("FullyConnected", "FullyConnected", "f32", "brgemm_avx2_f32", (1000,) * 3)]
    with pytest.raises(InvalidError, match=r"not computed in bf16(?s:.*)1 FullyConnected in f32 by brgemm_avx2_f32"):
        prove_precision(ran, "bf16", "m")


def test_shares_count_time_and_runs_are_averaged_without_the_odd_one():
    quick = RanNode("MatMul", "MatMul", "f32", "gemm_f32", (1000, 1000, 9000))
    slow = RanNode("FullyConnected", "FullyConnected", "i8", "brgemm_i8", (3000, 3000, 3000))
    (note,) = prove_precision([quick, slow], "int8", "m")
    assert "75% of the time" in note
    first, second = operator_times([quick, slow], "OpenVINO CPU")
    assert (first.operator, first.time_ms, second.time_ms) == ("FullyConnected", 0.003, 0.001)


def test_sparse_weights_that_were_not_used_are_told(tmp_path):
    path = quantised(mlp(tmp_path / "m.onnx", zeros=0.9), tmp_path / "q.onnx")
    with loaded(path, precision="int8", sparse_weights_rate=0.5) as runner:
        told = runner.profile_run(fed(), optimised=True).notes[-1]
    used = "amx_int8" in cpu_flags()
    assert ("sparse weights were used" if used else "sparse weights were asked for and not used") in told


def test_the_sparse_primitive_is_known_by_its_name():
    dense = RanNode("FullyConnected", "FullyConnected", "i8", "brgemm_avx512_amx_i8", (3000,) * 3)
    sparse = RanNode("FullyConnected", "FullyConnected", "i8", "brgemm_sparse_avx512_amx_i8", (1000,) * 3)
    assert sparse_note([dense, sparse]) == (
        "sparse weights were used in its matrix products and convolutions: 1 of 2, 25% of the time"
    )


IDLE = """
import os, sys, time
from pathlib import Path
import numpy as np
from xbench.plugins import runner_class
from xbench.records.profile import HardwareProfile
kind = runner_class("openvino-native")
kind.warm_import()
assert "openvino_telemetry.main" not in sys.modules
with kind(Path(sys.argv[1]), "m", HardwareProfile.model_validate_json(sys.argv[2])) as runner:
    runner.load()
    call = runner.bind({"x": np.ones((64, 256), np.float32)})
    def used(busy):
        wall, cpu = time.monotonic(), time.process_time()
        while time.monotonic() < wall + 0.4:
            call() if busy else time.sleep(0.4)
        return (time.process_time() - cpu) / (time.monotonic() - wall)
    busy, idle = used(True), used(False)
print(busy, idle, os.listdir(os.environ["HOME"]))
"""


def test_an_idle_worker_does_not_spin_and_nothing_is_sent(tmp_path):
    """Telemetry that is on writes who it is into the home folder before it sends."""
    home = tmp_path / "home"
    home.mkdir()
    chosen = profile().model_dump_json(by_alias=True)
    command = [sys.executable, "-c", IDLE, str(mlp(tmp_path / "m.onnx")), chosen]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=60, env=os.environ | {"HOME": str(home)}, check=True
    )
    busy, idle, left = ended.stdout.split(maxsplit=2)
    assert float(idle) < 0.1 * float(busy)
    assert left.strip() == "[]"


@pytest.mark.parametrize(
    ("kind", "nodes", "domains", "told"),
    [
        (T.FLOAT, [helper.make_node("Foo", ["x"], ["y"], domain="my.own")], ("my.own",), r"my\.own\.Foo"),
        (T.STRING, [helper.make_node("Identity", ["x"], ["y"])], (), "input 'x' holds <U1"),
    ],
)
def test_what_openvino_has_not_is_named_on_one_line(tmp_path, kind, nodes, domains, told):
    path = saved(tmp_path / "m.onnx", nodes, [value("x", kind, ["n"])], [value("y", kind, ["n"])], domains=domains)
    with pytest.raises(InvalidError, match=told) as caught, loaded(path) as runner:
        runner.infer({"x": np.array(["a"])})
    assert len(str(caught.value).splitlines()) == 2
    assert str(tmp_path) not in str(caught.value)


def test_more_threads_than_openvino_takes_are_refused(tmp_path):
    with loaded(mlp(tmp_path / "m.onnx"), threads=1000) as runner, pytest.raises(InvalidError, match="1000 threads"):
        runner.placement()


@pytest.mark.parametrize("runner", [NATIVE, PLUGIN])
@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"precision": "fp16"}, "computes in fp32 or bf16 or int8"),
        ({"sparse_weights_rte": 0.5}, "did you mean 'sparse_weights_rate'"),
        ({"sparse_weights_rate": 5}, "less than or equal to 1"),
        ({"device": "TPU"}, "'device'"),
    ],
)
def test_a_profile_that_cannot_be_is_an_input_error(runner, asked, told):
    with pytest.raises(InputError, match=told):
        runner_class(runner).probe(profile(runner, **asked))


@pytest.mark.parametrize("runner", [NATIVE, PLUGIN])
def test_without_the_package_the_remedy_is_told(monkeypatch, runner):
    monkeypatch.setitem(sys.modules, "openvino", None)
    found = runner_class(runner).probe(profile(runner))
    assert not found.available
    assert "installed" in found.reason
    assert found.remedy == "pip install 'xbench[openvino]'"


@WITH_PLUGIN
def test_the_plug_in_says_which_device_it_offers_not():
    found = runner_class(PLUGIN).probe(profile(PLUGIN, precision="fp16", device="NPU"))
    if found.available:
        pytest.skip("this machine has an Intel NPU")
    assert "offers no NPU here" in found.reason
    assert "run on a machine with an Intel NPU" in found.remedy


UNDER_INTEL = """
import json, sys
from pathlib import Path
import numpy as np
import onnxruntime
from xbench.errors import InvalidError
from xbench.plugins import runner_class
from xbench.records.profile import HardwareProfile
feeds = {"x": np.random.default_rng(1).standard_normal((4, 256)).astype(np.float32)}
kind = runner_class("openvino")
kind.warm_import()
for path, asked in json.loads(sys.argv[1]):
    expected = onnxruntime.InferenceSession(path).run(None, feeds)[0]
    with kind(Path(path), "m", HardwareProfile.model_validate(asked)) as runner:
        runner.load()
        placed = runner.placement()
        assert set(placed.nodes) == {runner.provider} and placed.providers[0] == runner.provider
        runner.bind(feeds)()
        np.testing.assert_allclose(runner.infer(feeds)["y"], expected, rtol=0.02, atol=1e-3)
        try:
            report = runner.profile_run(feeds, optimised=True)
            print(set(report.provider_ns), report.notes)
        except InvalidError as error:
            print("INVALID", error.reason)
"""


@WITH_PLUGIN
@PLAYED
@pytest.mark.slow
def test_the_plug_in_runs_on_an_intel_cpu_that_is_played(tmp_path):
    """Haswell has no bf16: asked for it, the plug-in computes in f32 and says nothing."""
    path = mlp(tmp_path / "m.onnx")
    target = quantised(path, tmp_path / "q.onnx")
    asked = [
        (path, profile(PLUGIN, threads=2)),
        (path, profile(PLUGIN, precision="bf16", threads=2)),
        (target, profile(PLUGIN, precision="int8", threads=2, sparse_weights_rate=0.5)),
    ]
    told = json.dumps([(str(one), chosen.model_dump(by_alias=True, mode="json")) for one, chosen in asked])
    command = [QEMU, "-cpu", "Haswell", sys.executable, "-c", UNDER_INTEL, told]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr[-2000:]
    plain, narrow, sparse = ended.stdout.splitlines()
    assert plain == "{'OpenVINOExecutionProvider'} ()"
    assert narrow.startswith("INVALID m was not computed in bf16")
    assert "is in int8" in sparse
    assert "sparse weights were asked for and not used" in sparse
