"""A provider that takes its process down when the session is created: its own fault, and nobody else's loss."""

from __future__ import annotations

import json
import re

import yaml
from road.road_kit import options_of, write_suite, xbench


def test_the_other_device_goes_on_and_nothing_is_lost(tmp_path):
    suite = write_suite(tmp_path, {"dense": {"latency_us": 1000}, "pruned": {"latency_us": 500}})
    crash = {"latency_us": 1000, "fault": {"kind": "crash"}}
    broken = {
        "schema": "xbench.profile/1",
        "name": "broken",
        "title": "A provider that crashes",
        "runner": "fake",
        "options": {"scripts": {"*": crash}},
        "placement": {"provider": "FakeExecutionProvider"},
        "evidence": "scripted",
    }
    (tmp_path / "profiles" / "broken.yaml").write_text(yaml.safe_dump(broken))
    told = yaml.safe_load(suite.read_text())
    suite.write_text(yaml.safe_dump(told | {"hardware": ["broken", "sim"]}))
    code, out, err = xbench("run", suite, *options_of(suite), "--json", "-")
    assert code == 4, err
    assert "Traceback" not in err
    found = {one["hardware"]: one for one in json.loads(out)["comparisons"]}
    assert found["broken"]["verdict"] == "invalid"
    assert found["sim"]["verdict"] == "faster"
    assert found["sim"]["speedup"]["point"] > 1.8
    code, out, _ = xbench("report", "last", "--output", tmp_path / "results")
    words = re.sub(r"\\", "", out)
    assert "The worker of dense died during `load` (signal SIGSEGV" in words
    assert "while FakeExecutionProvider of the profile broken created its session" in words
    assert len(list((tmp_path / "results").glob("*Z-*"))) == 1
