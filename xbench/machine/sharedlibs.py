"""Which shared libraries lie where the dynamic linker, or a Python package, would find them. Loads none."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

_ROOT = Path("/")
# What ld.so(8) searches at the end, with the folders that Debian and Red Hat put there, and CUDA's usual place.
_USUAL = (
    f"lib/{os.uname().machine}-linux-gnu",
    f"usr/lib/{os.uname().machine}-linux-gnu",
    "lib64",
    "usr/lib64",
    "lib",
    "usr/lib",
    "usr/local/lib",
    "usr/local/cuda/lib64",
)
# Where CUDA's and TensorRT's libraries lie when they come as Python packages, below a folder of sys.path.
_WHEELS = ("nvidia/*/lib", "tensorrt_libs", "torch/lib")


def library_folders(
    search_path: Sequence[str], environment: Mapping[str, str] = os.environ, root: Path = _ROOT
) -> tuple[Path, ...]:
    """Folders that hold shared libraries, in the order of ld.so(8), then those of Python packages.

    `search_path` is as `sys.path`; `root` is where `/` is, for tests.
    """
    named = [Path(part) for part in environment.get("LD_LIBRARY_PATH", "").split(":") if part]
    configured = [
        root / line.strip().lstrip("/")
        for file in sorted((root / "etc/ld.so.conf.d").glob("*.conf"))
        for line in file.read_text(errors="replace").splitlines()
        if line.startswith("/")
    ]
    usual = [root / folder for folder in _USUAL]
    wheels = [
        folder for part in search_path if part for wheel in _WHEELS for folder in sorted(Path(part).glob(wheel))
    ]
    return tuple(dict.fromkeys(path for path in (*named, *configured, *usual, *wheels) if path.is_dir()))


def find_library(name: str, folders: Iterable[Path]) -> Path | None:
    """The first file of exactly this name, such as libcudart.so.13; None where there is none."""
    return next((folder / name for folder in folders if (folder / name).is_file()), None)


def majors(stem: str, folders: Iterable[Path]) -> dict[int, Path]:
    """Major versions of a library that lie there, each with the first file of it.

    `stem` is the name before `.so`: of libnvinfer it finds libnvinfer.so.10, and not libnvinfer_plugin.so.10.
    """
    pattern = re.compile(re.escape(stem) + r"\.so\.(\d+)")
    found: dict[int, Path] = {}
    for folder in folders:
        for file in sorted(folder.glob(f"{stem}.so.*")):
            match = pattern.match(file.name)
            if match:
                found.setdefault(int(match[1]), file)
    return found


def wanted_major(names: Iterable[str], stem: str) -> int | None:
    """The major version of a library that is asked for among these names; None where it is not."""
    pattern = re.compile(re.escape(stem) + r"\.so\.(\d+)")
    found = (pattern.fullmatch(name) for name in names)
    return next((int(match[1]) for match in found if match), None)
