from __future__ import annotations

import platform

import pytest
from profile_kit import read, write

from xbench.errors import InputError
from xbench.machine.fingerprint import cpu_flags
from xbench.plugins import RUNNERS
from xbench.profiles.finding import all_profiles, choose, shipped_profiles
from xbench.profiles.matching import availability
from xbench.road.beginning import find_devices

SHIPPED = shipped_profiles()
NO_PROVIDERS = ("torch", "openvino-native")  # no ONNX Runtime, so no nodes to be placed


def test_shipped_profiles_load_and_say_where_they_ran():
    assert "cpu" in SHIPPED
    for profile in SHIPPED.values():
        assert profile.runner in RUNNERS
        assert profile.evidence.strip()
        assert profile.precision in profile.title, "the precision is named where people look"
        assert profile.placement is not None or profile.runner in NO_PROVIDERS, "a placement must be proven"


def test_the_cpu_profile_runs_on_this_linux():
    assert availability(SHIPPED["cpu"]).available


@pytest.mark.parametrize("runner", ["cpu", "cuda", "tensorrt", "fake"])
def test_an_unknown_option_of_a_runner_is_named(tmp_path, runner):
    write(tmp_path, runner=runner, options={"optimization": "all"}, precision="fp32")
    with pytest.raises(InputError, match="optimization"):
        availability(read(tmp_path))


def test_an_unknown_runner_gets_the_nearest_name(tmp_path):
    write(tmp_path, runner="tensort")
    with pytest.raises(InputError, match="did you mean 'tensorrt'"):
        availability(read(tmp_path))


@pytest.mark.parametrize(
    ("requires", "words"),
    [
        ({"architectures": ["riscv128"]}, f"for riscv128, and this machine is {platform.machine()}"),
        ({"systems": ["plan9", "vms"]}, f"for plan9 or vms, and this system is {platform.system().lower()}"),
        ({"cpu_flags": ["warp_drive", "antigravity"]}, "this CPU lacks antigravity, warp_drive"),
    ],
)
def test_a_profile_of_another_machine_refuses_with_the_difference(tmp_path, requires, words):
    write(tmp_path, requires=requires)
    state = availability(read(tmp_path))
    assert not state.available
    assert state.machine
    assert words in state.reason
    assert "--as-is" in state.remedy


def test_a_profile_of_this_machine_is_taken(tmp_path):
    requires = {"architectures": ["riscv128", platform.machine()], "systems": [platform.system().lower()]}
    requires["cpu_flags"] = sorted(cpu_flags())[:3]
    write(tmp_path, requires=requires)
    assert availability(read(tmp_path)).available


def test_auto_is_no_name(tmp_path):
    write(tmp_path, "auto")
    with pytest.raises(InputError, match="cannot be called 'auto'"):
        all_profiles([tmp_path])


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"thread": 2}, "did you mean 'threads'"),
        ({"extend": "cpu"}, "did you mean 'extends'"),
        ({"threads": 0}, "threads"),
        ({"threads": "some"}, "threads"),
        ({"threads": True}, "threads"),
        ({"precision": "fp23"}, "precision"),
        ({"placement": {"provider": "X", "min_time_share": 1.5}}, "placement.min_time_share"),
        ({"requires": {"system": ["linux"]}}, "did you mean 'systems'"),
        ({"requires": {"compute_capability": "sm_90"}}, "compute_capability"),
        ({"requires": {"libraries": {"onnxruntime": "1.26 or so"}}}, "onnxruntime: '1.26 or so' names no versions"),
        ({"facts": {"memory_gib": {"value": 80}}}, "facts.memory_gib.source: this key is missing"),
        ({"facts": {"peak_tops": {"fp32": {"value": 0, "source": "x"}}}}, "facts.peak_tops.fp32.value"),
        ({"evidence": None}, "evidence"),
        ({"abstract": "yes"}, "abstract"),
        ({"setups": "cpu"}, "setups: this should be a list"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_with_its_place(tmp_path, changes, words):
    write(tmp_path, **changes)
    with pytest.raises(InputError) as error:
        all_profiles([tmp_path])
    assert words in str(error.value)
    assert str(error.value).startswith("mine.yaml:")


def test_a_users_folder_wins_and_the_later_one_over_the_earlier(tmp_path):
    write(tmp_path / "a", "cpu", title="A", runner="cpu", options={})
    write(tmp_path / "b", "cpu", title="B", runner="cpu", options={})
    write(tmp_path / "a", "extra")
    known = all_profiles([tmp_path / "a", tmp_path / "b"])
    assert known["cpu"].title == "B"
    assert set(known) == {*SHIPPED, "extra"}
    assert all_profiles([tmp_path / "a", tmp_path / "b", tmp_path / "a"])["cpu"].title == "A"
    with pytest.raises(InputError, match="does not exist"):
        all_profiles([tmp_path / "c"])
    write(tmp_path / "d", "cpu", runner="fake")
    with pytest.raises(InputError, match="under another device's name"):
        all_profiles([tmp_path / "d"])


def test_a_precision_that_the_runner_does_not_compute_in_is_refused(tmp_path):
    write(tmp_path, runner="cpu", precision="tf32")
    with pytest.raises(InputError, match="tf32"):
        availability(read(tmp_path))


def test_choosing():
    name = next(name for name in SHIPPED if name != "cpu")
    assert [p.name for p in choose([name, "cpu", name], SHIPPED)] == [name, "cpu"]
    assert [p.name for p in choose(["auto"], SHIPPED)] == [p.name for p in SHIPPED.values() if p.auto]
    with pytest.raises(InputError, match="did you mean 'cpu'"):
        choose(["cpuu"], SHIPPED)


def test_a_device_is_explicit_where_it_was_named_even_beside_auto(tmp_path):
    write(tmp_path, "never", auto=False)
    write(tmp_path, "named")
    found = {d.profile.name: d.explicit for d in find_devices(["auto", "named"], [tmp_path])}
    assert found["named"]
    assert not found["cpu"]
    assert "never" not in found
