"""`xbench baseline` and a run after it, as a user would start them."""

from __future__ import annotations

import json
import signal
import subprocess
import time

import numpy as np
import pytest
import yaml
from small_classifier import EXAMPLES, LABELS, WEIGHT, right, save_all, save_data

from xbench.store.baselines import BaselineFolder
from xbench.store.folder import RunFolder

from .conftest import COMMAND, assert_clear_error
from .test_storing import tmpfs

HERE = "suite.yaml", "--hardware", "cpu", "--quiet"


@pytest.fixture
def prepared(xbench):
    save_all(xbench.folder)
    return xbench


def home(xbench):
    return xbench.folder / "results" / "baselines" / "small" / "cpu"


def test_a_recorded_baseline_is_told_and_reused_with_equal_scores(prepared):
    xbench = prepared
    ended = xbench("baseline", *HERE, "--json", "told.json")
    assert ended.code == 0, ended
    assert f"{right(WEIGHT):.4g}" in ended.out
    assert str(home(xbench).relative_to(xbench.folder)) in ended.out
    told = json.loads((xbench.folder / "told.json").read_text())
    assert (told["schema"], told["exit_code"]) == ("xbench.baselines/1", 0)
    (row,) = told["rows"]
    assert row["baseline"]["data"]["sha256"] in ended.out
    assert row["baseline"]["result"]["metrics"][0]["value"] == pytest.approx(right(WEIGHT))
    assert [one.name for one in (xbench.folder / "results" / "baselines").iterdir()] == ["small"]

    ended = xbench("run", "suite.yaml", "--hardware", "cpu")
    assert ended.code in (0, 3), ended
    assert "not used" not in ended.err
    run = RunFolder(xbench.runs[-1])
    dense = run.load().quality_of("dense", "cpu")
    assert dense.reused == f"small/cpu, recorded {row['baseline']['created']}"
    assert [one.model_dump(mode="json") for one in dense.metrics] == row["baseline"]["result"]["metrics"]
    folder = BaselineFolder(xbench.folder / "results", "small", "cpu")
    before = folder.scores(folder.load()).metrics
    assert {name: values.tobytes() for name, values in run.scores(0, 0).metrics.items()} == {
        name: values.tobytes() for name, values in before.items()
    }
    assert not list((run.path / "quality").glob("*kept*"))
    assert "were others" not in xbench("gate", run.path).out


@pytest.mark.parametrize("what", ["labels", "class", "examples"])
def test_changed_data_are_refused_with_both_digests(prepared, what):
    xbench = prepared
    assert xbench("baseline", *HERE).code == 0
    then = json.loads((home(xbench) / "baseline.json").read_text())["data"]["sha256"]
    if what == "examples":
        save_data(xbench.folder, EXAMPLES[1:], LABELS[1:])
    else:
        save_data(
            xbench.folder, EXAMPLES, np.where(np.arange(200) == 7, 3 if what == "class" else 1 - LABELS[7], LABELS)
        )
    assert_clear_error(
        xbench("run", *HERE), 4, "The data of small are not those", then, "now it is", "`xbench baseline`"
    )
    assert not xbench.runs


def test_a_baseline_that_is_killed_leaves_none(prepared):
    xbench = prepared
    process = subprocess.Popen(
        [*COMMAND, "baseline", *HERE], cwd=xbench.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    baselines = xbench.folder / "results" / "baselines"
    while not list(baselines.glob(".xbench-*/quality/*")):
        assert process.poll() is None
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not home(xbench).exists()
    assert xbench("baseline", *HERE).code == 0
    assert (home(xbench) / "baseline.json").is_file()


def test_what_cannot_be_recorded_is_refused(prepared):
    xbench = prepared
    data = yaml.safe_load((xbench.folder / "suite.yaml").read_text())
    del data["evaluate"]
    (xbench.folder / "bare.yaml").write_text(yaml.safe_dump(data))
    assert_clear_error(xbench("baseline", "bare.yaml", "--quiet"), 2, "no baseline to record", "no key evaluate")
    absent = xbench("baseline", "suite.yaml", "--hardware", "jetson-orin-tensorrt-fp16-sparse", "--quiet")
    assert_clear_error(absent, 4, "No baseline can be recorded", "is not here")
    (xbench.folder / "file").write_text("in the way")
    assert_clear_error(xbench("baseline", *HERE, "--output", "file"), 2, "Not a directory", "--output DIR")


def test_a_results_folder_that_may_only_be_read(prepared):
    with tmpfs(prepared.folder / "ro", "ro") as folder:
        ended = prepared("baseline", *HERE, "--output", folder)
        assert_clear_error(ended, 2, "Read-only file system", "--output DIR")
