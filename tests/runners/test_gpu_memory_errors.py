"""A GPU whose memory is too small: what the libraries say of it, and what a user is told."""

from __future__ import annotations

import pytest

from xbench.errors import InvalidError
from xbench.plugins import runner_class
from xbench.profiles.finding import all_profiles
from xbench.runners.gpu_memory import out_of_memory, too_large

# As they were reported: microsoft/onnxruntime 20038, 9939 and 16307; infiniflow/ragflow 10295; hacksider/
# Deep-Live-Cam 584 and 645; NVIDIA/TensorRT 4254, 4258 and 2198; microsoft/onnxruntime 10770.
SIZED = {
    "Non-zero status code returned while running Mul node. Name:'Mul_8702' Status Message: /workspace/onnxruntime/"
    "onnxruntime/core/framework/bfc_arena.cc:368 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, "
    "onnxruntime::Stream*, bool, onnxruntime::WaitNotificationFn) Failed to allocate memory for requested buffer of "
    "size 2830172160": 2830172160,
    "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running FusedMatMul node. "
    "Name:'MatMul_92_FusedMatMulAndScale' Status Message: /onnxruntime_src/onnxruntime/core/framework/bfc_arena.cc:"
    "331 void* onnxruntime::BFCArena::AllocateRawInternal(size_t, bool) Failed to allocate memory for requested "
    "buffer of size 8388608000": 8388608000,
    "onnxruntime::BFCArena::AllocateRawInternal(size_t, bool, onnxruntime::Stream*, bool, onnxruntime::"
    "WaitNotificationFn) Available memory of 0 is smaller than requested bytes of 135383040": 135383040,
    "[W] [TRT] Requested amount of GPU memory (15485030400 bytes) could not be allocated. There may not be enough "
    "free memory for allocation to succeed.": 15485030400,
    "[E] [virtualMemoryBuffer.cpp::resizePhysical::154] Error Code 2: OutOfMemory (Requested size was 16581132288 "
    "bytes.)": 16581132288,
    "[E] Error Code: 9: Skipping tactic 0x0000000000000000 due to exception [tunable_graph.cpp:create:117] "
    "autotuning: User allocator error allocating 86114304000-byte buffer": 86114304000,
}
UNSIZED = (
    "[ONNXRuntimeError] : 1 : FAIL : D:\\a\\_work\\1\\s\\onnxruntime\\core\\providers\\cuda\\cuda_call.cc:114 "
    "onnxruntime::CudaCall CUDA failure 2: out of memory ; GPU=0 ; hostname=H ; file=cuda_stream_handle.cc ; "
    "line=175 ; expr=cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking);",
    "Exception during initialization: cuda_call.cc:114 CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED ; GPU=0 ; "
    "hostname=egg ; line=164 ; expr=cublasCreate(&cublas_handle_);",
    "[E] Error[1]: [defaultAllocator.cpp::allocate::31] Error Code 1: Cuda Runtime (out of memory)",
    "safeRuntime.cpp (25) - Cuda Error in allocate: 2 (out of memory)",
    "CUDA out of memory. Tried to allocate 2.00 GiB",
)
OTHERS = (
    "Non-zero status code returned while running Conv node. CUDNN failure 9: CUDNN_STATUS_NOT_SUPPORTED",
    "CUDA failure 700: an illegal memory access was encountered",
    "[ONNXRuntimeError] : 2 : INVALID_ARGUMENT : Got invalid dimensions for input: x for the following indices",
    "Memcpy: Failed to allocate output tensor.",
)


@pytest.mark.parametrize(("message", "needed"), SIZED.items(), ids=range(len(SIZED)))
def test_the_size_that_could_not_be_had_is_read(message, needed):
    assert too_large(message) == (True, needed)


@pytest.mark.parametrize("message", UNSIZED, ids=range(len(UNSIZED)))
def test_what_names_no_size_is_known_all_the_same(message):
    assert too_large(message) == (True, None)


@pytest.mark.parametrize("message", OTHERS, ids=range(len(OTHERS)))
def test_other_errors_are_not_taken_for_it(message):
    assert too_large(message) == (False, None)
    assert out_of_memory(message, "dense", 0) is None


class Card:
    def memory_mib(self):
        return 1200.4, 15360.0


def test_a_user_is_told_what_was_needed_what_is_free_and_what_to_do(monkeypatch):
    monkeypatch.setattr("xbench.runners.gpu_memory.gpu", lambda index: (Card(), ""))
    error = out_of_memory(next(iter(SIZED)), "dense", 1)
    assert str(error) == (
        "dense needs more memory than GPU 1 has free\n"
        "a buffer of 2699 MiB could not be had; 1200 of its 15360 MiB are free now\n"
        "a smaller batch, a higher or no gpu_mem_limit, or a GPU that nobody else uses"
    )


def test_what_the_gpu_has_may_be_unknown(monkeypatch):
    monkeypatch.setattr("xbench.runners.gpu_memory.gpu", lambda index: (None, "no driver"))
    assert out_of_memory(UNSIZED[0], "dense", 0).found == "how much it has is not known (no driver)"


class FullSession:
    """Raises what ONNX Runtime does."""

    def run(self, names, feeds):
        raise RuntimeError(next(iter(SIZED)))

    def get_outputs(self):
        return []


@pytest.fixture
def cuda(tmp_path):
    profile = all_profiles()["cuda-fp32"]
    return runner_class("cuda")(tmp_path / "m.onnx", "dense", profile)


@pytest.mark.parametrize("way", ["infer", "bind"])
def test_a_session_that_runs_out_of_memory_makes_the_case_invalid(cuda, way):
    cuda._session = FullSession()
    with pytest.raises(InvalidError, match=r"(?s)dense needs more memory.*2699 MiB") as caught:
        cuda.infer({}) if way == "infer" else cuda.bind({})()
    assert caught.value.exit_code == 4


def test_so_does_one_that_cannot_be_created(cuda, monkeypatch):
    import onnxruntime

    def full(*args, **more):
        raise RuntimeError(UNSIZED[1])

    monkeypatch.setattr(onnxruntime, "InferenceSession", full)
    with pytest.raises(InvalidError, match="dense needs more memory than GPU 0"):
        cuda._create(onnxruntime.SessionOptions())


def test_another_error_stays_what_it_is(cuda):
    class Broken(FullSession):
        def run(self, names, feeds):
            raise RuntimeError(OTHERS[2])

    cuda._session = Broken()
    with pytest.raises(InvalidError, match=r"(?s)does not run on these inputs.*invalid dimensions"):
        cuda.bind({})()
