"""A GPU provider that is not there is an error, never a CPU session under its name."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InputError
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles
from xbench.runners.ort_install import find_runtime, missing_library

DRIVER = not missing_library("libcuda.so.1")
NO_DRIVER = pytest.mark.skipif(DRIVER, reason="this machine has an NVIDIA driver: the providers may really load")
GPU_BUILD = os.environ.get("XBENCH_GPU_BUILD", "")

# Past the probe, in a process of its own: the runner's own `load` must see the fallback.
FORCED = """
import json, sys
from pathlib import Path
from xbench.errors import XbenchError
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles

profile = all_profiles()[sys.argv[1]]
kind = runner_class(profile.runner)
answer = {"probe": kind.probe(profile).model_dump()}
kind.warm_import()
import onnxruntime
answer |= {"from": onnxruntime.__file__, "offers": onnxruntime.get_available_providers()}
with kind(Path(sys.argv[2]), "m", profile) as runner:
    try:
        runner.load()
        answer |= {"error": None, "placement": runner.placement().model_dump()}
    except XbenchError as error:
        answer |= {"error": type(error).__name__, "told": str(error)}
print(json.dumps(answer))
"""


def forced(name: str, folder: Path, **environment: str) -> dict:
    weight = numpy_helper.from_array(np.ones((4, 4), np.float32), "w")
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 4]) for n in "xy")
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "m.onnx")
    environment = os.environ | {"XDG_CACHE_HOME": str(folder)} | environment
    command = [sys.executable, "-c", FORCED, name, str(folder / "m.onnx")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


PROVIDERS = {"cuda-fp32": "CUDAExecutionProvider", "tensorrt-tf32": "TensorrtExecutionProvider"}


@NO_DRIVER
@pytest.mark.parametrize("name", PROVIDERS)
def test_the_installed_runtime_does_not_fall_back_to_the_cpu(tmp_path, name):
    answer = forced(name, tmp_path)
    assert not answer["probe"]["available"]
    assert "no NVIDIA driver: libcuda.so.1" in answer["probe"]["reason"]
    assert answer["error"] == "InvalidError"
    assert PROVIDERS[name] in answer["told"]


@NO_DRIVER
@pytest.mark.skipif(
    not GPU_BUILD,
    reason="XBENCH_GPU_BUILD names no folder: pip install --no-deps --target DIR onnxruntime-gpu==1.31.1",
)
@pytest.mark.parametrize("name", PROVIDERS)
def test_the_gpu_build_without_its_libraries_does_not_fall_back_to_the_cpu(tmp_path, name):
    """It offers the provider, prints that a library is missing, and gives a CPU session."""
    answer = forced(name, tmp_path, PYTHONPATH=GPU_BUILD)
    assert answer["from"].startswith(GPU_BUILD)
    assert PROVIDERS[name] in answer["offers"]
    assert "no NVIDIA driver" in answer["probe"]["reason"]
    assert answer["error"] == "InvalidError"
    assert PROVIDERS[name] in answer["told"]


@pytest.mark.parametrize("name", ["cpu", "cuda-fp32", "tensorrt-tf32"])
def test_an_option_that_a_runner_does_not_know_is_named(name):
    profile = all_profiles()[name].model_copy(update={"options": {"warp_speed": True}})
    with pytest.raises(InputError, match=r"(?s)'warp_speed'.*spinning"):
        runner_class(profile.runner).probe(profile)


def test_a_runner_that_nobody_has_is_named_with_the_nearest():
    with pytest.raises(InputError, match="did you mean 'cuda'"):
        runner_class("cudaa")


def test_probing_imports_no_runtime():
    code = (
        "import sys\nfrom xbench.profiles.finding import all_profiles\nfrom xbench.profiles.matching import availability\n"
        "[availability(p) for p in all_profiles().values() if p.runner == 'cpu']\n"
        "sys.exit('onnxruntime' in sys.modules or 'torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], timeout=60).returncode == 0
    assert find_runtime() is not None
