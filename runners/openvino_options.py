"""What a profile may say of OpenVINO, and the properties that it becomes; for both ways to OpenVINO.

OpenVINO's defaults change with the machine: where a CPU has bf16 it computes in bf16, and its number of threads
and streams follows a hint. So each of these is written down here, and none is left to it.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from .ort_options import OrtOptions

Device = Literal["CPU", "GPU", "NPU"]

PRECISIONS: dict[Device, tuple[str, ...]] = {
    "CPU": ("fp32", "bf16", "int8"),
    "GPU": ("fp32", "fp16", "int8"),
    "NPU": ("fp16", "int8"),
}
"""What a profile may name for each device. int8 comes from the model's own quantisation (Q/DQ)."""

SPARSE_RATE = "CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE"


class CpuPluginOptions(BaseModel):
    """What both ways to OpenVINO can tell its CPU plug-in, besides precision and threads."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    hyper_threading: bool = Field(default=True, description="Use both threads of a core, where it has two.")
    denormals_as_zero: bool = Field(
        default=False,
        description="Take denormal numbers for zero: they can make a model many times slower.",
    )
    sparse_weights_rate: float | None = Field(
        default=None,
        ge=0,
        le=1,
        description="Keep weights compressed where at least this share of them is zero, and unpack them while "
        "multiplying (`CPU_SPARSE_WEIGHTS_DECOMPRESSION_RATE`): INT8 on a CPU with AMX only, sizes that are "
        "multiples of 64. Whether it was done is read from the compiled model. None: never.",
    )


class OpenVinoNativeOptions(CpuPluginOptions):
    """Options of OpenVINO's own runtime."""

    affinity: bool = Field(
        default=True, description="Pin each thread to a CPU of its own: a wandering thread is another speed."
    )


class OpenVinoOptions(CpuPluginOptions, OrtOptions):
    """Options of OpenVINO as a provider of ONNX Runtime. Those of the CPU plug-in hold for the device CPU."""

    device: Device = Field(default="CPU", description="Which of OpenVINO's devices.")


def properties(
    options: OpenVinoNativeOptions | OpenVinoOptions, precision: str, threads: int, device: Device = "CPU"
) -> dict[str, str]:
    """OpenVINO's properties by its own names (docs.openvino.ai: "CPU Device", Supported Properties).

    The hint is the precision of what computes in floats; a quantised model's integers are its own.
    """
    hints = {"fp32": "f32", "bf16": "bf16", "fp16": "f16", "int8": "f16" if device == "NPU" else "f32"}
    found = {"INFERENCE_PRECISION_HINT": hints[precision], "PERFORMANCE_HINT": "LATENCY"}
    if device != "CPU":
        return found
    found |= {
        # Weights that are stored in 8 bits would else be multiplied in int8, whatever the hint says.
        "DYNAMIC_QUANTIZATION_GROUP_SIZE": "0",
        "NUM_STREAMS": "1",
        "INFERENCE_NUM_THREADS": str(threads),
        "ENABLE_CPU_PINNING": _yes(options.affinity),
        "ENABLE_HYPER_THREADING": _yes(options.hyper_threading),
        "CPU_DENORMALS_OPTIMIZATION": _yes(options.denormals_as_zero),
    }
    rate = options.sparse_weights_rate
    return found if rate is None else found | {SPARSE_RATE: str(rate)}


def _yes(value: bool) -> str:
    return "YES" if value else "NO"
