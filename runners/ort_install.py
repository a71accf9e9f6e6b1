"""Finds the installed ONNX Runtime and its provider libraries without importing it."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGES = ("onnxruntime-qnn", "onnxruntime-migraphx", "onnxruntime-directml", "onnxruntime", "onnxruntime-gpu")


@dataclass(frozen=True, slots=True)
class RuntimeInstall:
    """An installed ONNX Runtime: its package, version, and the folder with its libraries."""

    package: str
    version: str
    libraries: Path


def find_runtime() -> RuntimeInstall | None:
    """The installed ONNX Runtime; None where there is none. The GPU package wins where both are there."""
    found = None
    for package in PACKAGES:
        try:
            installed = distribution(package)
        except PackageNotFoundError:
            continue
        folder = Path(str(installed.locate_file("onnxruntime/capi")))
        if folder.is_dir():
            found = RuntimeInstall(package, installed.version, folder)
    return found


def missing_library(library: Path | str) -> str:
    """Try to load a shared library. Empty if it loads, else the linker's reason (it names what is missing)."""
    try:
        ctypes.CDLL(str(library))
    except OSError as error:
        return str(error)
    return ""
