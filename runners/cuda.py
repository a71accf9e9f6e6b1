"""The CUDA provider of ONNX Runtime. Has never run on a device yet: only its refusals are tested."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from xbench.records.profile import Availability, HardwareProfile

from .nvidia import probe_provider
from .ort_session import OrtOptions, OrtSessionRunner


class CudaOptions(OrtOptions):
    """Options of `CUDAExecutionProvider`, by its own names."""

    device_id: int = Field(default=0, ge=0, description="Which GPU.")
    use_tf32: bool = Field(default=False, description="TF32 in matrix products; then name the precision tf32.")
    cudnn_conv_algo_search: Literal["EXHAUSTIVE", "HEURISTIC", "DEFAULT"] = Field(
        default="EXHAUSTIVE", description="How cuDNN's convolution algorithm is chosen."
    )

    def provider_options(self) -> dict[str, str]:
        """As ONNX Runtime takes them: all strings."""
        return {
            "device_id": str(self.device_id),
            "use_tf32": str(int(self.use_tf32)),
            "cudnn_conv_algo_search": self.cudnn_conv_algo_search,
        }


class CudaRunner(OrtSessionRunner):
    """`CUDAExecutionProvider`; times include the copies between host and device."""

    provider = "CUDAExecutionProvider"
    options_type = CudaOptions

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Driver, GPU package and the libraries that the provider links to."""
        cls.check_options(profile)
        return probe_provider("libonnxruntime_providers_cuda.so")

    @classmethod
    def warm_import(cls) -> None:
        """Import ONNX Runtime and load the CUDA libraries that came as Python packages."""
        super().warm_import()
        import onnxruntime

        onnxruntime.preload_dlls()
