"""A run with another machine's profile: refused, or under this machine's name, from the first to the last."""

from __future__ import annotations

import json

import pytest
import yaml
from road_kit import Silence, in_this_process, options_of, write_suite, xbench

from xbench.errors import InvalidError
from xbench.progress import Journey
from xbench.road.context import RunOptions
from xbench.road.story import travel
from xbench.suite.loading import load_suite

SCRIPTS = {"dense": {"latency_us": 1000}, "half": {"latency_us": 500}}


@pytest.fixture
def suite(tmp_path):
    """A suite for a scripted device of an architecture that no machine has."""
    path = write_suite(tmp_path, SCRIPTS, measure={"precision": 0.5, "budget": 1})
    profile = tmp_path / "profiles" / "sim.yaml"
    data = yaml.safe_load(profile.read_text())
    profile.write_text(yaml.safe_dump({**data, "requires": {"architectures": ["riscv128"]}, "cost_per_hour": 9.0}))
    return path


def run(suite, **more):
    options = RunOptions(output=suite.parent / "results", profile_folders=(suite.parent / "profiles",), **more)
    record, context = travel(load_suite(suite), options, Journey(Silence()))
    return record, context.folder


def test_the_name_of_the_other_machine_is_nowhere_a_devices_name(suite):
    code, _, err = xbench("run", suite, *options_of(suite), "--quiet")
    assert code == 4, err
    target = suite.parent / "out.json"
    code, out, err = xbench("run", suite, *options_of(suite), "--quiet", "--as-is", "--json", target)
    assert code in (0, 3), err  # so little time may decide nothing
    written = json.loads(target.read_text())
    assert {one["hardware"] for one in written["comparisons"]} == {written["comparisons"][0]["hardware"]}
    assert written["comparisons"][0]["hardware"].endswith(".fake-fp32")
    headings = [line.removeprefix("### ").split(":")[0] for line in out.splitlines() if line.startswith("### ")]
    assert headings == [written["comparisons"][0]["hardware"]]


def test_it_is_resumed_as_it_was_begun(suite, monkeypatch):
    in_this_process(monkeypatch)
    record, folder = run(suite, as_is=True)
    ((device,), (group,)) = (record.devices, record.groups)
    assert group.hardware == device.profile.name != "sim"
    assert group.cost_per_hour is None
    written = folder.path / "run.json"  # as if it had been killed at its end
    written.write_text(written.read_text().replace('"status": "complete"', '"status": "running"'))
    with pytest.raises(InvalidError, match="begun for other devices"):
        run(suite, resume=True)
    again, _ = run(suite, resume=True, as_is=True)
    assert (again.id, again.devices) == (record.id, record.devices)
