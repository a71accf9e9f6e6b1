"""What the CUDA and the TensorRT provider need of a machine, looked for without importing a runtime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import ClassVar

from xbench.records.profile import Availability, HardwareProfile

from .ort_install import RuntimeInstall, find_runtime, missing_library
from .ort_session import OrtSessionRunner

NO_GPU = "run on a machine with an NVIDIA GPU and its driver installed"
GPU_PACKAGE = "pip uninstall -y onnxruntime; pip install 'xbench[gpu]'"


class NvidiaRunner(OrtSessionRunner):
    """What both NVIDIA providers share. `library` is the provider's file in ONNX Runtime's package."""

    library: ClassVar[str]

    def __init__(self, path: Path, label: str, profile: HardwareProfile) -> None:
        super().__init__(path, label, profile)
        self.device_index = getattr(self.options, "device_id", 0)

    @classmethod
    def probe(cls, profile: HardwareProfile) -> Availability:
        """Driver, GPU package, a GPU, and the libraries that the provider links to."""
        cls.check_options(profile)
        return probe_provider(cls.library)

    @classmethod
    def warm_import(cls) -> None:
        """Import ONNX Runtime and load the CUDA libraries that came as Python packages."""
        super().warm_import()
        import onnxruntime

        onnxruntime.preload_dlls()


def probe_provider(library: str) -> Availability:
    """Whether an NVIDIA provider of ONNX Runtime can load: driver, package, then the library's own needs.

    `library` is the provider's file, such as `libonnxruntime_providers_cuda.so`.
    """
    runtime = find_runtime()
    if runtime is None:
        return _absent("ONNX Runtime is not installed", GPU_PACKAGE)
    driver = missing_library("libcuda.so.1")
    if driver:
        return _absent(f"no NVIDIA driver: {driver}", NO_GPU)
    provider = runtime.libraries / library
    if not provider.is_file():
        return _absent(f"{runtime.package} {runtime.version} has no {library}", GPU_PACKAGE)
    return _loadable(runtime, provider)


# Run in a process of its own: it imports ONNX Runtime, which the asking process must not, and a broken
# driver may take the process down with it. `preload_dlls` finds CUDA libraries that came as Python packages.
_LOAD = """
import ctypes, os, pathlib, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
onnxruntime.preload_dlls()
driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0)
status = driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count))
if status or not count.value:
    sys.exit(f"no GPU: the driver counts {count.value} (status {status})")
provider = pathlib.Path(sys.argv[1])
try:
    ctypes.CDLL(str(provider.with_name("libonnxruntime_providers_shared.so")), ctypes.RTLD_GLOBAL)
    ctypes.CDLL(str(provider))
except OSError as error:
    sys.exit(f"missing: {error}")
"""


def _loadable(runtime: RuntimeInstall, provider: Path) -> Availability:
    command = [sys.executable, "-P", "-c", _LOAD, str(provider)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    except subprocess.TimeoutExpired:
        return _absent(f"loading {provider.name} did not end within 60 s", "look at the driver with nvidia-smi")
    if child.returncode:
        last = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
        if last.startswith("no GPU"):
            return _absent(last, NO_GPU)
        return _absent(
            f"{provider.name} of {runtime.package} {runtime.version} cannot be loaded: {last}",
            "install the library that is named, of the major version that this ONNX Runtime was built for",
        )
    return Availability(available=True)


def _absent(reason: str, remedy: str) -> Availability:
    return Availability(available=False, reason=reason, remedy=remedy)
