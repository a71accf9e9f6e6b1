"""What an engine depends on beside the profile's options: the model's bytes, and the versions of what builds it."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from xbench.errors import InvalidError, UnavailableError
from xbench.machine.elf import needed
from xbench.machine.gpu import gpu

_DIGEST = """
import pathlib, sys
from xbench.onnxfile.digests import digests
print(digests(pathlib.Path(sys.argv[1]))[0])
"""


def model_digest(path: Path) -> str:
    """The digest of the model's bytes with its external data. Another process reads it: this one's memory counts."""
    command = [sys.executable, "-P", "-c", _DIGEST, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        told = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        raise InvalidError(f"{path.name} cannot be read for its digest", told)
    return done.stdout.strip()


def versions(library: Path, device_index: int) -> dict[str, str]:
    """What builds an engine, and for which GPU: whoever of these changes, an engine is built anew."""
    import onnxruntime

    names = needed(library)
    device, reason = gpu(device_index)
    try:
        card = {} if device is None else {"gpu": device.name(), "driver": device.driver()}
    except UnavailableError as error:
        device, reason = None, error.reason
    if device is None:
        card = {"gpu": f"unknown: {reason}"}
    return {
        "onnxruntime": onnxruntime.__version__,
        "tensorrt": _asked(names, "libnvinfer.so", "getInferLibVersion"),
        "cuda": _asked(names, "libcudart.so", "cudaRuntimeGetVersion"),
        **card,
    }


def _asked(names: Sequence[str], stem: str, function: str) -> str:
    """The version that a library tells of itself (NvInferRuntimeBase.h; CUDA Runtime API, Version Management)."""
    name = next((one for one in names if one.startswith(stem)), "")
    try:
        library = ctypes.CDLL(name)
    except OSError as error:
        return f"{name}: {error}"
    if function == "getInferLibVersion":
        return f"{name} {library.getInferLibVersion()}"
    version = ctypes.c_int()
    library.cudaRuntimeGetVersion(ctypes.byref(version))
    return f"{name} {version.value}"
