"""Another machine's options, tried here: the results bear the name of what is here."""

from __future__ import annotations

import re

import pytest
from profile_kit import H100, T4, machine, read, write

from xbench.errors import InputError
from xbench.machine.described import this_machine
from xbench.profiles.borrowing import borrowed
from xbench.records.profile import Facts, HardwareProfile, Requirements
from xbench.road.beginning import find_devices
from xbench.runners.fake import FakeRunner

FACT = {"value": 67, "source": "a datasheet"}
OTHERS = {
    "requires": {"architectures": ["riscv128"]},
    "facts": {"memory_gib": FACT},
    "cost_per_hour": 9.0,
    "cost_source": "a list",
}


@pytest.fixture
def other(tmp_path):
    write(tmp_path / "p", "other", **OTHERS)
    return tmp_path / "p"


def devices(names, folder, **more):
    return [(device.profile, device.availability) for device in find_devices(names, [folder], **more)]


def test_the_device_is_what_it_is_and_nothing_of_the_other_one_stays(other):
    ((refused, state),) = devices(["other"], other)
    assert (refused.name, state.available) == ("other", False)
    ((mine, state),) = devices(["other"], other, as_is=True)
    assert state.available
    cpu = this_machine().cpu_model
    assert re.fullmatch(r"[a-z0-9-]+\.fake-fp32", mine.name)
    assert mine.title == f"{cpu}, as is: the options of other"
    assert mine.evidence.startswith("as is: the profile other is for another machine (the profile is for riscv128")
    assert (mine.requires, mine.facts, mine.cost_per_hour, mine.cost_source) == (Requirements(), Facts(), None, "")
    assert HardwareProfile.model_validate(mine.model_dump(by_alias=True)) == mine


def test_two_that_would_bear_one_name_are_numbered(other):
    write(other, "twin", **OTHERS)
    write(other, "here")
    names = [profile.name for profile, _ in devices(["other", "here", "twin"], other, as_is=True)]
    assert names == [names[0], "here", f"{names[0]}-2"]
    assert "other" not in names
    write(other, names[0])
    assert next(profile.name for profile, _ in devices(["other"], other, as_is=True)) == f"{names[0]}-2"


def test_a_gpu_gives_its_name_where_the_runner_computes_on_one(other, monkeypatch):
    profile = read(other, "other")
    assert borrowed(profile, machine(), ()).name == "intel-xeon-platinum-8480.fake-fp32"
    assert len(borrowed(profile, machine(cpu_model="x" * 200), ()).name) == 64
    assert borrowed(profile, machine(cpu_model="中"), ()).name == "unknown.fake-fp32"
    monkeypatch.setattr(FakeRunner, "device_index", 0)
    assert borrowed(profile, machine(), ()).name == "nvidia-h100-80gb-hbm3.fake-fp32"
    assert borrowed(profile, machine(gpus=(T4, T4)), ()).name == "tesla-t4.fake-fp32"
    assert borrowed(profile, machine(gpus=(T4, H100)), ()).title.startswith("Tesla T4 or NVIDIA H100")
    assert borrowed(profile, machine(gpus=()), ()).name == "unknown-gpu.fake-fp32", "not the CPU's"


def test_it_helps_neither_without_the_library_nor_for_an_emulated_one(other):
    write(other, "wants", requires={"architectures": ["riscv128"], "libraries": {"no-such-package": ">=1"}})
    write(other, "gpu", runner="cuda", requires={"architectures": ["riscv128"]})
    emulation = {"program": "qemu-riscv64", "cpu": "rv64"}
    write(other, "played", requires={"systems": ["plan9"]}, emulation=emulation)
    for name, words in (("wants", "no-such-package"), ("gpu", "NVIDIA driver"), ("played", "plan9")):
        ((profile, state),) = devices([name], other, as_is=True)
        assert (profile.name, state.available) == (name, False)
        assert words in state.reason
        assert "--as-is" not in state.remedy


def test_it_is_for_profiles_that_are_named(other):
    with pytest.raises(InputError, match="no profile was named"):
        find_devices(["auto"], [other], as_is=True)
    found = devices(["auto", "cpu"], other, as_is=True)
    assert "other" in [profile.name for profile, _ in found], "not named, so it stays what it is"
