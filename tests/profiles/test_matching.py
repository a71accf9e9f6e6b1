"""Every requirement, held against machines that are planted."""

from __future__ import annotations

from dataclasses import replace

import pytest
from profile_kit import H100, T4, machine, read, write

from xbench.machine.gpus import GpuDescription
from xbench.profiles.matching import availability, differences

EMULATION = {"program": "qemu-x86_64-static", "cpu": "Haswell"}


def profile(folder, **requires):
    write(folder, requires=requires)
    return read(folder)


@pytest.mark.parametrize(
    ("requires", "here", "words"),
    [
        ({"architectures": ["aarch64"]}, {}, "for aarch64, and this machine is x86_64"),
        ({"systems": ["darwin"]}, {}, "for darwin, and this system is linux"),
        ({"cpu_vendors": ["AuthenticAMD"]}, {}, "of AuthenticAMD, and this one is GenuineIntel"),
        (
            {"cpu_vendors": ["ARM", "Apple"]},
            {"cpu_vendor": ""},
            "of ARM or Apple, and this one is of an unknown vendor",
        ),
        ({"cpu_flags": ["avx2", "sve", "amx_tile"]}, {}, "this CPU lacks amx_tile, sve"),
        ({"cpu_flags_absent": ["avx512_vnni", "sve"]}, {}, "a CPU without avx512_vnni, which this one has"),
        ({"gpus": ["A100"]}, {}, "a GPU called A100, and this one is NVIDIA H100 80GB HBM3"),
        ({"gpus": ["A10"]}, {"gpus": (GpuDescription("NVIDIA A100-SXM4-80GB", "8.0", 81920),)}, "called A10, "),
        ({"gpus": ["L4"]}, {"gpus": (GpuDescription("NVIDIA L40S", "8.9", 46068),)}, "called L4, "),
        ({"gpus": ["H100 PCIe"]}, {}, "called H100 PCIe, "),
        ({"gpus": ["H100"]}, {"gpus": (replace(H100, partitioned=True),)}, "is partitioned (MIG)"),
        ({"gpus": ["H100"]}, {"gpus": (H100, T4)}, "this one is Tesla T4"),
        ({"gpus": ["H100"]}, {"gpus": (), "gpu_reason": "no driver"}, "none is here (no driver)"),
        ({"compute_capability": "8.0"}, {"gpus": (T4,)}, "needs compute capability 8.0, and Tesla T4 has 7.5"),
        ({"compute_capability": "10.0"}, {}, "needs compute capability 10.0"),
        ({"driver": "580.70"}, {}, "driver 580.70, and 580.65.06 is here"),
        ({"driver": "570"}, {"gpus": (), "gpu_reason": "no driver"}, "none is here (no driver)"),
        ({"libraries": {"onnxruntime": ">=1.32"}}, {}, "needs onnxruntime>=1.32, and 1.31.1 is installed"),
        ({"libraries": {"openvino": ">=2025"}}, {}, "needs openvino>=2025, which is not installed"),
        ({"libraries": {"onnxruntime": "<2"}}, {"packages": {"onnxruntime": "nightly"}}, "and nightly is installed"),
    ],
)
def test_what_differs_is_told(tmp_path, requires, here, words):
    (found,) = differences(profile(tmp_path, **requires), machine(**here))
    assert words in found


@pytest.mark.parametrize(
    "requires",
    [
        {},
        {"architectures": ["aarch64", "x86_64"], "systems": ["linux"], "cpu_vendors": ["GenuineIntel"]},
        {"cpu_flags": ["amx_int8", "avx2"], "cpu_flags_absent": ["sve"]},
        {"gpus": ["A100", "h100"], "compute_capability": "8.0", "driver": "580.65"},
        {"compute_capability": "9.0", "driver": "580.65.06"},
        {"libraries": {"onnxruntime": ">=1.26,<2"}},
    ],
)
def test_a_machine_that_fits_differs_in_nothing(tmp_path, requires):
    assert differences(profile(tmp_path, **requires), machine()) == ()


def test_a_pre_release_counts_as_what_it_is(tmp_path):
    wants = profile(tmp_path, libraries={"onnxruntime": ">=1.31"})
    assert differences(wants, machine(packages={"onnxruntime": "1.32.0.dev1"})) == ()
    assert differences(wants, machine(packages={"onnxruntime": "1.31.0rc1"}))


def test_all_differences_are_told_at_once(tmp_path):
    wants = {"architectures": ["aarch64"], "systems": ["darwin"], "cpu_flags": ["sve"], "cpu_vendors": ["ARM"]}
    other = profile(tmp_path, **wants, gpus=["T4"], compute_capability="12.0", driver="999", libraries={"nix": ">1"})
    assert len(differences(other, machine())) == 8
    assert availability(other, machine()).reason.count("; ") == 7


def test_nothing_is_asked_of_the_cpu_that_another_is_played_on(tmp_path, monkeypatch):
    monkeypatch.setattr("xbench.profiles.matching.emulator_reason", lambda emulation: "")
    wants = {"architectures": ["aarch64"], "cpu_vendors": ["ARM"], "cpu_flags": ["sve"]}
    write(tmp_path, emulation=EMULATION, requires=wants)
    assert availability(read(tmp_path), machine()).available
    monkeypatch.setattr("xbench.profiles.matching.emulator_reason", lambda emulation: "no emulator")
    state = availability(read(tmp_path), machine())
    assert (state.available, state.reason, state.machine) == (False, "no emulator", False)
    write(tmp_path, emulation=EMULATION, requires={**wants, "systems": ["darwin"]})
    state = availability(read(tmp_path), machine())
    assert not state.machine
    assert "--as-is" not in state.remedy


def test_as_is_is_offered_where_it_helps_and_nowhere_else(tmp_path):
    another = availability(profile(tmp_path, architectures=["aarch64"]), machine())
    assert another.machine
    assert "--as-is" in another.remedy
    for requires in ({"libraries": {"nix": ">1"}}, {"libraries": {"nix": ">1"}, "systems": ["darwin"]}):
        state = availability(profile(tmp_path, **requires), machine())
        assert not state.machine
        assert "--as-is" not in state.remedy
    assert availability(profile(tmp_path, libraries={"nix": ">1"}), machine()).remedy == "pip install 'nix>1'"
