"""Which NVIDIA GPUs are here, by NVML, the library of NVIDIA's driver. Never run on a device so far."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UnavailableError
from .gpu import NVML, Gpu, load_nvml


@dataclass(frozen=True, slots=True)
class GpuDescription:
    """One GPU as its driver tells it. `partitioned`: it is in MIG mode, and who uses it has a part of it."""

    name: str
    compute_capability: str
    memory_mib: int
    partitioned: bool = False


@dataclass(frozen=True, slots=True)
class Gpus:
    """The GPUs that CUDA can use here, and the driver's version; or none, and why."""

    cards: tuple[GpuDescription, ...] = ()
    driver: str = ""
    reason: str = ""


def find_gpus(environment: Mapping[str, str], library: str = NVML) -> Gpus:
    """The GPUs of this machine, less those that CUDA_VISIBLE_DEVICES hides. `library` is for tests."""
    try:
        nvml = load_nvml(library)
        count = ctypes.c_uint()
        nvml.call("nvmlDeviceGetCount_v2", ctypes.byref(count))
        gpus = [Gpu(nvml, index) for index in range(count.value)]
        found = Gpus(tuple(_describe(gpu) for gpu in gpus), gpus[0].driver() if gpus else "")
    except UnavailableError as error:
        # The linker's words on a library that is not there would only fill the list of profiles.
        return Gpus(reason=error.asked if isinstance(error.__cause__, OSError) else error.reason)
    return _visible(found, environment) if gpus else Gpus(reason="NVIDIA's driver tells of no GPU")


def _describe(gpu: Gpu) -> GpuDescription:
    _, memory_mib = gpu.memory_mib()
    return GpuDescription(gpu.name(), gpu.compute_capability(), int(memory_mib), gpu.partitioned())


def _visible(found: Gpus, environment: Mapping[str, str]) -> Gpus:
    """What is left of the GPUs (CUDA C++ Programming Guide, CUDA Environment Variables).

    Numbers mean what NVML means by them under CUDA_DEVICE_ORDER=PCI_BUS_ID only; else all cards are kept, since
    any of them may be meant. So they are where cards are named by UUID.
    """
    named = environment.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return found
    items = [item.strip() for item in named.split(",")]
    if not items[0] or items[0].startswith("-"):
        return Gpus((), found.driver, f"CUDA_VISIBLE_DEVICES={named!r} hides all GPUs")
    if environment.get("CUDA_DEVICE_ORDER") != "PCI_BUS_ID" or not all(item.isdecimal() for item in items):
        return found
    kept = tuple(found.cards[int(item)] for item in items if int(item) < len(found.cards))
    return Gpus(kept, found.driver, "" if kept else f"CUDA_VISIBLE_DEVICES={named!r} names no GPU that is here")
