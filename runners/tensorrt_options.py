"""Options of the TensorRT provider, and how they are told to it.

By its own names: onnxruntime.ai, "TensorRT Execution Provider", section "Configurations".
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator
from pydantic_core.core_schema import ValidationInfo

from .nvidia import NvidiaOptions

_MIB = 1024 * 1024
# Given whatever they are: ONNX Runtime's own default of the second is false.
_ALWAYS = ("device_id", "trt_timing_cache_enable")


class InputShapes(BaseModel):
    """Between which shapes an input may be, and which one the engine is tuned for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    min: tuple[int, ...]
    opt: tuple[int, ...]
    max: tuple[int, ...]


class TensorRtOptions(NvidiaOptions):
    """Options of `TensorrtExecutionProvider`, by its own names."""

    trt_fp16_enable: bool = Field(default=False, description="Let TensorRT compute in FP16.")
    trt_bf16_enable: bool = Field(default=False, description="Let TensorRT compute in BF16.")
    trt_int8_enable: bool = Field(
        default=False,
        description="Let TensorRT compute in INT8: of a file with Q/DQ nodes, or by a calibration table.",
    )
    trt_int8_calibration_table_name: str = Field(
        default="", description="File with the calibration table, for files without Q/DQ nodes."
    )
    trt_int8_use_native_calibration_table: bool = Field(
        default=False, description="The table is one that TensorRT wrote, and not one of ONNX Runtime's."
    )
    trt_sparsity_enable: bool = Field(
        default=False, description="Let TensorRT use 2:4 sparse tensor cores where that is faster."
    )
    trt_builder_optimization_level: int = Field(
        default=3, ge=0, le=5, description="How long the builder looks for fast tactics: 0 is quick to build, 5 slow."
    )
    trt_build_heuristics_enable: bool = Field(default=False, description="Build by heuristics instead of by timing.")
    trt_auxiliary_streams: int = Field(
        default=-1, ge=-1, description="Streams beside the main one; -1: by heuristics."
    )
    trt_max_workspace_size: int | None = Field(
        default=None, ge=1, description="Most memory that a tactic may use, MiB (given to it in bytes); none: all."
    )
    trt_max_partition_iterations: int = Field(
        default=1000, ge=1, description="How often the graph is split anew where TensorRT lacks an operator."
    )
    trt_min_subgraph_size: int = Field(default=1, ge=1, description="Fewest nodes of a part that TensorRT gets.")
    trt_op_types_to_exclude: str = Field(default="", description="Operators that TensorRT does not get, with commas.")
    trt_context_memory_sharing_enable: bool = Field(
        default=False, description="Let the engines of one model share their working memory."
    )
    trt_layer_norm_fp32_fallback: bool = Field(
        default=False, description="Compute the powers and means of layer norms in FP32 where the rest is FP16."
    )
    trt_engine_hw_compatible: bool = Field(
        default=False, description="Build an engine that runs on all GPUs from Ampere on; it may be slower."
    )
    trt_timing_cache_enable: bool = Field(
        default=True, description="Keep the tactics' times beside the engine, each build its own."
    )
    trt_force_timing_cache: bool = Field(
        default=False, description="Use a timing cache of another GPU of the same kind."
    )
    trt_dump_ep_context_model: bool = Field(
        default=False,
        description="Write an ONNX file that holds the engine (EPContext) into the folder of the build.",
    )
    trt_ep_context_embed_mode: Literal[0, 1] = Field(
        default=0, description="0: that file names the engine's file; 1: it holds the engine itself."
    )
    trt_cuda_graph_enable: bool = Field(
        default=False,
        description="Capture the inference as a CUDA graph in the warm-up and replay it. Wants io: bound.",
    )
    builds: int = Field(
        default=3,
        ge=1,
        le=9,
        description="How many engines are built of a model, in turns: two builds of it are not equally fast. An odd "
        "number, so that the two copies of the baseline do not keep to builds of their own.",
    )
    input_shapes: dict[str, InputShapes] = Field(
        default={},
        description="Shapes of inputs that the file leaves open (`trt_profile_min_shapes` and so on). A run fills "
        "them in from its workloads.",
    )

    @field_validator("trt_cuda_graph_enable")
    @classmethod
    def _graph_wants_bound(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("io") != "bound":
            raise ValueError("a CUDA graph replays on fixed addresses, so it wants io: bound")
        return value

    @field_validator("builds")
    @classmethod
    def _odd(cls, value: int) -> int:
        if value % 2 == 0:
            raise ValueError("an odd number is wanted")
        return value

    @classmethod
    def _ours(cls) -> tuple[str, ...]:
        return (*super()._ours(), "builds", "input_shapes", "trt_int8_calibration_table_name")

    @property
    def precision(self) -> str:
        """The narrowest that the builder may use. Without any it is tf32, or fp32 where the profile says so."""
        allowed = {"int8": self.trt_int8_enable, "fp16": self.trt_fp16_enable, "bf16": self.trt_bf16_enable}
        return next((name for name, enabled in allowed.items() if enabled), "tf32")

    @property
    def captures(self) -> bool:
        """Whether a CUDA graph is captured."""
        return self.trt_cuda_graph_enable

    def provider_options(self) -> dict[str, str]:
        """As ONNX Runtime takes them: all strings, sizes in bytes, shapes as `name:1x128,other:1x128`.

        What is as the provider has it anyway is left out: an older one need not know it. This provider, unlike
        CUDA's, takes True and False and refuses 1 and 0.
        """
        fields = TensorRtOptions.model_fields
        chosen = {name for name in fields if getattr(self, name) != fields[name].default}
        given = {name: text for name, text in super().provider_options().items() if name in {*chosen, *_ALWAYS}}
        given |= {name: str(getattr(self, name)) for name in given if isinstance(getattr(self, name), bool)}
        if self.trt_max_workspace_size is not None:
            given["trt_max_workspace_size"] = str(self.trt_max_workspace_size * _MIB)
        for which in ("min", "opt", "max") if self.input_shapes else ():
            shapes = {name: getattr(shape, which) for name, shape in self.input_shapes.items()}
            given[f"trt_profile_{which}_shapes"] = ",".join(
                f"{name}:{'x'.join(map(str, shape))}" for name, shape in shapes.items()
            )
        return given

    def without_graph(self) -> dict[str, str]:
        """The same with no graph."""
        return self.provider_options() | {"trt_cuda_graph_enable": "False"}


def cache_options(options: TensorRtOptions, folder: Path) -> dict[str, str]:
    """The provider's options that keep engine, timings, calibration and context in a folder.

    Where a context is dumped, the provider takes the path of the engines only relative to it, and refuses an
    absolute one; the calibration table is looked for in the folder of the engines.
    """
    dumps = options.trt_dump_ep_context_model
    given = {"trt_engine_cache_enable": "True", "trt_engine_cache_path": "." if dumps else str(folder)}
    if options.trt_timing_cache_enable:
        given["trt_timing_cache_path"] = str(folder)
    if dumps:
        given["trt_ep_context_file_path"] = str(folder / "context.onnx")
    if options.trt_int8_calibration_table_name:
        given["trt_int8_calibration_table_name"] = Path(options.trt_int8_calibration_table_name).name
    return given


def unknown_names(library: Path, names: Sequence[str]) -> tuple[str, ...]:
    """Those of these names that are no text in a library.

    A linker may store a name as the end of a longer text: so one that is missing is surely not known.
    """
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return tuple(name for name in names if data.find(name.encode() + b"\0") < 0)
