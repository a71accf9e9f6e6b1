from __future__ import annotations

import platform

import pytest
import yaml

from xbench.errors import InputError
from xbench.machine.fingerprint import cpu_flags
from xbench.plugins import RUNNERS
from xbench.profiles.finding import all_profiles, choose, read_profile
from xbench.profiles.matching import availability
from xbench.road.beginning import find_devices

SHIPPED = all_profiles()


def write(folder, name="mine", **changes):
    data = {"schema": "xbench.profile/1", "name": name, "title": "Mine", "runner": "fake", "evidence": "never run"}
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({**data, **changes}))
    return path


def test_shipped_profiles_load_and_say_where_they_ran():
    assert {"cpu", "cuda", "tensorrt"} <= set(SHIPPED)
    for profile in SHIPPED.values():
        assert profile.runner in RUNNERS
        assert profile.evidence.strip()
        assert profile.precision in profile.title, "the precision is named where people look"
        assert profile.placement is not None, "a placement must be proven"
        availability(profile)


def test_the_cpu_profile_runs_on_this_linux():
    assert availability(SHIPPED["cpu"]).available


@pytest.mark.parametrize("runner", ["cpu", "cuda", "tensorrt", "fake"])
def test_an_unknown_option_of_a_runner_is_named(tmp_path, runner):
    profile = read_profile(write(tmp_path, runner=runner, options={"optimization": "all"}))
    with pytest.raises(InputError, match="optimization"):
        availability(profile)


def test_an_unknown_runner_gets_the_nearest_name(tmp_path):
    with pytest.raises(InputError, match="did you mean 'tensorrt'"):
        availability(read_profile(write(tmp_path, runner="tensort")))


@pytest.mark.parametrize(
    ("requires", "words"),
    [
        ({"architectures": ["riscv128"]}, f"for riscv128, and this machine is {platform.machine()}"),
        ({"systems": ["plan9", "vms"]}, f"for plan9 or vms, and this system is {platform.system().lower()}"),
        ({"cpu_flags": ["warp_drive", "antigravity"]}, "this CPU lacks antigravity, warp_drive"),
    ],
)
def test_a_profile_of_another_machine_refuses_with_the_difference(tmp_path, requires, words):
    state = availability(read_profile(write(tmp_path, requires=requires)))
    assert not state.available
    assert words in state.reason
    assert state.remedy


def test_a_profile_of_this_machine_is_taken(tmp_path):
    requires = {"architectures": ["riscv128", platform.machine()], "systems": [platform.system().lower()]}
    requires["cpu_flags"] = sorted(cpu_flags())[:3]
    assert availability(read_profile(write(tmp_path, requires=requires))).available


def test_auto_is_no_name(tmp_path):
    with pytest.raises(InputError, match="cannot be called 'auto'"):
        read_profile(write(tmp_path, "auto"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"thread": 2}, "did you mean 'threads'"),
        ({"threads": 0}, "threads"),
        ({"threads": "some"}, "threads"),
        ({"threads": True}, "threads"),
        ({"precision": "fp23"}, "precision"),
        ({"placement": {"provider": "X", "min_time_share": 1.5}}, "placement.min_time_share"),
        ({"requires": {"system": ["linux"]}}, "did you mean 'systems'"),
        ({"evidence": None}, "evidence"),
    ],
)
def test_a_profile_with_a_mistake_is_refused_with_its_place(tmp_path, changes, words):
    with pytest.raises(InputError) as error:
        read_profile(write(tmp_path, **changes))
    assert words in str(error.value)
    assert str(error.value).startswith("mine.yaml:")


def test_a_users_folder_wins_and_the_later_one_over_the_earlier(tmp_path):
    write(tmp_path / "a", "cpu", title="A", runner="cpu", options={})
    write(tmp_path / "b", "cpu", title="B", runner="cpu", options={})
    write(tmp_path / "a", "extra")
    known = all_profiles([tmp_path / "a", tmp_path / "b"])
    assert known["cpu"].title == "B"
    assert set(known) == {*SHIPPED, "extra"}
    with pytest.raises(InputError, match="does not exist"):
        all_profiles([tmp_path / "c"])
    write(tmp_path / "d", "cuda", runner="cpu", options={})
    with pytest.raises(InputError, match="under another device's name"):
        all_profiles([tmp_path / "d"])


def test_a_precision_that_the_runner_does_not_compute_in_is_refused():
    for name, precision in (("cpu", "int8"), ("cuda", "fp16"), ("tensorrt", "fp32")):
        profile = SHIPPED[name].model_copy(update={"precision": precision})
        with pytest.raises(InputError, match=f"names the precision {precision}"):
            availability(profile)


def test_choosing():
    assert [p.name for p in choose(["cuda", "cpu", "cuda"], SHIPPED)] == ["cuda", "cpu"]
    assert [p.name for p in choose(["auto"], SHIPPED)] == [p.name for p in SHIPPED.values() if p.auto]
    with pytest.raises(InputError, match="did you mean 'tensorrt'"):
        choose(["tensor-rt"], SHIPPED)


def test_a_device_is_explicit_where_it_was_named_even_beside_auto(tmp_path):
    write(tmp_path, "never", auto=False)
    found = {d.profile.name: d.explicit for d in find_devices(["auto", "cuda"], [tmp_path])}
    assert found["cuda"]
    assert not found["cpu"]
    assert "never" not in found
