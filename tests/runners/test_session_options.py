"""What sessions of ONNX Runtime are told, and what they do then; in processes of their own where it holds for one."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from xbench.errors import InputError, InvalidError
from xbench.plugins import RUNNERS, runner_class
from xbench.profiles.finding import all_profiles
from xbench.runners.cpu import CpuRunner
from xbench.runners.ort_options import DenormalsOfTheProcess

QEMU = shutil.which("qemu-x86_64-static")
# A CPU with AVX2 and without VNNI.
HASWELL = [QEMU, "-cpu", "Haswell"] if QEMU and platform.machine() == "x86_64" else []
DENORMAL = 1e-40  # below float32's smallest normal number, 1.2e-38


def scale(path: Path) -> Path:
    """Times a denormal number: what comes out for ones is that number, or zero."""
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, [4096]) for name in "xy")
    factor = numpy_helper.from_array(np.full(4096, DENORMAL, np.float32), "c")
    graph = helper.make_graph([helper.make_node("Mul", ["x", "c"], ["y"])], "g", [x], [y], [factor])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path)
    return path


SESSIONS = """
import sys
from pathlib import Path
import numpy as np
from xbench.profiles.finding import all_profiles
from xbench.runners.cpu import CpuRunner

chosen = {"denormals_as_zero": sys.argv[2] == "True", "affinity": False}
profile = all_profiles()["cpu"].model_copy(update={"options": chosen, "threads": int(sys.argv[3])})
feeds = {"x": np.ones(4096, np.float32)}
CpuRunner.warm_import()
with CpuRunner(Path(sys.argv[1]), "m", profile) as runner:
    seen = []
    for _ in range(2):
        runner.load()
        seen.append(runner.infer(feeds)["y"].max())
        runner.profile_run(feeds, optimised=True)
        seen.append(runner.infer(feeds)["y"].max())
        runner.close()
print(all(seen) - (not any(seen)))
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("as_zero", [False, True])
def test_denormals_are_the_same_in_all_sessions_of_a_process(tmp_path, as_zero, threads):
    """The first one, a profiled one, and one that is created after it was closed."""
    command = [sys.executable, "-c", SESSIONS, scale(tmp_path / "m.onnx"), as_zero, threads]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=60)
    assert ended.stdout.strip() == ("-1" if as_zero else "1"), ended.stderr


def test_a_process_does_not_mix_denormals():
    process = DenormalsOfTheProcess()
    process.agree(False)
    process.agree(False)
    with pytest.raises(InvalidError, match="denormals_as_zero: true cannot be had in this process"):
        process.agree(True)


def test_the_session_is_told_what_the_profile_says(tmp_path):
    CpuRunner.warm_import()
    chosen = {
        "arena": False,
        "memory_pattern": False,
        "optimisation": "basic",
        "spinning": True,
        "avoid_saturation": True,
        "affinity": False,
    }
    profile = all_profiles()["cpu"].model_copy(update={"options": chosen, "threads": 3})
    made = CpuRunner(tmp_path / "m.onnx", "m", profile)._session_options(optimised=True)
    assert (made.enable_cpu_mem_arena, made.enable_mem_pattern, made.intra_op_num_threads) == (False, False, 3)
    assert made.graph_optimization_level.name == "ORT_ENABLE_BASIC"
    assert made.get_session_config_entry("session.intra_op.allow_spinning") == "1"
    assert made.get_session_config_entry("session.x64quantprecision") == "1"
    assert made.get_session_config_entry("session.set_denormal_as_zero") == "0"
    with pytest.raises(RuntimeError):
        made.get_session_config_entry("session.intra_op_thread_affinities")


SATURATED = """
import sys
from pathlib import Path
import numpy as np
from xbench.profiles.finding import all_profiles
from xbench.runners.cpu import CpuRunner

chosen = {"avoid_saturation": sys.argv[2] == "True", "affinity": False}
profile = all_profiles()["cpu"].model_copy(update={"options": chosen, "threads": 1})
CpuRunner.warm_import()
with CpuRunner(Path(sys.argv[1]), "m", profile) as runner:
    runner.load()
    print(runner.infer({"x": np.full((4, 64), 255, np.uint8)})["y"].max())
"""


@pytest.mark.skipif(not HASWELL, reason="qemu-x86_64-static is not here, or this is no x86")
@pytest.mark.parametrize(("avoided", "told"), [(False, range(255)), (True, [255])])
def test_saturation_without_vnni_and_its_remedy(tmp_path, avoided, told):
    """64 products of 255 by 127, as one byte that should be 255: their pairs do not fit into 16 bits."""
    numbers = {"w": np.full((64, 16), 127, np.int8), "one": np.float32(1), "zero": np.uint8(0), "still": np.int8(0)}
    numbers["scale"] = np.float32(127 * 64)
    tensors = [numpy_helper.from_array(np.asarray(array), name) for name, array in numbers.items()]
    inputs = ["x", "one", "zero", "w", "one", "still", "scale", "zero"]
    x, y = (
        helper.make_tensor_value_info(n, TensorProto.UINT8, shape) for n, shape in (("x", [4, 64]), ("y", [4, 16]))
    )
    graph = helper.make_graph([helper.make_node("QLinearMatMul", inputs, ["y"])], "g", [x], [y], tensors)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), tmp_path / "m.onnx"
    )
    command = [*HASWELL, sys.executable, "-c", SATURATED, tmp_path / "m.onnx", avoided]
    ended = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=120)
    assert int(ended.stdout) in told, ended.stderr


@pytest.mark.parametrize("runner", [name for name in RUNNERS if name != "fake"])
def test_a_misspelt_option_names_the_nearest(runner):
    """Of each runner, before a library is looked for."""
    profile = next(profile for profile in all_profiles().values() if profile.runner == runner)
    kind = runner_class(runner)
    option = sorted(kind.options_type.model_json_schema(by_alias=True)["properties"])[0]
    wrong = profile.model_copy(update={"options": {**profile.options, option + "x": "1"}})
    with pytest.raises(InputError) as caught:
        kind.check_options(wrong)
    assert f"'{option}x'" in str(caught.value)
    assert f"did you mean '{option}'?" in str(caught.value)
