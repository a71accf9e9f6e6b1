"""What the CUDA and the TensorRT provider need of a machine, looked for without importing a runtime."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from xbench.records.profile import Availability

from .ort_install import RuntimeInstall, find_runtime, missing_library

GPU_PACKAGE = "pip uninstall -y onnxruntime; pip install 'xbench[gpu]'"


def probe_provider(library: str) -> Availability:
    """Whether an NVIDIA provider of ONNX Runtime can load: driver, package, then the library's own needs.

    `library` is the provider's file, such as `libonnxruntime_providers_cuda.so`.
    """
    runtime = find_runtime()
    if runtime is None:
        return _absent("ONNX Runtime is not installed", GPU_PACKAGE)
    driver = missing_library("libcuda.so.1")
    if driver:
        return _absent(f"no NVIDIA driver: {driver}", "run on a machine with an NVIDIA GPU and its driver installed")
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
        return _absent(
            f"{provider.name} of {runtime.package} {runtime.version} cannot be loaded: {last}",
            "install the library that is named, of the major version that this ONNX Runtime was built for",
        )
    return Availability(available=True)


def _absent(reason: str, remedy: str) -> Availability:
    return Availability(available=False, reason=reason, remedy=remedy)
