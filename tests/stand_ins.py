"""Shared libraries that play NVIDIA's, built from a few lines of C."""

from __future__ import annotations

import shutil
import subprocess

import pytest


def nvml_builder(folder, source):
    """A function that builds the stand-in of NVML from `source` with these flags, and gives the library's path."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler (cc) here to build a stand-in of NVIDIA's library")
    (folder / "nvml.c").write_text(source)

    def build(*flags):
        library = folder / f"lib{len(list(folder.iterdir()))}.so"
        subprocess.run([compiler, "-shared", "-fPIC", *flags, "-o", library, folder / "nvml.c"], check=True)
        return str(library)

    return build


def no_calibration():
    """For workshops in tests that must not ask for calibration data."""
    raise AssertionError("nobody asks for calibration data here")
