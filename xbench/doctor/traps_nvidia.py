"""Traps of NVIDIA's libraries: one major version where another is wanted, an old driver, no device.

`names` are those of the libraries that the installed providers ask for; `folders` where libraries lie.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..machine.container import container_mark, nvidia_devices
from ..machine.nvidia_driver import LEAST_DRIVER, Driver
from ..machine.sharedlibs import find_library, majors, wanted_major
from .record import Trap

_CUDA_STEMS = ("libcudart", "libcublas", "libcublasLt", "libcufft", "libcudnn")
_TENSORRT_STEMS = ("libnvinfer", "libnvonnxparser")
_NO_NEED = "no library of an NVIDIA provider is installed"


def cuda_major(names: Sequence[str], folders: Sequence[Path], package: str) -> Trap:
    """CUDA libraries of another major version than the provider was linked to, and not those.

    `package` is that of ONNX Runtime, with its version, such as onnxruntime-gpu==1.31.1.
    """
    matters = (
        "the provider does not load, ONNX Runtime falls back to the CPU with a warning, and CPU times would stand "
        "under the GPU's name"
    )
    remedy = f"pip install '{package.replace('==', '[cuda,cudnn]==')}'"
    return _major_trap("cuda-major", matters, names, folders, _CUDA_STEMS, remedy)


def tensorrt_major(names: Sequence[str], folders: Sequence[Path]) -> Trap:
    """TensorRT of another major version than the provider was linked to, and not that one."""
    matters = (
        "the provider looks for the library by its major version: the newest TensorRT, which an unpinned install "
        "brings, is not found, and nothing runs on it"
    )
    return _major_trap("tensorrt-major", matters, names, folders, _TENSORRT_STEMS, tensorrt_command(names))


def _major_trap(
    name: str, matters: str, names: Sequence[str], folders: Sequence[Path], stems: Sequence[str], remedy: str
) -> Trap:
    wrong = _other_majors(names, folders, stems)
    found = "; ".join(wrong) if wrong else _wanted(names, stems)
    return Trap(name=name, sprung=bool(wrong), found=found, matters=matters, remedy=remedy if wrong else "")


def tensorrt_command(names: Sequence[str]) -> str:
    """What brings the TensorRT that is asked for: Debian packages of NVIDIA's repository, which ld.so then finds.

    Their names hold TensorRT's major version, and their versions that of CUDA.
    """
    major, cuda = wanted_major(names, "libnvinfer"), wanted_major(names, "libcudart")
    version = f"=*+cuda{cuda}.*" if cuda else ""
    packages = " ".join(
        f"'{stem}{major}{version}'" for stem in ("libnvinfer", "libnvinfer-plugin", "libnvonnxparsers")
    )
    return f"apt-get install -y {packages}  # or docker/tensorrt.Dockerfile"


def driver_too_old(names: Sequence[str], driver: Driver | None) -> Trap:
    """A driver that is older than the CUDA that the provider was linked to can do with."""
    matters = "CUDA refuses to start (error 35), and ONNX Runtime falls back to the CPU"
    major = wanted_major(names, "libcudart")
    if major is None or driver is None:
        found = _NO_NEED if major is None else "no driver is loaded"
        return Trap(name="driver-too-old", sprung=False, found=found, matters=matters)
    least = LEAST_DRIVER.get(major)
    version = tuple(int(part) for part in driver.version.split(".")) if driver.version else ()
    # The driver's own word counts first: NVIDIA's compatibility package lifts an old driver to a newer CUDA.
    old = driver.cuda[0] < major if driver.cuda else bool(version and least and version < least)
    reached = f", which runs CUDA {driver.cuda[0]}.{driver.cuda[1]} at most" if driver.cuda else ""
    wanted = f"CUDA {major} wants driver {'.'.join(map(str, least))} or later" if least else f"CUDA {major} is wanted"
    return Trap(
        name="driver-too-old",
        sprung=old,
        found=f"driver {driver.version or 'of unknown version'}{reached}; {wanted}",
        matters=matters,
        remedy=_install_driver(least) if old else "",
    )


def _install_driver(least: tuple[int, ...] | None) -> str:
    branch = (least or max(LEAST_DRIVER.values()))[0]
    return f"apt-get install -y nvidia-driver-{branch}  # on the host, then reboot"


def container_without_gpu(wants_gpu: bool, root: Path = Path("/")) -> Trap:
    """A container that was started without the GPU, although a GPU's provider is installed in it."""
    matters = "the host's GPU is not seen in a container that did not ask for it"
    mark, devices = container_mark(root), nvidia_devices(root)
    name = "container-without-gpu"
    if not mark or devices or not wants_gpu:
        found = f"{'a container (' + mark + ')' if mark else 'no container'}; "
        found += ", ".join(devices) or ("no NVIDIA device" if wants_gpu else "no GPU provider is installed")
        return Trap(name=name, sprung=False, found=found, matters=matters)
    return Trap(
        name=name,
        sprung=True,
        found=f"a container ({mark}) with the package of a GPU provider, and no /dev/nvidia*",
        matters=matters,
        remedy="docker run --gpus all ...  # the host needs nvidia-container-toolkit",
    )


def _other_majors(names: Sequence[str], folders: Sequence[Path], stems: Sequence[str]) -> list[str]:
    wrong = []
    for stem in stems:
        major = wanted_major(names, stem)
        here = majors(stem, folders)
        if major is not None and here and find_library(f"{stem}.so.{major}", folders) is None:
            others = ", ".join(f"{stem}.so.{other} in {file.parent}" for other, file in sorted(here.items()))
            wrong.append(f"{stem}.so.{major} is wanted, and here is {others}")
    return wrong


def _wanted(names: Sequence[str], stems: Sequence[str]) -> str:
    wanted = [f"{stem}.so.{major}" for stem in stems if (major := wanted_major(names, stem)) is not None]
    return f"{', '.join(wanted)} wanted, and no other major version is there alone" if wanted else _NO_NEED
