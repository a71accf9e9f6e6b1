"""The CUDA provider of ONNX Runtime. Has never run on a device yet: only what needs none is tested.

Options: onnxruntime.ai, "CUDA Execution Provider", section "Configuration Options".
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from xbench.errors import InvalidError
from xbench.protocols import ProfileReport

from .nvidia import NvidiaOptions, NvidiaRunner
from .ort_options import OrtOptions
from .ort_precision import FLOAT, INTEGER, prove_input_type
from .ort_profile import Event

_MIB = 1024 * 1024
_TYPES = {"fp32": "float", "tf32": "float", "fp16": "float16", "bf16": "bfloat16"}


class CudaOptions(NvidiaOptions):
    """Options of `CUDAExecutionProvider`, by its own names. It computes in what the file holds."""

    use_tf32: bool = Field(
        default=False,
        description="TF32 in matrix products and convolutions of fp32 files; then name the precision tf32. ONNX "
        "Runtime's own default is true.",
    )
    cudnn_conv_algo_search: Literal["EXHAUSTIVE", "HEURISTIC", "DEFAULT"] = Field(
        default="EXHAUSTIVE", description="How cuDNN's convolution algorithm is chosen."
    )
    cudnn_conv_use_max_workspace: bool = Field(
        default=True, description="Let the search try algorithms that want much memory; false saves memory."
    )
    prefer_nhwc: bool = Field(default=False, description="Compute convolutions with channels last.")
    enable_cuda_graph: bool = Field(
        default=False,
        description="Capture each inference as a CUDA graph in the warm-up and replay it: one launch instead of "
        "many. Wants io: bound, and all nodes on the GPU.",
    )
    gpu_mem_limit: int | None = Field(
        default=None, ge=1, description="Most memory of the provider's arena, MiB (given to it in bytes)."
    )
    arena_extend_strategy: Literal["kNextPowerOfTwo", "kSameAsRequested"] = Field(
        default="kNextPowerOfTwo", description="How the arena grows: in powers of two, or by what is asked for."
    )
    do_copy_in_default_stream: bool = Field(
        default=True, description="Copy in the stream that computes; false: in streams of their own, with races."
    )

    @field_validator("enable_cuda_graph")
    @classmethod
    def _graph_wants_bound(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("io") != "bound":
            raise ValueError("a CUDA graph replays on fixed addresses, so it wants io: bound")
        return value

    @property
    def precision(self) -> str:
        """tf32 where matrix products may use it; else what the file holds, of which fp32 is the first guess."""
        return "tf32" if self.use_tf32 else "fp32"

    @property
    def captures(self) -> bool:
        """Whether a CUDA graph is captured."""
        return self.enable_cuda_graph

    def provider_options(self) -> dict[str, str]:
        """As ONNX Runtime takes them: all strings, the memory limit in bytes."""
        limit = {} if self.gpu_mem_limit is None else {"gpu_mem_limit": str(self.gpu_mem_limit * _MIB)}
        return super().provider_options() | limit

    def without_graph(self) -> dict[str, str]:
        """The same with no graph."""
        return self.provider_options() | {"enable_cuda_graph": "0"}


class CudaRunner(NvidiaRunner):
    """`CUDAExecutionProvider`. fp16, bf16 and int8 are those of the file, and are proven by what ran."""

    provider = "CUDAExecutionProvider"
    library = "libonnxruntime_providers_cuda.so"
    options_type = CudaOptions
    homes = frozenset({provider})
    options: CudaOptions

    @classmethod
    def _precisions(cls, options: OrtOptions) -> tuple[str, ...]:
        return ("tf32",) if options.precision == "tf32" else ("fp32", "fp16", "bf16", "int8")

    def _prove_precision(self, report: ProfileReport, events: Sequence[Event]) -> tuple[str, ...]:
        ran = {event["args"]["op_name"] for event in events if "op_name" in event.get("args", {})}
        wanted = _TYPES.get(self.profile.precision)
        if wanted is None:
            return (self._integer(ran),)
        if wanted != "float" or ran & (FLOAT | INTEGER):
            prove_input_type(events, wanted, self.profile.precision, self.label)
        return ()

    def _integer(self, ran: set[str]) -> str:
        """The integer kernels that ran, in words: there are no times of them on this provider."""
        found = sorted(ran & INTEGER)
        if not found:
            raise InvalidError(
                f"No integer kernel ran in {self.label}, and the profile names the precision int8",
                f"what ran: {', '.join(sorted(ran & FLOAT)) or 'no matrix product or convolution'}",
                "this provider computes Q/DQ files in floats; use the TensorRT provider, or name the precision fp32",
            )
        return f"integer kernels ran: {', '.join(found)}"
