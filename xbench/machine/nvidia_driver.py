"""NVIDIA's driver, as its kernel module and its library tell it, and which CUDA wants which driver."""

from __future__ import annotations

import ctypes
import re
from dataclasses import dataclass
from pathlib import Path

from ..errors import UnavailableError
from .gpu import NVML, load_nvml

_ROOT = Path("/")

# Least driver by CUDA's major version: NVIDIA, "CUDA Compatibility", chapter "Minor Version Compatibility", table 1
# (docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html, read in November 2026); the whole
# numbers of 11 and 12 are those of the table "Minimum Required Driver Version" of the CUDA Toolkit release notes.
LEAST_DRIVER: dict[int, tuple[int, ...]] = {11: (450, 80, 2), 12: (525, 60, 13), 13: (580,)}


@dataclass(frozen=True, slots=True)
class Driver:
    """Its version, such as 580.65.06 (empty: not told), and the newest CUDA that it runs; None where not told."""

    version: str
    cuda: tuple[int, int] | None


def installed_driver(root: Path = _ROOT, nvml: str = NVML) -> Driver | None:
    """The driver of this machine; None where there is none. `nvml` is its library, for tests."""
    file = root / "proc/driver/nvidia/version"
    match = re.search(r"\b\d{3,}\.\d+(\.\d+)?\b", file.read_text(errors="replace")) if file.is_file() else None
    cuda = _cuda_version(nvml)
    return Driver(match[0] if match else "", cuda) if match or cuda else None


def _cuda_version(nvml: str) -> tuple[int, int] | None:
    """By nvmlSystemGetCudaDriverVersion_v2, which asks the libcuda that is there, a newer one of a package too."""
    number = ctypes.c_int()
    try:
        load_nvml(nvml).call("nvmlSystemGetCudaDriverVersion_v2", ctypes.byref(number))
    except UnavailableError:
        return None
    return number.value // 1000, number.value % 1000 // 10
