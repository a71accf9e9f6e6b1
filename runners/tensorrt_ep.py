"""The TensorRT provider of ONNX Runtime. Has never run on a device yet: only its refusals are tested."""

from __future__ import annotations

from pydantic import Field

from xbench.records.profile import Availability, HardwareProfile

from .nvidia import probe_provider
from .ort_session import OrtOptions, OrtSessionRunner


class TensorRtOptions(OrtOptions):
    """Options of `TensorrtExecutionProvider`, by its own names."""

    device_id: int = Field(default=0, ge=0, description="Which GPU.")
    trt_fp16_enable: bool = Field(default=False, description="Let TensorRT compute in FP16.")
    trt_sparsity_enable: bool = Field(default=False, description="Let TensorRT use 2:4 sparse tensor cores.")

    def provider_options(self) -> dict[str, str]:
        """As ONNX Runtime takes them: all strings."""
        return {
            "device_id": str(self.device_id),
            "trt_fp16_enable": str(int(self.trt_fp16_enable)),
            "trt_sparsity_enable": str(int(self.trt_sparsity_enable)),
        }


class TensorRtRunner(OrtSessionRunner):
    """`TensorrtExecutionProvider`; an engine is built when the session is created."""

    provider = "TensorrtExecutionProvider"
    options_type = TensorRtOptions

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Driver, GPU package and TensorRT's own libraries."""
        cls.check_options(profile)
        return probe_provider("libonnxruntime_providers_tensorrt.so")
