"""Options of the `torch` runner, and whether PyTorch and what its compiler needs are here. Imports no torch."""

from __future__ import annotations

import os
import shutil
import sysconfig
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from xbench.records.profile import Availability

from .ort_install import missing_library

Device = Literal["cpu", "cuda"]
Mode = Literal["default", "reduce-overhead", "max-autotune"]


class TorchOptions(BaseModel):
    """How PyTorch runs the module."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    compiled: bool = Field(
        default=False, description="Compile the whole graph with torch.compile (inductor); false: eager."
    )
    mode: Mode = Field(default="default", description="Mode of torch.compile; only with compiled: true.")
    device: Device = Field(default="cpu", description="Where the module and its tensors lie.")
    device_index: int = Field(default=0, ge=0, description="Which GPU, as PyTorch counts them.")
    tf32: bool = Field(
        default=False, description="Let matrix products and convolutions on a GPU round their operands to TF32."
    )
    affinity: bool = Field(
        default=True,
        description="Keep the threads on as many CPUs as there are threads; among these they may change places.",
    )

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if not self.compiled and self.mode != "default":
            raise ValueError("mode is torch.compile's: it needs compiled: true")
        if self.device == "cpu" and (self.tf32 or self.device_index):
            raise ValueError("tf32 and device_index belong to device: cuda")
        return self

    @property
    def precision(self) -> str:
        """What a module of float32 is computed in."""
        return "tf32" if self.tf32 else "fp32"

    @property
    def provider(self) -> str:
        """The name that placements and profiles bear."""
        return "PyTorch compiled" if self.compiled else "PyTorch eager"


def find_torch(options: TorchOptions) -> Availability:
    """Whether PyTorch is installed, a GPU's driver where one is asked for, and a C++ compiler for compiled code."""
    try:
        installed = version("torch")
    except PackageNotFoundError:
        return _absent("PyTorch is not installed", "pip install 'xbench[torch]'")
    if options.device == "cuda":
        if installed.endswith("+cpu"):
            return _absent(f"torch {installed} is built without CUDA", "install torch from PyTorch's index for CUDA")
        driver = missing_library("libcuda.so.1")
        if driver:
            return _absent(f"no NVIDIA driver: {driver}", "run on a machine with an NVIDIA GPU and its driver")
    return _compiler() if options.compiled else Availability(available=True)


def _compiler() -> Availability:
    """Inductor builds C++ at run time: against Python's headers, by the compiler in CXX, or g++."""
    compiler = os.environ.get("CXX", "g++")
    if shutil.which(compiler) is None:
        return _absent(
            f"torch.compile needs a C++ compiler, and {compiler} is not in PATH", "apt-get install g++, or set CXX"
        )
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        return _absent(
            "torch.compile needs Python's headers, and Python.h is not here", "apt-get install python3-dev"
        )
    return Availability(available=True)


def _absent(reason: str, remedy: str) -> Availability:
    return Availability(available=False, reason=reason, remedy=remedy)
