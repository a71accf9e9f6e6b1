"""Tells an error of ONNX Runtime that means that the GPU's memory was too small from all others."""

from __future__ import annotations

import re

from xbench.errors import InvalidError, UnavailableError
from xbench.machine.gpu import gpu

_MIB = 1024 * 1024
# How the libraries put it. ONNX Runtime's arena: bfc_arena.cc (issues 20038, 9939 and 22702 of
# microsoft/onnxruntime show it; `Available memory of` where gpu_mem_limit is the limit). CUDA and its libraries:
# cuda_call.cc prints `CUDA failure 2: out of memory` and `CUBLAS failure 3: CUBLAS_STATUS_ALLOC_FAILED`.
# TensorRT: defaultAllocator.cpp and virtualMemoryBuffer.cpp (issues 4254 and 4258 of NVIDIA/TensorRT).
_SIZED = (
    r"Failed to allocate memory for requested buffer of size (\d+)",
    r"is smaller than requested bytes of (\d+)",
    r"Requested amount of GPU memory \((\d+) bytes\) could not be allocated",
    r"OutOfMemory \(Requested size was (\d+) bytes",
    r"allocating (\d+)-byte buffer",
)
_UNSIZED = (
    r"CUDA failure 2: out of memory",
    r"CUDA(?: error:?)? out of memory",
    r"Cuda Runtime \(out of memory\)",
    r"Cuda Error in \S+: 2 \(out of memory\)",
    r"cudaErrorMemoryAllocation",
    r"CUDA_ERROR_OUT_OF_MEMORY",
    r"CU(?:BLAS|DNN|RAND|FFT|SPARSE|SOLVER)_STATUS_ALLOC_FAILED",
    r"CUDNN_STATUS_INTERNAL_ERROR_(?:DEVICE|HOST)_ALLOCATION_FAILED",
)


def too_large(message: str) -> tuple[bool, int | None]:
    """Whether an error says that memory ran out, and the bytes of the buffer that could not be had, if told."""
    for pattern in _SIZED:
        found = re.search(pattern, message)
        if found:
            return True, int(found.group(1))
    return any(re.search(pattern, message, re.IGNORECASE) for pattern in _UNSIZED), None


def out_of_memory(message: str, label: str, device_index: int) -> InvalidError | None:
    """The error that a user is told, with what was needed and what the GPU has; None for another kind of error."""
    short, needed = too_large(message)
    if not short:
        return None
    wanted = "" if needed is None else f"a buffer of {needed / _MIB:.0f} MiB could not be had; "
    return InvalidError(
        f"{label} needs more memory than GPU {device_index} has free",
        wanted + _room(device_index),
        "a smaller batch, a higher or no gpu_mem_limit, or a GPU that nobody else uses",
    )


def _room(device_index: int) -> str:
    """What the GPU's memory is, in words; why that is not known, where it is not."""
    device, reason = gpu(device_index)
    if device is None:
        return f"how much it has is not known ({reason})"
    try:
        free, total = device.memory_mib()
    except UnavailableError as error:
        return f"how much it has is not known ({error.reason})"
    return f"{free:.0f} of its {total:.0f} MiB are free now"
