"""`xbench hardware probe` as a user calls it."""

from __future__ import annotations

import json

import pytest

from .conftest import Ended, assert_clear_error

PROFILE = """\
schema: xbench.profile/1
name: scripted
title: Scripted, fp32
runner: fake
options:
  scripts:
    matmul-fp32-256: {latency_us: 1000, noise: 0}
    "*": {fault: {kind: refuse}}
evidence: "-"
"""


@pytest.fixture
def probed(xbench, monkeypatch):
    """A scripted profile, and a data folder of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(xbench.folder / "data"))
    (xbench.folder / "mine").mkdir()
    (xbench.folder / "mine" / "scripted.yaml").write_text(PROFILE)

    def call(*arguments) -> Ended:
        return xbench("hardware", *arguments, "--profile-dir", "mine")

    return call


def test_what_was_measured_is_kept_and_shown_apart_from_the_facts(probed, xbench):
    ended = probed("probe", "scripted", "--json", "-", "--quiet")
    assert ended.code == 0, ended.err
    data = json.loads(ended.out)
    # 256 alone is not refused: four products of 256^3 multiply-adds in 1 ms.
    assert data["matmul_tops"]["fp32"]["best"] == pytest.approx(4 * 2 * 256**3 / 1e-3 / 1e12)
    assert set(data["missing"]) == {"memory_copy", "int8"}
    (kept,) = (xbench.folder / "data" / "xbench" / "ceilings").iterdir()
    assert json.loads(kept.read_text()) == data
    assert kept.name == f"scripted-{data['fingerprint_sha256'][:16]}.json"
    shown = probed("show", "scripted").out
    assert f"measured here on {data['measured_at'][:10]}" in shown
    assert "simulated" in shown.lower()


def test_an_unknown_profile_is_told_with_the_nearest(probed):
    assert_clear_error(probed("probe", "scriptd", "--quiet"), 2, "'scriptd'", "did you mean 'scripted'")


def test_several_at_once_are_refused(probed):
    assert_clear_error(probed("probe", "auto", "--quiet"), 2, "stands for all that are here")


def test_a_profile_that_is_not_here_is_refused(probed):
    assert_clear_error(probed("probe", "qnn", "--quiet"), 4, "cannot be measured here", "windows")


def test_a_data_folder_that_cannot_be_written_is_told_before_anything_is_measured(probed, xbench):
    (xbench.folder / "data").write_text("in the way")
    assert_clear_error(probed("probe", "scripted", "--quiet"), 2, "cannot be kept", "XDG_DATA_HOME")
