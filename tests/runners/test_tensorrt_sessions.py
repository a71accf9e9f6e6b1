"""The TensorRT runner with a provider that is played: sessions of the CPU, and engines that are files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InvalidError
from xbench.records.profile import HardwareProfile
from xbench.runners import nvidia
from xbench.runners.ort_install import RuntimeInstall
from xbench.runners.tensorrt_ep import TensorRtRunner


@pytest.fixture(autouse=True)
def tf32_left_as_it_was(monkeypatch):
    """A worker settles it for its process; here the next test has the same one."""
    monkeypatch.setenv(nvidia.TF32, "")
    monkeypatch.delenv(nvidia.TF32)


class Played(TensorRtRunner):
    """Its sessions are the CPU's; where a folder holds no engine, one of `suffix` is written, as TensorRT does."""

    provider = "CPUExecutionProvider"
    homes = frozenset({provider})
    buffers = "cpu"
    suffix = "_sm90"

    @classmethod
    def warm_import(cls):
        pass

    def _providers(self, options):
        given = super()._providers(options)
        self.asked = given["providers"]
        return {"providers": ["CPUExecutionProvider"]}

    def _create(self, options):
        made = super()._create(options)
        told = dict(self.asked[0][1])
        if "trt_engine_cache_path" in told:
            engine = Path(told["trt_engine_cache_path"]) / f"TensorrtExecutionProvider_graph_0{self.suffix}.engine"
            if not engine.is_file():
                engine.write_bytes(b"engine")
        return made


@pytest.fixture
def model(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / TensorRtRunner.library).write_bytes(b"")
    runtime = RuntimeInstall("onnxruntime-gpu", "1.31.1", tmp_path)
    monkeypatch.setattr("xbench.runners.tensorrt_ep.find_runtime", lambda: runtime)
    monkeypatch.setattr("xbench.runners.tensorrt_ep.versions", lambda library, index: {"tensorrt": "10.13"})
    weight = numpy_helper.from_array(np.ones((4, 3), np.float32), "w")
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, size]) for name, size in (("x", 4), ("y", 3)))
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), tmp_path / "m.onnx"
    )
    return tmp_path / "m.onnx"


def profile(precision="tf32", **options):
    told = {"schema": "xbench.profile/1", "name": "p", "title": "t", "runner": "tensorrt", "precision": precision}
    return HardwareProfile.model_validate(
        told | {"options": {"affinity": False, **options}, "evidence": "never run", "threads": 1}
    )


FED = {"x": np.ones((2, 4), np.float32)}


def test_a_process_builds_once_and_finds_its_own_build_and_the_next_process_builds_another(model):
    uses = []
    for _ in range(4):
        with Played(model, "dense", profile()) as runner:
            runner.load()
            first = runner.cache_use()
            runner.close()
            runner.load()
            uses.append((first.kind, runner.cache_use().kind, runner.cache_use().proof.split(":")[0]))
    assert uses == [
        ("built", "hit", "build 1 of 3"),
        ("built", "hit", "build 2 of 3"),
        ("built", "hit", "build 3 of 3"),
        ("hit", "hit", "build 1 of 3"),
    ]


def test_tensorrt_comes_first_then_cuda_in_the_same_arithmetic_then_the_cpu(model):
    with Played(model, "dense", profile("fp32")) as runner:
        runner.load()
        (_, own), (cuda, cudas), *_ = runner.asked
    assert own["trt_engine_cache_enable"] == "True"
    assert cuda == "CUDAExecutionProvider"
    assert cudas == {"device_id": "0", "use_tf32": "0"}


def test_the_profiled_session_takes_the_engine_and_one_that_is_not_optimised_keeps_none(model):
    with Played(model, "dense", profile(io="bound", trt_cuda_graph_enable=True)) as runner:
        runner.load()
        assert runner.asked[0][1]["trt_cuda_graph_enable"] == "True"
        runner.profile_run(FED, optimised=True)
        assert runner.asked[0][1]["trt_cuda_graph_enable"] == "False"
        assert "trt_engine_cache_path" in runner.asked[0][1]
        runner.profile_run(FED, optimised=False)
        assert "trt_engine_cache_path" not in runner.asked[0][1]
        assert runner.infer(FED)["y"].tolist() == [[4.0] * 3] * 2


def test_with_a_graph_all_sets_are_fed_through_the_buffers_that_it_was_captured_with(model):
    with Played(model, "dense", profile(io="bound", trt_cuda_graph_enable=True)) as runner:
        runner.load()
        assert runner._bound(FED) is runner._bound({"x": FED["x"] * 2})
        assert runner.infer({"x": FED["x"] * 2})["y"].tolist() == [[8.0] * 3] * 2
        assert runner.infer(FED)["y"].tolist() == [[4.0] * 3] * 2


def test_a_precision_that_the_gpu_does_not_have_is_told_by_the_engine_that_was_built(model):
    with (
        Played(model, "dense", profile("fp16", trt_fp16_enable=True)) as runner,
        pytest.raises(InvalidError, match=r"(?s)dense in fp16.*this GPU does not have it"),
    ):
        runner.load()


def test_an_engine_that_names_the_precision_is_taken(model, monkeypatch):
    monkeypatch.setattr(Played, "suffix", "_fp16_sm90")
    with Played(model, "dense", profile("fp16", trt_fp16_enable=True)) as runner:
        runner.load()
        assert runner.cache_use().kind == "built"
