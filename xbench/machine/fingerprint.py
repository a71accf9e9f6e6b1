"""Collects the fingerprint of this machine from /proc, /sys and the installed packages."""

from __future__ import annotations

import hashlib
import os
import platform
from collections.abc import Iterable, Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil

from ..records.fingerprint import Fingerprint
from .cpus import CGROUP, cgroup_cpu_limit, usable_cpus

_LIBRARIES = (
    "xbench",
    "numpy",
    "scipy",
    "onnx",
    "onnxruntime",
    "onnxruntime-gpu",
    "onnxruntime-ep-openvino",
    "openvino",
    "torch",
    "torch-pruning",
    "optimum",
    "optimum-onnx",
    "transformers",
    "tokenizers",
    "scikit-learn",
)
# Variables that change what a math library or a runtime does. Nothing else of the environment is recorded.
_ENVIRONMENT = (
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "CUDA_VISIBLE_DEVICES",
    "NVIDIA_TF32_OVERRIDE",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "ORT_LOAD_CONFIG_FROM_MODEL",
    "MALLOC_ARENA_MAX",
)
_MIB = 1024 * 1024
# A cgroup without a memory limit shows a number near 2**63.
_NO_LIMIT = 2**60


def _first_line(path: str) -> str:
    file = Path(path)
    return file.read_text(errors="replace").strip().split("\n", 1)[0] if file.is_file() else ""


def cpu_info() -> dict[str, str]:
    """What /proc/cpuinfo says of the first CPU; empty where there is no such file."""
    file = Path("/proc/cpuinfo")
    found: dict[str, str] = {}
    for line in file.read_text(errors="replace").splitlines() if file.is_file() else ():
        key, _, value = line.partition(":")
        found.setdefault(key.strip(), value.strip())
    return found


def cpu_model(info: Mapping[str, str]) -> str:
    """The CPU's name out of `cpu_info`; on ARM the number of its part."""
    return info.get("model name") or info.get("CPU part") or platform.processor() or "unknown"


def cpu_flags() -> frozenset[str]:
    """CPU features as /proc/cpuinfo names them (`flags` on x86, `Features` on ARM)."""
    info = cpu_info()
    return frozenset((info.get("flags") or info.get("Features") or "").split())


def memory_limit_mib(cgroup: Path = CGROUP) -> int | None:
    """Memory that the container may use, by cgroup v2 or v1, MiB; None where not limited."""
    v2, v1 = cgroup / "memory.max", cgroup / "memory/memory.limit_in_bytes"
    text = _first_line(str(v2)) or _first_line(str(v1))
    return int(text) // _MIB if text.isdigit() and int(text) < _NO_LIMIT else None


def installed(names: Iterable[str]) -> dict[str, str]:
    """The versions of those of these packages that are installed."""
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _gpus() -> tuple[str, ...]:
    # The driver lists its cards here without any library or tool of it being needed.
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return tuple(
        line.partition(":")[2].strip()
        for file in files
        for line in file.read_text().splitlines()
        if line.startswith("Model")
    )


def fingerprint() -> Fingerprint:
    """What this machine is, now."""
    info = cpu_info()
    khz = _first_line("/sys/devices/system/cpu/cpu0/cpufreq/cpuinfo_max_freq")
    return Fingerprint(
        cpu_model=cpu_model(info),
        architecture=platform.machine(),
        cpu_flags_sha256=hashlib.sha256(" ".join(sorted(cpu_flags())).encode()).hexdigest(),
        cpus_online=os.cpu_count() or 0,
        cpus_usable=usable_cpus(),
        cgroup_cpu_limit=cgroup_cpu_limit(),
        memory_mib=psutil.virtual_memory().total // _MIB,
        memory_limit_mib=memory_limit_mib(),
        governor=_first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor") or "unknown",
        max_frequency_mhz=int(khz) / 1000 if khz.isdigit() else None,
        system=platform.system(),
        kernel=platform.release(),
        libc=" ".join(platform.libc_ver()).strip(),
        python=platform.python_version(),
        gpus=_gpus(),
        nvidia_driver=_first_line("/proc/driver/nvidia/version"),
        libraries=installed(_LIBRARIES),
        environment={name: os.environ[name] for name in _ENVIRONMENT if name in os.environ},
    )
