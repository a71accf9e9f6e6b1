"""The CUDA provider of ONNX Runtime. Has never run on a device yet: only its refusals are tested."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .nvidia import NvidiaRunner
from .ort_session import OrtOptions


class CudaOptions(OrtOptions):
    """Options of `CUDAExecutionProvider`, by its own names."""

    device_id: int = Field(default=0, ge=0, description="Which GPU.")
    use_tf32: bool = Field(default=False, description="TF32 in matrix products; then name the precision tf32.")
    cudnn_conv_algo_search: Literal["EXHAUSTIVE", "HEURISTIC", "DEFAULT"] = Field(
        default="EXHAUSTIVE", description="How cuDNN's convolution algorithm is chosen."
    )

    @property
    def precision(self) -> str:
        """tf32 where matrix products may use it."""
        return "tf32" if self.use_tf32 else "fp32"

    def provider_options(self) -> dict[str, str]:
        """As ONNX Runtime takes them: all strings."""
        return {
            "device_id": str(self.device_id),
            "use_tf32": str(int(self.use_tf32)),
            "cudnn_conv_algo_search": self.cudnn_conv_algo_search,
        }


class CudaRunner(NvidiaRunner):
    """`CUDAExecutionProvider`; times include the copies between host and device."""

    provider = "CUDAExecutionProvider"
    library = "libonnxruntime_providers_cuda.so"
    options_type = CudaOptions
