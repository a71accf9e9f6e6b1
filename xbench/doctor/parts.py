"""What belongs to each runner, and whether it is installed: by files and metadata, with nothing imported."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, distribution, entry_points
from pathlib import Path

from ..errors import InputError
from ..machine.elf import needed
from ..machine.sharedlibs import find_library, majors
from .packages import Runtime
from .traps_nvidia import tensorrt_command

GPU_PACKAGE = "pip uninstall -y onnxruntime; pip install 'xbench[gpu]'"
_CAPI = "onnxruntime/capi"


@dataclass(frozen=True, slots=True)
class Part:
    """What a runner is made of, and what it computes on.

    `package`: the Python package; empty: whichever brings ONNX Runtime. `library`: the provider's file in it.
    `stem`: a library that comes from elsewhere, without which the provider counts as not installed.
    `nvidia`: it wants such a GPU. `cpu_vendor`: it takes CPUs of that maker alone, by the name in /proc/cpuinfo.
    """

    package: str = ""
    library: str = ""
    stem: str = ""
    nvidia: bool = False
    cpu_vendor: str = ""
    install: str = "pip install 'xbench[cpu]'"


PARTS = {
    "cpu": Part(),
    "cuda": Part(library="libonnxruntime_providers_cuda.so", nvidia=True, install=GPU_PACKAGE),
    "tensorrt": Part(
        library="libonnxruntime_providers_tensorrt.so", stem="libnvinfer", nvidia=True, install=GPU_PACKAGE
    ),
    # Seen with 1.8.1: on a CPU of AMD it offers no device, where OpenVINO itself takes any.
    "openvino": Part(
        package="onnxruntime-ep-openvino", cpu_vendor="GenuineIntel", install="pip install 'xbench[openvino]'"
    ),
    "openvino-native": Part(package="openvino", install="pip install 'xbench[openvino]'"),
    "torch": Part(package="torch", install="pip install 'xbench[torch]'"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """Whether a part is installed. `needs`: the names that its library asks for, and `unmet` those not found."""

    package: str = ""
    version: str = ""
    installed: bool = False
    reason: str = ""
    remedy: str = ""
    library: Path | None = None
    needs: tuple[str, ...] = field(default=())
    unmet: tuple[str, ...] = field(default=())


def find_part(part: Part, runtimes: Sequence[Runtime], folders: Sequence[Path]) -> Found:
    """Look for a part. `runtimes` are in Python's order; `folders` are where shared libraries lie."""
    if part.package:
        return find_package(part.package, part.install)
    if not runtimes:
        return Found(reason="ONNX Runtime is not installed", remedy=part.install)
    first = runtimes[0]
    if not part.library:
        return Found(first.name, first.version, installed=True)
    library = first.folder / _CAPI / part.library
    if not library.is_file():
        return Found(reason=f"{first.called} has no {part.library}", remedy=part.install)
    return _with_library(part, first, library, folders)


def _with_library(part: Part, runtime: Runtime, library: Path, folders: Sequence[Path]) -> Found:
    try:
        needs = needed(library)
    except InputError as error:
        return Found(runtime.name, runtime.version, installed=True, reason=error.reason, library=library)
    unmet = tuple(name for name in needs if find_library(name, (library.parent, *folders)) is None)
    if part.stem and not majors(part.stem, folders):
        wanted = next((name for name in needs if name.startswith(f"{part.stem}.so")), part.stem)
        return Found(
            runtime.name,
            runtime.version,
            reason=f"{wanted} is not here",
            remedy=tensorrt_command(needs),
            library=library,
            needs=needs,
            unmet=unmet,
        )
    return Found(runtime.name, runtime.version, installed=True, library=library, needs=needs, unmet=unmet)


def find_package(name: str, install: str) -> Found:
    """Look for a Python package by its metadata."""
    try:
        one = distribution(name)
    except PackageNotFoundError:
        return Found(reason=f"{name} is not installed", remedy=install)
    return Found(one.metadata["Name"], one.version, installed=True)


def find_third_party(runner: str) -> Found:
    """The package that brings a runner by the entry point `xbench.runners`."""
    for entry in entry_points(group="xbench.runners", name=runner):
        if entry.dist is not None:
            return Found(entry.dist.metadata["Name"], entry.dist.version, installed=True)
    return Found(reason=f"no package brings the runner {runner!r}")
