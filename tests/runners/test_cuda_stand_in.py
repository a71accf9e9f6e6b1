"""ONNX Runtime's own CUDA provider, on a stand-in for CUDA's libraries: what it is told, and when a call ends.

No GPU takes part and nothing is computed. But the provider is the real one: it parses the options, places the nodes,
takes bound buffers and captures graphs, and the stand-in writes down what it asks CUDA for.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest

GPU_BUILD = os.environ.get("XBENCH_GPU_BUILD", "")
if not GPU_BUILD or not shutil.which("gcc") or not shutil.which("nm"):
    pytest.skip(
        "XBENCH_GPU_BUILD names no folder (pip install --no-deps --target DIR onnxruntime-gpu==1.31.1), or no gcc",
        allow_module_level=True,
    )
PROVIDER = Path(GPU_BUILD) / "onnxruntime/capi/libonnxruntime_providers_cuda.so"
STAND_IN = Path(__file__).with_name("cuda_stand_in.c")
LIBRARIES = ("libcublas.so.13", "libcublasLt.so.13", "libcudart.so.13", "libcurand.so.10", "libcuda.so.1")

SESSION = """
import json, os, sys, time, types
from pathlib import Path
import numpy as np, onnx
from onnx import TensorProto, helper, numpy_helper
from xbench.errors import XbenchError
from xbench.records.profile import HardwareProfile
from xbench.runners import nvidia
from xbench.runners.cuda import CudaRunner

folder, options = Path(sys.argv[1]), json.loads(sys.argv[2])
x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", 64]) for name in "xy")
nodes = [helper.make_node("MatMul", ["x", "w"], ["h"]), helper.make_node("Relu", ["h"], ["y"])]
weights = [numpy_helper.from_array(np.ones((64, 64), np.float32), "w")]
model = helper.make_model(helper.make_graph(nodes, "g", [x], [y], weights),
                          opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
onnx.save(model, folder / "m.onnx")
if options.pop("played_torch", False):
    class Event:
        def __init__(self, enable_timing):
            pass
        def record(self, stream):
            self.at = time.perf_counter()
        def synchronize(self):
            pass
        def elapsed_time(self, later):
            return 1000 * (later.at - self.at)
    cuda = types.SimpleNamespace(Stream=lambda device: types.SimpleNamespace(cuda_stream=0x60), Event=Event)
    nvidia._torch_with_cuda = lambda: types.SimpleNamespace(cuda=cuda)
told = {"schema": "xbench.profile/1", "name": "p", "title": "t", "runner": "cuda", "evidence": "never run"}
profile = HardwareProfile.model_validate(told | {"options": {"affinity": False} | options, "threads": 1})
log, answer = folder / "log", {}
os.environ["STAND_IN_LOG"] = str(log)

def asked(call):
    log.write_text("")
    call()
    return log.read_text().split("\\n")[:-1]

try:
    CudaRunner.warm_import()
    with CudaRunner(folder / "m.onnx", "dense", profile) as runner:
        runner.load()
        answer["nodes"] = runner.placement().nodes
        feeds = [{"x": np.ones((2, 64), np.float32)} for _ in range(2)]
        calls = [runner.bind(feed) for feed in feeds]
        answer["calls"] = [[asked(call) for call in calls] for _ in range(3)]
        answer["infer"] = asked(lambda: answer.update(shape=runner.infer(feeds[0])["y"].shape))
        answer["infer again"] = asked(lambda: runner.infer(feeds[1]))
        if runner.options.io == "bound":
            answer["queued"] = asked(runner._call_for(feeds[0]).queue if runner.options.captures else calls[0]._call.queue)
        report = runner.profile_run(feeds[0], optimised=True)
        answer |= {"notes": report.notes, "profiled": sorted(report.provider_ns), "seen": len(report.output_shapes)}
        del calls
        runner.close()
        runner.load()
except XbenchError as error:
    answer["error"] = str(error)
print(json.dumps(answer))
"""


@pytest.fixture(scope="module")
def stand_in(tmp_path_factory):
    """A folder with libraries of CUDA's names that have every function that the provider links to."""
    folder = tmp_path_factory.mktemp("cuda")
    listed = subprocess.run(["nm", "-D", "--undefined-only", PROVIDER], capture_output=True, text=True, check=True)
    wanted = defaultdict(set)
    for line in listed.stdout.splitlines():
        name, _, version = line.split()[-1].partition("@")
        if version.startswith("lib"):
            wanted[version].add(name)
        elif re.match(r"cu[A-Z]", name):
            wanted["libcuda.so.1"].add(name)
        elif name.startswith("curand"):
            wanted["libcurand.so.10"].add(name)
    for library in LIBRARIES:
        written = STAND_IN.read_text() if library.startswith("libcudart") else ""
        missing = sorted(name for name in wanted[library] if not re.search(rf"\b{name}\(", written))
        source = written + "".join(f"int {name}(void) {{ return 0; }}\n" for name in missing)
        source = re.sub(r"int (cublas\w*Create\w*)\(void\) {", r"int \1(void **h) { *h = (void *)0x50;", source)
        (folder / "source.c").write_text(source)
        (folder / "versions").write_text(f"{library} {{ global: *; }};\n")
        versioned = [f"-Wl,--version-script={folder / 'versions'}"] if ".so.13" in library else []
        command = ["gcc", "-w", "-fno-builtin", "-shared", "-fPIC", "-o", str(folder / library), "-x", "c"]
        command += [str(folder / "source.c"), f"-Wl,-soname,{library}", *versioned]
        subprocess.run(command, check=True, timeout=60)
    return folder


@pytest.fixture
def told(stand_in, tmp_path):
    """Runs a session with these options, and gives what it told."""

    def run(environment=None, **options):
        command = [sys.executable, "-c", SESSION, str(tmp_path), json.dumps(options)]
        environment = os.environ | {"PYTHONPATH": GPU_BUILD, "LD_LIBRARY_PATH": str(stand_in)} | (environment or {})
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
        assert done.returncode == 0, done.stderr[-2000:]
        return json.loads(done.stdout.splitlines()[-1])

    return run


ENDED = ["wait for stream", "wait for device"]


def test_with_copies_the_nodes_are_on_cuda_and_each_call_waits_for_its_stream(told):
    answer = told(io="copies")
    assert answer["nodes"] == {"CUDAExecutionProvider": 2}
    assert {log[-1] for calls in answer["calls"] for log in calls} == {"wait for stream"}
    assert answer["shape"] == [2, 64]


def test_a_bound_call_ends_when_the_device_has_finished_and_a_queued_one_does_not_wait(told):
    answer = told(io="bound")
    assert all(log[-2:] == ENDED for calls in answer["calls"] for log in calls)
    assert answer["queued"] == []


def test_a_graph_is_captured_for_each_set_after_its_first_call_and_replayed_from_then_on(told):
    answer = told(io="bound", enable_cuda_graph=True)
    first, second, third = answer["calls"]
    for log in first:
        assert not {"capture", "replay"} & set(log), "the first inference is an ordinary one"
    for log in second:
        assert [one for one in log if not one.startswith("wait")] == ["capture", "replay"]
    for log in third:
        assert log == ["replay", *ENDED]
    assert answer["infer"].count("capture") == 1
    assert answer["infer"][-3:] == ["replay", *ENDED]
    assert answer["infer again"].count("capture") == 0, "the same shapes take the same graph"
    assert answer["infer again"].count("replay") == 3
    assert answer["queued"] == ["replay"]
    assert (answer["profiled"], answer["seen"]) == (["CUDAExecutionProvider"], 2), "profiled without a graph"


def test_the_provider_takes_every_option_that_we_have(told):
    answer = told(
        io="bound", cudnn_conv_algo_search="HEURISTIC", cudnn_conv_use_max_workspace=False, prefer_nhwc=False,
        gpu_mem_limit=512, arena_extend_strategy="kSameAsRequested", do_copy_in_default_stream=False,
    )  # fmt: skip
    assert "error" not in answer


@pytest.mark.parametrize("graph", [False, True])
def test_the_provider_takes_a_stream_of_pytorch_and_device_times_are_told_beside(told, graph):
    answer = told(io="bound", enable_cuda_graph=graph, has_user_compute_stream=True, played_torch=True)
    assert re.fullmatch(r"device time by CUDA events [\d.]+ ms an inference \(median of 29\)", answer["notes"][0])


@pytest.mark.parametrize(("bytes_", "needed"), [("0", ""), ("1000", "a buffer of 0 MiB could not be had; ")])
def test_a_gpu_without_memory_is_told_as_that(told, bytes_, needed):
    """Nothing can be had at all; or not the weights."""
    answer = told({"STAND_IN_BYTES": bytes_}, io="bound")
    assert answer["error"].startswith("dense needs more memory than GPU 0 has free\n")
    assert needed in answer["error"]
