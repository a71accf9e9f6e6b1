"""Each trap of an installation is planted and found; beside each stands one that is in order and is let be."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from doctor_kit import install, shared_library

from xbench.doctor.packages import runtimes
from xbench.doctor.parts import PARTS, find_part
from xbench.doctor.traps_nvidia import (
    container_without_gpu,
    cuda_major,
    driver_too_old,
    tensorrt_major,
)
from xbench.doctor.traps_packages import glibc_too_old, missing_system_libraries, two_runtimes
from xbench.errors import InputError
from xbench.machine.elf import needed
from xbench.machine.nvidia_driver import LEAST_DRIVER, Driver
from xbench.machine.sharedlibs import library_folders

CUDA_13 = ("libcudart.so.13", "libcublas.so.13", "libcuda.so.1")
TENSORRT_10 = ("libnvinfer.so.10", "libcudart.so.13")


def test_one_package_in_order_is_no_trap(tmp_path):
    install(tmp_path, "onnxruntime-gpu", "1.31.1")
    (only,) = runtimes([str(tmp_path)])
    assert only.whole
    assert only.about == ("onnxruntime-gpu", "1.31.1")
    assert not two_runtimes([only]).sprung
    assert not two_runtimes([]).sprung, "nothing is installed"


def test_two_packages_over_each_other(tmp_path):
    install(tmp_path, "onnxruntime-gpu", "1.31.1")
    install(tmp_path, "onnxruntime", "1.30.0")
    trap = two_runtimes(runtimes([str(tmp_path)]))
    assert trap.sprung
    assert "onnxruntime-gpu 1.31.1" in trap.found
    assert "says of itself: onnxruntime 1.30.0" in trap.found, "whose files are there now"
    assert trap.remedy.endswith("--force-reinstall onnxruntime-gpu==1.31.1"), "the GPU's package runs on both"
    assert "pip uninstall -y onnxruntime onnxruntime-gpu;" in trap.remedy


def test_two_packages_in_two_folders_of_the_path(tmp_path):
    install(tmp_path / "a", "onnxruntime", "1.31.1")
    install(tmp_path / "b", "onnxruntime-directml", "1.24.4")
    assert two_runtimes(runtimes([str(tmp_path / "a"), str(tmp_path / "b")])).sprung


@pytest.mark.parametrize("what", ["lost", "overwritten", "another version"])
def test_what_an_uninstall_of_the_other_leaves(tmp_path, what):
    install(tmp_path, "onnxruntime", "1.31.1")
    module = tmp_path / "onnxruntime/__init__.py"
    if what == "lost":
        module.unlink()
    elif what == "overwritten":
        module.write_text("# another's\n")
    else:
        info = tmp_path / "onnxruntime-1.31.1.dist-info/METADATA"
        info.write_text(info.read_text().replace("1.31.1", "1.30.0"))
    assert two_runtimes(runtimes([str(tmp_path)])).sprung


def test_a_wheel_for_a_newer_c_library(tmp_path):
    install(tmp_path, "onnxruntime", "1.31.1", tag="cp311-cp311-manylinux_2_34_x86_64")
    installed = runtimes([str(tmp_path)])
    assert glibc_too_old(installed, (2, 28)).sprung
    assert glibc_too_old(installed, None).sprung, "musl"
    assert not glibc_too_old(installed, (2, 34)).sprung
    assert not glibc_too_old(installed, (2, 100)).sprung, "100 is more than 34"


def test_needed_names_are_those_of_readelf():
    """Against GNU binutils, on the libraries that NumPy brings."""
    if shutil.which("readelf") is None:
        pytest.skip("readelf is not here: apt-get install -y binutils")
    libraries = sorted(Path(np.__file__).parents[1].glob("numpy*/**/*.so*"))[:12]
    assert libraries
    for library in libraries:
        told = subprocess.run(["readelf", "-dW", library], capture_output=True, text=True, check=True).stdout
        assert needed(library) == tuple(re.findall(r"\(NEEDED\).*\[(.*)\]", told))


def test_a_file_that_is_no_whole_library_is_refused(tmp_path):
    whole = shared_library(tmp_path / "whole.so", "libm.so.6", "libc.so.6")
    assert needed(whole) == ("libm.so.6", "libc.so.6")
    for name, data in (
        ("text.so", b"INPUT ( libc.so.6 )" * 9),
        ("empty.so", b""),
        ("cut.so", whole.read_bytes()[:100]),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputError):
            needed(tmp_path / name)


def test_a_system_library_that_is_not_there(tmp_path):
    library = shared_library(tmp_path / "capi/core.so", "libgomp.so.1", "libc.so.6")
    needs = {library: needed(library)}
    trap = missing_system_libraries(needs, [tmp_path])
    assert trap.sprung
    assert trap.found == "core.so needs libgomp.so.1"
    assert trap.remedy == "apt-get install -y libgomp1"
    (tmp_path / "libgomp.so.1").touch()
    assert not missing_system_libraries(needs, [tmp_path]).sprung


@pytest.mark.parametrize(
    ("check", "names", "wrong", "right", "word"),
    [
        (
            lambda n, f: cuda_major(n, f, "onnxruntime-gpu==1.31.1"),
            CUDA_13,
            "libcudart.so.12",
            "libcudart.so.13",
            "cuda",
        ),
        (tensorrt_major, TENSORRT_10, "libnvinfer.so.11", "libnvinfer.so.10", "libnvinfer10=*+cuda13.*"),
    ],
    ids=["CUDA 12 for 13", "TensorRT 11 for 10"],
)
def test_another_major_version(tmp_path, check, names, wrong, right, word):
    assert not check(names, [tmp_path]).sprung, "nothing is there: not installed, and no trap"
    (tmp_path / wrong).touch()
    trap = check(names, [tmp_path])
    assert trap.sprung
    assert f"{right} is wanted, and here is {wrong}" in trap.found
    assert word in trap.remedy
    (tmp_path / right).touch()
    assert not check(names, [tmp_path]).sprung, "both are there: the right one is found"
    assert not check((), [tmp_path]).sprung, "no provider asks for any"


def test_a_plugin_of_the_same_beginning_is_another_library(tmp_path):
    (tmp_path / "libnvinfer_plugin.so.11").touch()
    assert not tensorrt_major(TENSORRT_10, [tmp_path]).sprung


@pytest.mark.parametrize(
    ("driver", "old"),
    [
        (Driver("579.99", None), True),
        (Driver("580.65.06", None), False),
        (Driver("1000.1", None), False),
        (Driver("535.104.05", (12, 2)), True),
        (Driver("535.104.05", (13, 0)), False),  # NVIDIA's compatibility package lifts it
        (Driver("", (12, 8)), True),
        (None, False),  # there is none: another matter
    ],
)
def test_a_driver_too_old_for_cuda_13(driver, old):
    trap = driver_too_old(CUDA_13, driver)
    assert trap.sprung is old
    assert bool(trap.remedy) is old
    assert not driver_too_old((), driver).sprung


def test_least_drivers_are_those_of_nvidias_table():
    """CUDA Compatibility, "Minor Version Compatibility", table 1: 13.x >= 580, 12.x >= 525, 11.x >= 450."""
    assert {major: least[0] for major, least in LEAST_DRIVER.items()} == {13: 580, 12: 525, 11: 450}


def test_a_container_without_the_gpu(tmp_path):
    assert not container_without_gpu(True, tmp_path).sprung, "no container"
    cgroup = tmp_path / "proc/1/cgroup"
    cgroup.parent.mkdir(parents=True)
    cgroup.write_text("0::/\n")
    assert not container_without_gpu(True, tmp_path).sprung
    cgroup.write_text("4:memory:/docker/3f9a\n")
    assert container_without_gpu(True, tmp_path).sprung
    cgroup.unlink()
    (tmp_path / ".dockerenv").touch()
    trap = container_without_gpu(True, tmp_path)
    assert trap.sprung
    assert "--gpus all" in trap.remedy
    assert not container_without_gpu(False, tmp_path).sprung, "nobody wants a GPU in it"
    (tmp_path / "dev").mkdir()
    (tmp_path / "dev/nvidiactl").touch()
    assert container_without_gpu(True, tmp_path).sprung, "the driver's control file alone is no GPU"
    (tmp_path / "dev/nvidia0").touch()
    assert not container_without_gpu(True, tmp_path).sprung


def test_tensorrt_without_its_library_is_not_installed(tmp_path):
    install(tmp_path, "onnxruntime-gpu", "1.31.1")
    capi = tmp_path / "onnxruntime/capi"
    shared_library(capi / PARTS["tensorrt"].library, "libnvinfer.so.10", "libcudart.so.13")
    shared_library(capi / PARTS["cuda"].library, "libcudart.so.13")
    installed = runtimes([str(tmp_path)])
    tensorrt = find_part(PARTS["tensorrt"], installed, [])
    assert not tensorrt.installed
    assert tensorrt.reason == "libnvinfer.so.10 is not here"
    assert tensorrt.remedy.startswith("apt-get install -y 'libnvinfer10=*+cuda13.*' ")
    cuda = find_part(PARTS["cuda"], installed, [])
    assert cuda.installed
    assert cuda.unmet == ("libcudart.so.13",)
    (tmp_path / "libnvinfer.so.10").touch()
    assert find_part(PARTS["tensorrt"], installed, [tmp_path]).installed
    assert not find_part(PARTS["cuda"], [], []).installed


def test_folders_of_libraries_are_those_of_the_linker_and_of_packages(tmp_path):
    named, configured, wheel = tmp_path / "named", tmp_path / "srv/lib", tmp_path / "site/nvidia/cu13/lib"
    for folder in (named, configured, wheel, tmp_path / "etc/ld.so.conf.d"):
        folder.mkdir(parents=True)
    (tmp_path / "etc/ld.so.conf.d/a.conf").write_text("# comment\n/srv/lib\n")
    environment = {"LD_LIBRARY_PATH": f"{named}::{tmp_path / 'absent'}"}
    assert library_folders([str(tmp_path / "site"), ""], environment, tmp_path) == (named, configured, wheel)
    assert library_folders([], os.environ), "those of this machine"
