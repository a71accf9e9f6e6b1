"""Options of the NVIDIA providers against the libraries that take them, and the runner's ways exercised on the CPU."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import types
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from xbench.errors import InputError, InvalidError
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles
from xbench.records.profile import HardwareProfile
from xbench.runners import nvidia, nvidia_probe
from xbench.runners.cuda import CudaOptions, CudaRunner
from xbench.runners.device_binding import device_ns
from xbench.runners.ort_install import RuntimeInstall
from xbench.runners.tensorrt_ep import TensorRtRunner
from xbench.runners.tensorrt_options import TensorRtOptions, cache_options, unknown_names

GPU_BUILD = os.environ.get("XBENCH_GPU_BUILD", "")
WITH_BUILD = pytest.mark.skipif(
    not GPU_BUILD,
    reason="XBENCH_GPU_BUILD names no folder: pip install --no-deps --target DIR onnxruntime-gpu==1.31.1",
)
# Every option that we hand over, each unlike its default.
CUDA = CudaOptions(
    io="bound", device_id=1, use_tf32=True, cudnn_conv_algo_search="HEURISTIC", cudnn_conv_use_max_workspace=False,
    prefer_nhwc=True, enable_cuda_graph=True, gpu_mem_limit=2048, arena_extend_strategy="kSameAsRequested",
    do_copy_in_default_stream=False,
)  # fmt: skip
TENSORRT = TensorRtOptions(
    io="bound", device_id=1, trt_fp16_enable=True, trt_bf16_enable=True, trt_int8_enable=True,
    trt_int8_calibration_table_name="t.flatbuffers", trt_int8_use_native_calibration_table=True,
    trt_sparsity_enable=True, trt_builder_optimization_level=5, trt_build_heuristics_enable=True,
    trt_auxiliary_streams=0, trt_max_workspace_size=1024, trt_max_partition_iterations=10, trt_min_subgraph_size=5,
    trt_op_types_to_exclude="NonZero", trt_context_memory_sharing_enable=True, trt_layer_norm_fp32_fallback=True,
    trt_engine_hw_compatible=True, trt_force_timing_cache=True, trt_dump_ep_context_model=True,
    trt_ep_context_embed_mode=1, trt_cuda_graph_enable=True,
    input_shapes={"ids": {"min": [1, 8], "opt": [4, 64], "max": [8, 128]}, "x": {"min": [1], "opt": [2], "max": [3]}},
)  # fmt: skip


@pytest.fixture(autouse=True)
def tf32_left_as_it_was(monkeypatch):
    """A worker settles it for its process; here the next test has the same one."""
    monkeypatch.setenv(nvidia.TF32, "")
    monkeypatch.delenv(nvidia.TF32)


def profile(runner="cuda", precision="fp32", **options):
    told = {"schema": "xbench.profile/1", "name": "p", "title": "t", "runner": runner, "precision": precision}
    return HardwareProfile.model_validate(told | {"options": options, "evidence": "never run", "threads": 1})


def test_every_option_is_in_the_sample():
    for sample in (CUDA, TENSORRT):
        fields = type(sample).model_fields
        own = set(fields) - set(nvidia.OrtOptions.model_fields) - {"has_user_compute_stream", "builds"}
        assert {name for name in own if getattr(sample, name) == fields[name].default} <= {"trt_timing_cache_enable"}


@WITH_BUILD
@pytest.mark.parametrize(
    ("library", "given"),
    [
        ("libonnxruntime_providers_cuda.so", CUDA.provider_options() | {"user_compute_stream": "0"}),
        (
            "libonnxruntime_providers_tensorrt.so",
            TENSORRT.provider_options() | cache_options(TENSORRT, Path("/f")) | {"has_user_compute_stream": ""},
        ),
    ],
)
def test_the_provider_knows_every_option_by_that_name(library, given):
    assert unknown_names(Path(GPU_BUILD) / "onnxruntime/capi" / library, [*given, "warp_speed"]) == ("warp_speed",)


@WITH_BUILD
def test_onnx_runtimes_python_side_takes_the_options_of_tensorrt_and_true_for_true():
    """It is strict: another name, or 1 for True, is an error there."""
    [module] = (Path(GPU_BUILD) / "onnxruntime/capi").glob("onnxruntime_pybind11_state*.so")
    given = TENSORRT.provider_options() | cache_options(TENSORRT, Path("/f")) | {"user_compute_stream": "0"}
    assert unknown_names(module, list(given)) == ()
    text = module.read_bytes()
    for name, value in given.items():
        wants_bool = f"The value for the key '{name}' should be 'True' or 'False'".encode() in text
        assert wants_bool == (value in ("True", "False")), name


def test_cuda_gets_strings_with_the_memory_limit_in_bytes():
    assert CUDA.provider_options() == {
        "device_id": "1",
        "use_tf32": "1",
        "cudnn_conv_algo_search": "HEURISTIC",
        "cudnn_conv_use_max_workspace": "0",
        "prefer_nhwc": "1",
        "enable_cuda_graph": "1",
        "gpu_mem_limit": "2147483648",
        "arena_extend_strategy": "kSameAsRequested",
        "do_copy_in_default_stream": "0",
    }
    assert CUDA.without_graph()["enable_cuda_graph"] == "0"


def test_tf32_is_off_by_name_since_the_provider_would_have_it_on():
    assert CudaOptions().provider_options()["use_tf32"] == "0"


def test_tensorrt_gets_shapes_as_it_wants_them_and_sizes_in_bytes():
    given = TENSORRT.provider_options()
    assert given["trt_profile_min_shapes"] == "ids:1x8,x:1"
    assert given["trt_profile_opt_shapes"] == "ids:4x64,x:2"
    assert given["trt_profile_max_shapes"] == "ids:8x128,x:3"
    assert given["trt_max_workspace_size"] == str(2**30)
    assert TensorRtOptions().provider_options() == {"device_id": "0", "trt_timing_cache_enable": "True"}


def test_engines_are_kept_where_we_say_and_relative_to_a_context_that_is_dumped():
    assert cache_options(TensorRtOptions(), Path("/f")) == {
        "trt_engine_cache_enable": "True",
        "trt_engine_cache_path": "/f",
        "trt_timing_cache_path": "/f",
    }
    dumped = cache_options(TENSORRT, Path("/f"))
    assert dumped["trt_engine_cache_path"] == "."
    assert dumped["trt_ep_context_file_path"] == "/f/context.onnx"


@pytest.mark.parametrize(("runner", "name"), [("cuda", "enable_cuda_graph"), ("tensorrt", "trt_cuda_graph_enable")])
def test_a_graph_without_bound_buffers_is_refused(runner, name):
    with pytest.raises(InputError, match=rf"(?s)'{name}'.*wants io: bound"):
        runner_class(runner).check_options(profile(runner, "tf32", io="copies", **{name: True}))


def test_an_even_number_of_builds_is_refused():
    with pytest.raises(InputError, match=r"(?s)'builds'.*odd"):
        TensorRtRunner.check_options(profile("tensorrt", "tf32", builds=2))


@pytest.mark.parametrize(
    ("runner", "precision", "options"),
    [
        ("cuda", "fp16", {"use_tf32": True}),
        ("cuda", "tf32", {}),
        ("tensorrt", "fp16", {}),
        ("tensorrt", "tf32", {"trt_bf16_enable": True}),
        ("tensorrt", "fp16", {"trt_int8_enable": True, "trt_fp16_enable": True}),
    ],
)
def test_a_precision_that_the_options_do_not_give_is_refused(runner, precision, options):
    with pytest.raises(InputError, match=f"names the precision {precision}"):
        runner_class(runner).check_options(profile(runner, precision, **options))


def test_the_shipped_profiles_fit_their_runners():
    shipped = [one for one in all_profiles().values() if one.runner in ("cuda", "tensorrt")]
    assert len(shipped) > 5
    for one in shipped:
        runner_class(one.runner).check_options(one)


def test_an_option_that_the_installed_provider_does_not_know_is_told_before_anything_is_built(tmp_path, monkeypatch):
    """An older provider, without 2:4: a file that holds the names of those options that it has."""
    names = TENSORRT.provider_options().keys() | cache_options(TENSORRT, Path("/f")).keys()
    old = b"\0".join(name.encode() for name in sorted(names) if name != "trt_sparsity_enable") + b"\0"
    (tmp_path / TensorRtRunner.library).write_bytes(b"ELF\0" + old)
    runtime = RuntimeInstall("onnxruntime-gpu", "1.10", tmp_path)
    monkeypatch.setattr("xbench.runners.tensorrt_ep.find_runtime", lambda: runtime)
    with pytest.raises(InputError, match=r"(?s)does not know.*trt_sparsity_enable"):
        TensorRtRunner.probe(profile("tensorrt", "tf32", trt_sparsity_enable=True))
    assert not TensorRtRunner.probe(profile("tensorrt", "tf32")).available, "the others it does know"


# -- TF32 ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, "0", "1"])
def test_fp32_switches_tf32_off_for_all_of_nvidias_libraries(monkeypatch, before):
    monkeypatch.setenv(nvidia.TF32, "x") if before is None else monkeypatch.setenv(nvidia.TF32, before)
    if before is None:
        monkeypatch.delenv(nvidia.TF32)
    nvidia.settle_tf32("fp32")
    assert os.environ[nvidia.TF32] == "0"


def test_tf32_is_refused_where_the_environment_switches_it_off(monkeypatch):
    monkeypatch.setenv(nvidia.TF32, "0")
    with pytest.raises(InvalidError, match=nvidia.TF32):
        nvidia.settle_tf32("tf32")


def test_fp32_is_refused_where_cuda_has_begun(monkeypatch):
    monkeypatch.setenv(nvidia.TF32, "1")
    begun = types.SimpleNamespace(cuda=types.SimpleNamespace(is_initialized=lambda: True))
    monkeypatch.setitem(__import__("sys").modules, "torch", begun)
    with pytest.raises(InvalidError, match="before TF32 could be switched off"):
        nvidia.settle_tf32("fp32")


# -- the runner's ways, for real, on the CPU ----------------------------------------------------------------------


class OnTheCpu(CudaRunner):
    """The same runner with the CPU's provider and buffers."""

    provider = "CPUExecutionProvider"
    homes = frozenset({provider})
    buffers = "cpu"

    def _own_options(self, options):
        return {}


def saved(folder, dtype=np.float32):
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(4, 3)).astype(dtype), "w")
    kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
    x, y = helper.make_tensor_value_info("x", kind, ["n", 4]), helper.make_tensor_value_info("y", kind, ["n", 3])
    graph = helper.make_graph([helper.make_node("MatMul", ["x", "w"], ["y"])], "g", [x], [y], [weight])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10)
    onnx.save(model, folder / "m.onnx")
    return folder / "m.onnx"


def fed(seed, rows=2, dtype=np.float32):
    return {"x": np.random.default_rng(seed).normal(size=(rows, 4)).astype(dtype)}


@pytest.fixture
def runner(tmp_path, request):
    # Pinning is no matter of this, and would stay with the test's process.
    with OnTheCpu(saved(tmp_path), "dense", profile(affinity=False, **request.param)) as one:
        one.load()
        yield one


WAYS = [{"io": "copies"}, {"io": "bound"}, {"io": "bound", "enable_cuda_graph": True}]
every_way = pytest.mark.parametrize("runner", WAYS, indirect=True, ids=["copies", "bound", "graph"])


@every_way
def test_outputs_are_the_same_each_way_whatever_was_fed_before(runner, tmp_path):
    weight = numpy_helper.to_array(onnx.load(tmp_path / "m.onnx").graph.initializer[0])
    for seed, rows in ((0, 2), (1, 2), (2, 5), (0, 2)):
        expected = fed(seed, rows)["x"] @ weight
        assert runner.infer(fed(seed, rows))["y"] == pytest.approx(expected, rel=1e-5)


@every_way
def test_the_session_can_be_created_again(runner):
    calls = [runner.bind(fed(seed)) for seed in range(2)]
    for call in calls * 2:
        call()
    del calls
    runner.close()
    runner.load()
    runner.bind(fed(3))()
    assert runner.infer(fed(3))["y"].shape == (2, 3)


@pytest.mark.parametrize("runner", WAYS[2:], indirect=True)
def test_each_timed_set_has_a_graph_of_its_own_and_inferring_adds_one_for_each_shape(runner):
    made = [runner._bound(fed(seed)) for seed in range(2)]
    numbers = [one._options.get_run_config_entry("gpu_graph_id") for one in made]
    for seed in range(3):
        runner.infer(fed(seed))
    runner.infer(fed(0, rows=5))
    numbers += [one._options.get_run_config_entry("gpu_graph_id") for one in runner._captured.values()]
    assert numbers == ["1", "2", "3", "4"]


@every_way
def test_with_bound_buffers_the_time_of_the_device_is_told_or_why_it_is_not_known(runner):
    notes = runner.profile_run(fed(0), optimised=True).notes
    bound = runner.options.io == "bound"
    assert ["device time by events is not known" in note for note in notes] == [True] * bound


@pytest.mark.parametrize("runner", WAYS[:1], indirect=True)
def test_a_heavy_node_elsewhere_is_invalid(runner):
    runner.homes = frozenset({"CUDAExecutionProvider"})
    with pytest.raises(InvalidError, match=r"(?s)dense has heavy nodes.*1 MatMul on CPUExecutionProvider"):
        runner.placement()


@pytest.mark.parametrize(
    ("dtype", "precision", "told"),
    [
        (np.float32, "fp32", None),
        (np.float32, "fp16", "dense was not computed in fp16"),
        (np.float32, "int8", "No integer kernel ran in dense"),
    ],
)
def test_the_precision_is_proven_by_what_ran(tmp_path, dtype, precision, told):
    with OnTheCpu(saved(tmp_path, dtype), "dense", profile(precision=precision, affinity=False)) as one:
        one.load()
        if told is None:
            one.profile_run(fed(0, dtype=dtype), optimised=True)
        else:
            with pytest.raises(InvalidError, match=told):
                one.profile_run(fed(0, dtype=dtype), optimised=True)


def test_a_stream_of_pytorch_needs_pytorch_with_cuda(tmp_path):
    if nvidia_probe.missing_library("libcuda.so.1") == "":
        pytest.skip("this machine has an NVIDIA driver")
    with pytest.raises(InvalidError, match="A stream that PyTorch made"):
        OnTheCpu(saved(tmp_path), "dense", profile(has_user_compute_stream=True)).__enter__()


def test_device_times_are_between_events_without_the_first():
    """A device that takes 2, 3 and 4 ms: it begins when the first call is queued, and the host never waits."""
    now, log = [0.0], []

    class Event:
        def record(self, stream):
            self.at = now[0]
            log.append("event")

        def synchronize(self):
            log.append("wait")

        def elapsed_time(self, later):
            return later.at - self.at

    class Call:
        times = iter((2.0, 3.0, 4.0))

        def queue(self):
            now[0] += next(self.times)
            log.append("call")

    assert device_ns(Call(), 3, "stream", Event) == [3_000_000, 4_000_000]
    assert log == ["event", *["call", "event"] * 3, "wait"]


# -- traps, by planted libraries ------------------------------------------------------------------------------------

BUILT = RuntimeInstall("onnxruntime-gpu", "1.31.1", Path("/nowhere"))


def missing(name):
    return f"missing: {name}: cannot open shared object file: No such file or directory"


def test_tensorrt_11_where_10_is_wanted(tmp_path):
    (tmp_path / "libnvinfer.so.11.0.1").write_bytes(b"")
    names = ("libnvinfer.so.10", "libnvonnxparser.so.10", "libcudart.so.13", "libc.so.6")
    reason, remedy = nvidia_probe.explain_missing(missing("libnvinfer.so.10"), names, [tmp_path], BUILT)
    assert f"libnvinfer.so.11.0.1 is in {tmp_path}, which is not the version that is wanted" in reason
    assert "libnvonnxparser.so.10, libcudart.so.13 are not there either" in reason
    assert remedy.startswith("pip install 'tensorrt-cu13-libs==10.*'")


def test_cuda_12_beside_a_provider_for_13(tmp_path):
    for name in ("libcublas.so.12", "libcudart.so.13"):
        (tmp_path / name).write_bytes(b"")
    names = ("libcublasLt.so.13", "libcublas.so.13", "libcudart.so.13", "libcuda.so.1")
    reason, remedy = nvidia_probe.explain_missing(missing("libcublas.so.13"), names, [tmp_path], BUILT)
    assert "libcublas.so.12 is in" in reason
    assert "libcublasLt.so.13 is not there either" in reason
    assert remedy == "pip install 'onnxruntime-gpu[cuda,cudnn]==1.31.1'"


GCC = pytest.mark.skipif(shutil.which("gcc") is None, reason="no gcc: a library cannot be planted")


def planted(folder, name, source, *flags):
    (folder / "source.c").write_text(source)
    command = ["gcc", "-shared", "-fPIC", "-o", str(folder / name), str(folder / "source.c"), *flags]
    subprocess.run(command, check=True, timeout=60)
    return folder / name


@GCC
@pytest.mark.parametrize(
    ("driver", "gpus", "told", "remedy"),
    [
        (12080, 1, "the NVIDIA driver is too old: it runs CUDA 12.8 at most, and onnxruntime-gpu 1.31.1 wants CUDA 13",
         "install driver 580 or later"),
        (13000, 0, "no GPU: the driver counts 0", "run on a machine with an NVIDIA GPU"),
        (13000, 1, "libnvinfer.so.10: cannot open shared object file", "pip install 'tensorrt-cu13-libs==10.*'"),
    ],
)  # fmt: skip
def test_the_probe_loads_the_library_and_tells_what_is_in_the_way(tmp_path, monkeypatch, driver, gpus, told, remedy):
    """A driver, CUDA's runtime and a provider that are there by name; TensorRT is not, when the provider is loaded."""
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    entry = "int cuDriverGetVersion(int* v){*v=%d;return 0;} int cuInit(int f){return 0;} "
    entry += "int cuDeviceGetCount(int* n){*n=%d;return 0;}"
    planted(tmp_path, "libcuda.so.1", entry % (driver, gpus))
    for name in ("libcudart.so.13", "libnvinfer.so.10"):
        planted(tmp_path, name, "", f"-Wl,-soname,{name}")
    linked = ["-Wl,--no-as-needed", f"-L{tmp_path}", "-l:libcudart.so.13", "-l:libnvinfer.so.10"]
    provider = planted(tmp_path, TensorRtRunner.library, "", *linked)
    planted(tmp_path, "libonnxruntime_providers_shared.so", "")
    (tmp_path / "libnvinfer.so.10").unlink()
    found = nvidia_probe._loadable(RuntimeInstall("onnxruntime-gpu", "1.31.1", tmp_path), provider)
    assert not found.available
    assert told in found.reason
    assert found.remedy.startswith(remedy)


@GCC
def test_a_provider_whose_libraries_are_all_there_is_available(tmp_path, monkeypatch):
    monkeypatch.setenv("LD_LIBRARY_PATH", str(tmp_path))
    entry = "int cuDriverGetVersion(int* v){*v=13000;return 0;} int cuInit(int f){return 0;} "
    planted(tmp_path, "libcuda.so.1", entry + "int cuDeviceGetCount(int* n){*n=1;return 0;}")
    planted(tmp_path, "libonnxruntime_providers_shared.so", "")
    provider = planted(tmp_path, CudaRunner.library, "")
    assert nvidia_probe._loadable(RuntimeInstall("onnxruntime-gpu", "1.31.1", tmp_path), provider).available


def test_the_key_of_an_engine_holds_all_that_it_depends_on(tmp_path, monkeypatch):
    versions = {"onnxruntime": "1", "tensorrt": "10", "cuda": "13", "gpu": "H100", "driver": "580"}
    monkeypatch.setattr("xbench.runners.tensorrt_ep.versions", lambda library, index: versions)
    path = saved(tmp_path)
    keys = []
    for precision, options in (
        ("tf32", {}),
        ("tf32", {"builds": 5}),
        ("fp32", {}),
        ("fp16", {"trt_fp16_enable": True}),
    ):
        keys.append(json.dumps(TensorRtRunner(path, "m", profile("tensorrt", precision, **options))._key(path)))
    assert keys[0] == keys[1], "the number of builds changes no engine"
    assert len(set(keys)) == 3
    saved(tmp_path, np.float64)
    assert json.dumps(TensorRtRunner(path, "m", profile("tensorrt", "tf32"))._key(path)) not in keys
