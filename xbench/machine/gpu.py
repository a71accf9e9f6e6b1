"""What an NVIDIA GPU uses and what holds its clock back, by NVML, the library of NVIDIA's driver.

NVML is called through ctypes: nothing has to be installed but the driver. Names, structures and numbers are
those of `nvml.h` (NVML API Reference Guide, docs.nvidia.com/deploy/nvml-api). Never run on a device so far:
the tests hold it against a stand-in of the library that was written after the same guide.
"""

from __future__ import annotations

import ctypes
from typing import Any

from ..errors import UnavailableError

NVML = "libnvidia-ml.so.1"
_SUCCESS = 0
_NOT_AVAILABLE = 2**64 - 1  # NVML_VALUE_NOT_AVAILABLE
_CLOCK_SM = 1  # NVML_CLOCK_SM
_MOST_PROCESSES = 1024
_NAME_BYTES = 96  # NVML_DEVICE_NAME_V2_BUFFER_SIZE; the driver's version takes 80 at most
_MIB = 1024 * 1024
_UJ_PER_MJ = 1000  # microjoules in a millijoule
_IDLE = 0x1
# nvmlClocksThrottleReasons, which newer guides call nvmlClocksEventReasons.
_REASONS = {
    0x2: "application clocks",
    0x4: "power cap",
    0x8: "hardware slowdown",
    0x10: "sync boost",
    0x20: "software thermal slowdown",
    0x40: "hardware thermal slowdown",
    0x80: "power brake",
    0x100: "display clocks",
}

_SLOWDOWNS = frozenset({"hardware slowdown", "software thermal slowdown", "hardware thermal slowdown", "power brake"})


class _Process(ctypes.Structure):
    """nvmlProcessInfo_t of nvmlDeviceGetComputeRunningProcesses_v3; bytes."""

    _fields_ = (
        ("pid", ctypes.c_uint),
        ("used", ctypes.c_ulonglong),
        ("gpu_instance", ctypes.c_uint),
        ("compute_instance", ctypes.c_uint),
    )


class _Memory(ctypes.Structure):
    """nvmlMemory_t of nvmlDeviceGetMemoryInfo; bytes."""

    _fields_ = (
        ("total", ctypes.c_ulonglong),
        ("free", ctypes.c_ulonglong),
        ("used", ctypes.c_ulonglong),
    )


class Nvml:
    """The library, once it is loaded and initialised. It stays so until the process ends."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.nvmlErrorString.restype = ctypes.c_char_p
        self.call("nvmlInit_v2")

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function; UnavailableError with NVML's own words where it does not succeed, or is not there."""
        function = getattr(self._library, name, None)
        if function is None:
            raise UnavailableError(f"NVML was asked for {name}", "this driver has no such function")
        code = function(*arguments)
        if code != _SUCCESS:
            raise UnavailableError(f"NVML was asked for {name}", self._library.nvmlErrorString(code).decode())


class Gpu:
    """One GPU. Each method raises UnavailableError where the driver does not tell what is asked."""

    def __init__(self, nvml: Nvml, index: int) -> None:
        self._nvml = nvml
        self._handle = ctypes.c_void_p()
        nvml.call("nvmlDeviceGetHandleByIndex_v2", ctypes.c_uint(index), ctypes.byref(self._handle))

    def read_uj(self) -> int:
        """Microjoules that the whole GPU used since the driver was loaded. Volta and later tell it."""
        return self._whole("nvmlDeviceGetTotalEnergyConsumption") * _UJ_PER_MJ

    def used_mib(self, pid: int) -> float | None:
        """MiB of the GPU's memory that a process holds now; None where NVML does not tell.

        It does not on cards in MIG mode, nor in a container with process numbers of its own: NVML knows those
        of the host, and would not find `pid`. A process with no context on the GPU is not found either.
        """
        count = ctypes.c_uint(_MOST_PROCESSES)
        processes = (_Process * _MOST_PROCESSES)()
        self._ask("nvmlDeviceGetComputeRunningProcesses_v3", ctypes.byref(count), processes)
        used = [process.used for process in processes[: count.value] if process.pid == pid]
        return None if not used or _NOT_AVAILABLE in used else sum(used) / _MIB

    def memory_mib(self) -> tuple[float, float]:
        """MiB of the GPU's memory that are free now, and MiB that it has."""
        memory = _Memory()
        self._ask("nvmlDeviceGetMemoryInfo", ctypes.byref(memory))
        return memory.free / _MIB, memory.total / _MIB

    def name(self) -> str:
        """The card's name, such as NVIDIA H100 80GB HBM3."""
        buffer = ctypes.create_string_buffer(_NAME_BYTES)
        self._ask("nvmlDeviceGetName", buffer, ctypes.c_uint(_NAME_BYTES))
        return buffer.value.decode()

    def driver(self) -> str:
        """The driver's version, such as 580.65.06."""
        buffer = ctypes.create_string_buffer(_NAME_BYTES)
        self._nvml.call("nvmlSystemGetDriverVersion", buffer, ctypes.c_uint(_NAME_BYTES))
        return buffer.value.decode()

    def compute_capability(self) -> str:
        """What CUDA calls the card's generation, such as 9.0."""
        major, minor = ctypes.c_int(), ctypes.c_int()
        self._ask("nvmlDeviceGetCudaComputeCapability", ctypes.byref(major), ctypes.byref(minor))
        return f"{major.value}.{minor.value}"

    def partitioned(self) -> bool:
        """Whether the card is in MIG mode, so that who uses it has a part of it. Most cards know no such mode."""
        current, pending = ctypes.c_uint(), ctypes.c_uint()
        try:
            self._ask("nvmlDeviceGetMigMode", ctypes.byref(current), ctypes.byref(pending))
        except UnavailableError:
            return False
        return bool(current.value)

    def clock_mhz(self) -> int:
        """The clock of the streaming multiprocessors, now."""
        clock = ctypes.c_uint()
        self._ask("nvmlDeviceGetClockInfo", ctypes.c_int(_CLOCK_SM), ctypes.byref(clock))
        return clock.value

    def slowed_down(self) -> int:
        """How many of the reasons that keep the clock low now are heat or lack of power, and no setting."""
        return sum(name in _SLOWDOWNS for name in self.throttle_reasons())

    def throttle_reasons(self) -> tuple[str, ...]:
        """What keeps the clock below its highest now; to have nothing to do is not among it."""
        bits = self._whole("nvmlDeviceGetCurrentClocksThrottleReasons") & ~_IDLE
        known = tuple(name for bit, name in _REASONS.items() if bits & bit)
        unknown = bits & ~sum(_REASONS)
        return (*known, f"reason {unknown:#x}") if unknown else known

    def _ask(self, name: str, *arguments: Any) -> None:
        self._nvml.call(name, self._handle, *arguments)

    def _whole(self, name: str) -> int:
        value = ctypes.c_ulonglong()
        self._ask(name, ctypes.byref(value))
        return value.value


def gpu(index: int, library: str = NVML) -> tuple[Gpu | None, str]:
    """The GPU of this number and no reason, or None and why there is none. `library` is for tests.

    NVML numbers by place on the PCI bus, and all cards. CUDA does so with CUDA_DEVICE_ORDER=PCI_BUS_ID only,
    and leaves out what CUDA_VISIBLE_DEVICES does not name: among unlike cards the same number can be another.
    """
    try:
        return Gpu(load_nvml(library), index), ""
    except UnavailableError as error:
        return None, error.reason


def load_nvml(library: str = NVML) -> Nvml:
    """NVML, ready. Raises UnavailableError where the driver is not here, or does not answer."""
    try:
        loaded = ctypes.CDLL(library)
    except OSError as error:
        raise UnavailableError("NVIDIA's driver is not here", str(error)) from error
    return Nvml(loaded)
