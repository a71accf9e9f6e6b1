"""What this machine is, as far as a hardware profile can ask for it."""

from __future__ import annotations

import functools
import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from .fingerprint import cpu_flags, cpu_info, cpu_model, installed
from .gpus import GpuDescription, Gpus, find_gpus

# Codes of `CPU implementer` in /proc/cpuinfo, by the names of util-linux (sys-utils/lscpu-arm.c).
_IMPLEMENTERS = {
    "0x41": "ARM",
    "0x42": "Broadcom",
    "0x43": "Cavium",
    "0x46": "FUJITSU",
    "0x48": "HiSilicon",
    "0x4e": "NVIDIA",
    "0x51": "Qualcomm",
    "0x61": "Apple",
    "0x6d": "Microsoft",
    "0xc0": "Ampere",
}
# Packages that carry the same import name: any of them is that package (onnxruntime.ai, Install ONNX Runtime).
_BUILDS = {"onnxruntime": ("onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-qnn", "onnxruntime-openvino")}


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine. `gpus` are the NVIDIA GPUs that CUDA can use; where there is none, `gpu_reason` says why.

    `packages` holds the versions of those Python packages that were asked for and are installed.
    """

    architecture: str
    system: str
    cpu_vendor: str = ""
    cpu_model: str = "unknown"
    cpu_flags: frozenset[str] = frozenset()
    gpus: tuple[GpuDescription, ...] = ()
    gpu_reason: str = ""
    driver: str = ""
    packages: Mapping[str, str] = field(default_factory=dict)


def this_machine(packages: Iterable[str] = ()) -> Machine:
    """This machine, with the versions of these Python packages. Imports none of them."""
    info, gpus = cpu_info(), _gpus()
    implementer = info.get("CPU implementer", "")
    return Machine(
        architecture=platform.machine(),
        system=platform.system().lower(),
        cpu_vendor=info.get("vendor_id") or _IMPLEMENTERS.get(implementer, implementer),
        cpu_model=cpu_model(info),
        cpu_flags=cpu_flags(),
        gpus=gpus.cards,
        gpu_reason=gpus.reason,
        driver=gpus.driver,
        packages=_versions(packages),
    )


@functools.cache
def _gpus() -> Gpus:
    return find_gpus(os.environ)


def _versions(names: Iterable[str]) -> dict[str, str]:
    found = {}
    for name in names:
        here = installed((name, *_BUILDS.get(name, ())))
        if here:
            found[name] = next(iter(here.values()))
    return found
