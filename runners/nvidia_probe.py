"""Whether an NVIDIA provider of ONNX Runtime can load here, found without importing a runtime in this process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from xbench.errors import InputError
from xbench.machine.elf import needed
from xbench.machine.nvidia_driver import LEAST_DRIVER
from xbench.machine.sharedlibs import find_library, library_folders, majors, wanted_major
from xbench.records.profile import Availability

from .ort_install import RuntimeInstall, find_runtime, missing_library

NO_GPU = "run on a machine with an NVIDIA GPU and its driver installed"
GPU_PACKAGE = "pip uninstall -y onnxruntime; pip install 'xbench[gpu]'"
_SECONDS = 60
_TENSORRT = frozenset({"libnvinfer", "libnvonnxparser", "libnvinfer_plugin"})
_VERSIONED = re.compile(r"(lib[\w+-]+)\.so\.(\d+)")


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
# driver may take the process down with it. `preload_dlls` finds CUDA libraries that came as Python packages, and
# importing `tensorrt_libs` loads TensorRT's where they did.
_LOAD = """
import ctypes, importlib.util, os, pathlib, sys
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
import onnxruntime
onnxruntime.preload_dlls()
if importlib.util.find_spec("tensorrt_libs"):
    import tensorrt_libs
driver, count, version = ctypes.CDLL("libcuda.so.1"), ctypes.c_int(0), ctypes.c_int(0)
driver.cuDriverGetVersion(ctypes.byref(version))
if version.value // 1000 < int(sys.argv[2]):
    sys.exit(f"old driver: {version.value // 1000}.{version.value % 1000 // 10}")
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
    names = _needs(provider)
    cuda = wanted_major(names, "libcudart") or 0
    command = [sys.executable, "-P", "-c", _LOAD, str(provider), str(cuda)]
    try:
        child = subprocess.run(command, capture_output=True, text=True, timeout=_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return _absent(
            f"loading {provider.name} did not end within {_SECONDS} s", "look at the driver with nvidia-smi"
        )
    if not child.returncode:
        return Availability(available=True)
    last = (child.stderr.strip().splitlines() or [f"exit status {child.returncode}"])[-1]
    if last.startswith("no GPU"):
        return _absent(last, NO_GPU)
    package = f"{runtime.package} {runtime.version}"
    if last.startswith("old driver"):
        return _absent(
            f"the NVIDIA driver is too old: it runs CUDA {last.rpartition(' ')[2]} at most, and {package} "
            f"wants CUDA {cuda}",
            f"install driver {_least_driver(cuda)} or later, or an ONNX Runtime for that",
        )
    reason, remedy = explain_missing(last, names, library_folders(sys.path), runtime)
    return _absent(f"{provider.name} of {package} cannot be loaded: {reason}", remedy)


def _least_driver(cuda: int) -> str:
    return ".".join(map(str, LEAST_DRIVER[cuda])) if cuda in LEAST_DRIVER else "of a later branch"


def _needs(provider: Path) -> tuple[str, ...]:
    try:
        return needed(provider)
    except InputError:
        return ()  # a damaged file: the linker says what is wrong with it


def explain_missing(
    told: str, names: Sequence[str], folders: Sequence[Path], runtime: RuntimeInstall
) -> tuple[str, str]:
    """(reason, remedy) where a provider cannot be loaded.

    `told` is the linker's message, which names the first library only that is missing; `names` are all that the
    provider asks for, `folders` where they are looked for. A library that is there in another major version is the
    usual trap: CUDA 12 beside a provider for 13, TensorRT 11 where 10 is wanted.
    """
    first = _VERSIONED.search(told)
    if first is None:
        return told, "install the library that is named, of the major version that this ONNX Runtime was built for"
    stem, major = first[1], int(first[2])
    others = {number: file for number, file in majors(stem, folders).items() if number != major}
    there = "".join(
        f"; {file.name} is in {file.parent}, which is not the version that is wanted"
        for _, file in sorted(others.items())
    )
    here = find_library(first[0], folders)
    there += f"; it is in {here.parent}, where the linker does not look" if here is not None else ""
    lacking = [
        name for name in names if _is_nvidia(name) and name != first[0] and find_library(name, folders) is None
    ]
    more = f"; {', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} not there either" if lacking else ""
    return f"{told}{there}{more}", _remedy(stem, major, wanted_major(names, "libcudart") or 0, runtime)


def _is_nvidia(name: str) -> bool:
    return name.startswith(("libcu", "libnv")) and name != "libcuda.so.1"


def _remedy(stem: str, major: int, cuda: int, runtime: RuntimeInstall) -> str:
    if stem in _TENSORRT:
        package = f"tensorrt-cu{cuda}-libs" if cuda else "tensorrt-libs"
        return f"pip install '{package}=={major}.*', or name the folder of TensorRT {major} in LD_LIBRARY_PATH"
    return f"pip install '{runtime.package}[cuda,cudnn]=={runtime.version}'"


def _absent(reason: str, remedy: str) -> Availability:
    return Availability(available=False, reason=reason, remedy=remedy)
