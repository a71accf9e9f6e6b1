"""What is read of NVIDIA's driver, against a stand-in of NVML that was written after its guide."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from xbench.machine.nvidia_driver import Driver, installed_driver

ABSENT = "libno-such-nvml.so.1"
# As the two kinds of NVIDIA's kernel module write it.
CLOSED = (
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 UTC 2023\nGCC version:  12.3.0\n"
)
OPEN = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (dvs-builder@U22)\n"
# nvml.h: the version is 1000 times the major one and 10 times the minor one.
NVML = """
int nvmlInit_v2(void) { return 0; }
const char *nvmlErrorString(int code) { return code ? "Unknown Error" : "Success"; }
int nvmlSystemGetCudaDriverVersion_v2(int *version) { *version = 12080; return CODE; }
"""


def kernel_module(root, text):
    file = root / "proc/driver/nvidia/version"
    file.parent.mkdir(parents=True)
    file.write_text(text)
    return root


@pytest.fixture
def nvml(tmp_path):
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler is here: apt-get install -y gcc")

    def build(code):
        library = tmp_path / f"nvml{code}.so"
        (tmp_path / "nvml.c").write_text(NVML)
        subprocess.run(
            [compiler, "-shared", "-fPIC", f"-DCODE={code}", "-o", library, tmp_path / "nvml.c"], check=True
        )
        return library

    return build


@pytest.mark.parametrize(("text", "version"), [(CLOSED, "535.104.05"), (OPEN, "580.65.06")])
def test_the_kernel_module_tells_the_version(tmp_path, text, version):
    assert installed_driver(kernel_module(tmp_path, text), ABSENT) == Driver(version, None)


def test_no_driver(tmp_path):
    assert installed_driver(tmp_path, ABSENT) is None


def test_nvml_tells_the_newest_cuda(tmp_path, nvml):
    library = nvml(0)
    assert installed_driver(tmp_path / "none", str(library)) == Driver("", (12, 8))
    assert installed_driver(kernel_module(tmp_path, CLOSED), str(library)) == Driver("535.104.05", (12, 8))


def test_an_error_of_nvml_is_no_version(tmp_path, nvml):
    assert installed_driver(kernel_module(tmp_path, OPEN), str(nvml(999))) == Driver("580.65.06", None)
