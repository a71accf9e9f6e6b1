"""The TensorRT provider of ONNX Runtime. Has never run on a device yet: only its refusals are tested."""

from __future__ import annotations

from pydantic import Field

from .nvidia import NvidiaRunner
from .ort_session import OrtOptions


class TensorRtOptions(OrtOptions):
    """Options of `TensorrtExecutionProvider`, by its own names."""

    device_id: int = Field(default=0, ge=0, description="Which GPU.")
    trt_fp16_enable: bool = Field(default=False, description="Let TensorRT compute in FP16.")
    trt_sparsity_enable: bool = Field(default=False, description="Let TensorRT use 2:4 sparse tensor cores.")

    @property
    def precision(self) -> str:
        """TensorRT's builder allows TF32 unless it is told not to, which this provider has no option for."""
        return "fp16" if self.trt_fp16_enable else "tf32"

    def provider_options(self) -> dict[str, str]:
        """As ONNX Runtime takes them: all strings."""
        return {
            "device_id": str(self.device_id),
            "trt_fp16_enable": str(int(self.trt_fp16_enable)),
            "trt_sparsity_enable": str(int(self.trt_sparsity_enable)),
        }


class TensorRtRunner(NvidiaRunner):
    """`TensorrtExecutionProvider`; an engine is built when the session is created."""

    provider = "TensorrtExecutionProvider"
    library = "libonnxruntime_providers_tensorrt.so"
    options_type = TensorRtOptions
