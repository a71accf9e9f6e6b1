"""`self-test` as a user starts it: on this machine, whatever it is like now, and on devices that are scripted."""

from __future__ import annotations

import json

import pytest
import yaml

from .conftest import assert_clear_error

EXIT_CODES = {"fit": 0, "noisy": 0, "inconclusive": 3, "unfit": 4}


def scripted(folder, **latency_us):
    """Options for a device on which each variant takes so many microseconds; measuring it stops by precision."""
    scripts = {name: {"latency_us": time, "noise": 0.001} for name, time in latency_us.items()}
    profile = {
        "schema": "xbench.profile/1",
        "name": "sim",
        "title": "scripted",
        "runner": "fake",
        "options": {"seed": 7, "scripts": scripts},
        "evidence": "scripted",
    }
    (folder / "sim.yaml").write_text(yaml.safe_dump(profile))
    return ("--hardware", "sim", "--profile-dir", folder, "--budget", "12s")


def assert_numbers_or_a_reason(data):
    """Intervals in order and a floor below what can be seen; a machine too busy for them is never called fit."""
    both = [data["planted"], data["copy"]]
    if any(one["speedup"] is None for one in both) or data["noise_floor"] is None:
        assert data["verdict"] in ("inconclusive", "unfit"), data["reasons"]
        assert data["smallest_effect"] is None
        return
    assert 0 < data["noise_floor"] < data["smallest_effect"]
    assert not data["planted"]["found"] or data["planted"]["verdict"] == "slower"
    for one in both:
        assert one["speedup"]["low"] <= one["speedup"]["point"] <= one["speedup"]["high"]


def test_data_from_this_machine(xbench):
    ended = xbench("self-test", "--budget", "6s", "--json", "-")
    data = json.loads(ended.out)
    assert data["schema"] == "xbench.self-test/1"
    assert (data["hardware"], data["simulated"], data["budget_seconds"]) == ("cpu", False, 6.0)
    assert data["fingerprint"]["cpus_usable"] >= 1
    assert ended.code == EXIT_CODES[data["verdict"]], ended
    assert data["reasons"]
    assert bool(data["remedies"]) == (data["verdict"] != "fit")
    assert data["planted"]["expected"] == pytest.approx(20 / 21)
    assert_numbers_or_a_reason(data)
    assert "measure: cpu" in ended.err
    assert not xbench.runs
    assert "\x1b" not in ended.err + ended.out


@pytest.mark.slow
def test_a_scripted_machine_without_noise_is_fit_and_its_run_is_kept_where_asked(xbench):
    options = scripted(xbench.folder, known=1000, copy=1000, planted=1050)
    ended = xbench("self-test", *options, "--quiet", "--output", "results", "--json", "out.json")
    assert ended.code == 0, ended
    assert ended.err == ""
    assert "fit to measure on." in ended.out
    assert "found: slower, 0.95" in ended.out
    assert "(simulated)" in ended.out
    data = json.loads((xbench.folder / "out.json").read_text())
    assert data["verdict"] == "fit"
    assert data["planted"]["found"]
    (run,) = xbench.runs
    assert ended.out.splitlines()[-1] == f"Results: results/{run.name}"
    assert "| planted " in xbench("report").out


@pytest.mark.slow
def test_a_slowdown_that_is_not_there_is_not_found(xbench):
    ended = xbench("self-test", *scripted(xbench.folder, known=1000, copy=1000, planted=1000), "--quiet")
    assert ended.code == 4, ended
    assert "unfit" in ended.out
    assert "because the planted slowdown of 5 % is not found: it is called same" in ended.out
    assert "to do: " in ended.out


BAD = {
    "--hardware cpuu": "did you mean 'cpu'?",
    "--hardware auto": "it is about one device",
    "--budget 0s": "above 0",
    "--json nosuch/out.json": "folder does not exist",
}


@pytest.mark.parametrize("option", BAD)
def test_an_option_that_cannot_be(xbench, option):
    assert_clear_error(xbench("self-test", *option.split(" ")), 2, BAD[option])
    assert not xbench.runs


def test_a_device_that_is_not_here_is_not_judged(xbench):
    if xbench("hardware", "check", "tensorrt-tf32").code == 0:
        pytest.skip("tensorrt-tf32 is here: it cannot be missed")
    ended = xbench("self-test", "--hardware", "tensorrt-tf32", "--quiet")
    assert_clear_error(ended, 4, "cannot run on tensorrt-tf32")
