"""What is known of providers that the runner `ort` takes: their options, and where they are to be had."""

from __future__ import annotations

import difflib
import mmap
from collections.abc import Iterable
from pathlib import Path

# By ONNX Runtime's own names (onnxruntime.ai, "Execution Providers", and the providers' option headers). A name
# that is not here may still be right, in a newer build: then one of the installed libraries holds it as a word.
OPTIONS: dict[str, tuple[str, ...]] = {
    "CoreMLExecutionProvider": (
        "ModelFormat",
        "MLComputeUnits",
        "RequireStaticInputShapes",
        "EnableOnSubgraphs",
        "SpecializationStrategy",
        "ProfileComputePlan",
        "AllowLowPrecisionAccumulationOnGPU",
        "ModelCacheDirectory",
    ),
    "DmlExecutionProvider": (
        "device_id",
        "device_filter",
        "performance_preference",
        "disable_metacommands",
        "enable_dynamic_graph_fusion",
        "enable_graph_capture",
    ),
    "MIGraphXExecutionProvider": (
        "device_id",
        "migraphx_fp16_enable",
        "migraphx_bf16_enable",
        "migraphx_fp8_enable",
        "migraphx_int8_enable",
        "migraphx_int8_calibration_table_name",
        "migraphx_int8_use_native_calibration_table",
        "migraphx_model_cache_dir",
        "migraphx_exhaustive_tune",
        "migraphx_mem_limit",
        "migraphx_arena_extend_strategy",
    ),
    "QNNExecutionProvider": (
        "backend_path",
        "backend_type",
        "device_id",
        "enable_htp_fp16_precision",
        "htp_arch",
        "htp_graph_finalization_optimization_mode",
        "htp_performance_mode",
        "offload_graph_io_quantization",
        "profiling_file_path",
        "profiling_level",
        "qnn_context_priority",
        "rpc_control_latency",
        "soc_model",
        "vtcm_mb",
    ),
    "WebGpuExecutionProvider": (
        "preferredLayout",
        "enableGraphCapture",
        "deviceId",
        "storageBufferCacheMode",
        "uniformBufferCacheMode",
        "queryResolveBufferCacheMode",
        "defaultBufferCacheMode",
    ),
    "XnnpackExecutionProvider": ("intra_op_num_threads",),
}

# The one thing that brings each provider.
REMEDIES: dict[str, str] = {
    "CoreMLExecutionProvider": "on macOS the package onnxruntime has it",
    "DmlExecutionProvider": "on Windows: pip uninstall -y onnxruntime; pip install onnxruntime-directml",
    "MIGraphXExecutionProvider": "on an AMD GPU with ROCm: pip uninstall -y onnxruntime; pip install "
    "onnxruntime-migraphx",
    "QNNExecutionProvider": "on a Qualcomm processor: pip install onnxruntime-qnn; where that is a plug-in beside "
    "ONNX Runtime, name its package with the option library",
    "WebGpuExecutionProvider": "build ONNX Runtime with --use_webgpu, or name a plug-in's package with the option "
    "library",
    "XnnpackExecutionProvider": "build ONNX Runtime with --use_xnnpack: no package on PyPI has it",
}
_LIBRARIES = ("*.so", "*.so.*", "*.dylib", "*.dll", "*.pyd")


def unknown_option(provider: str, given: Iterable[str], folders: Iterable[Path]) -> tuple[str, str]:
    """The first option that the provider cannot know, and the nearest one that it does; two empty strings: none.

    Known is what is listed here, and each word that a library in `folders` holds between two zero bytes, as
    compilers write the text that a program compares with. Many providers take no notice of an option that they
    do not know, so that nobody else would say so.
    """
    listed = OPTIONS.get(provider, ())
    libraries = sorted({file for folder in folders for kind in _LIBRARIES for file in folder.glob(kind)})
    for name in given:
        if name not in listed and not any(_holds_word(file, name) for file in libraries):
            near = difflib.get_close_matches(name, listed, n=1)
            return name, near[0] if near else ""
    return "", ""


def _holds_word(library: Path, word: str) -> bool:
    with library.open("rb") as file:
        if not library.stat().st_size:
            return False
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return content.find(b"\0" + word.encode() + b"\0") >= 0
