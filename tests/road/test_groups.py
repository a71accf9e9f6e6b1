"""What is found out of all variants before they are timed, and what is kept of it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from road_kit import QUICK, in_this_process, journey, options_of, write_model, write_suite, xbench

from xbench.report.details import detail_tables
from xbench.report.markdown import render

HALF = {"dense": {"latency_us": 1000, "noise": 0.02}, "half": {"latency_us": 500, "noise": 0.02}}


def test_variants_that_do_not_fit_into_memory_are_loaded_in_turns_and_it_is_said(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    monkeypatch.setattr("xbench.road.grouping.available_memory_mib", lambda: 1)
    record, folder = journey(write_suite(tmp_path, HALF))
    (group,) = record.groups
    assert group.schedule == "reloaded"
    assert "loaded in turns (ABBA): they do not fit in memory together" in render(record)
    (comparison,) = group.comparisons
    assert comparison.verdict == "faster"
    assert comparison.speedup.low < 2 < comparison.speedup.high
    assert {len(run.blocks) for one in folder.sets(0) for run in one.runs} == {20}


def test_what_was_asked_for_and_found_before_is_kept(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    slow_start = {"rhythm": {"warmup_calls": 200, "warmup_factor": 3}}
    scripts = {"dense": {**HALF["dense"], **slow_start}, "half": {**HALF["half"], "compile_us": 7e6}}
    record, folder = journey(write_suite(tmp_path, scripts, measure={**QUICK, "precision": 0.3}))
    (group,) = record.groups
    assert (group.precision, group.budget_seconds, group.schedule, group.input_sets) == (0.3, 6, "interleaved", 4)
    assert 190 <= group.warmups["dense"].calls <= 240
    assert group.warmups["dense"].settled
    assert min(len(run.warmup_ns) for one in folder.sets(0) for run in one.runs if run.label == "dense") >= 290
    assert group.cold_starts["half"].session_creation_ms == pytest.approx(7005, rel=0.01)
    assert group.comparisons[0].speedup.low < 2 < group.comparisons[0].speedup.high, "no warm-up is in it"
    text = "\n".join("|".join(row) for table in detail_tables(record) for row in table.rows)
    assert "none is kept" in text


def test_several_files_of_inputs_take_turns(tmp_path):
    model = write_model(tmp_path / "m.onnx")
    files = []
    for index in range(2):
        np.savez(tmp_path / f"in{index}.npz", x=np.full((1, 4), index + 1, np.float32))
        files += ["--inputs", tmp_path / f"in{index}.npz"]
    options = ("--hardware", "cpu", "--budget", "3s", "--output", tmp_path / "results", "--json", "-", "--quiet")
    code, out, err = xbench("compare", model, model, *files, *options)
    assert code in (0, 3), err
    assert json.loads(out)["comparisons"][0]["inputs"] == ["x: 1x4 from in0.npz, in1.npz"]
    np.savez(tmp_path / "in1.npz", x=np.ones((3, 4), np.float32))
    code, _, err = xbench("compare", model, model, *files, *options)
    assert code == 2
    assert "in1.npz cannot take turns with in0.npz" in err
    assert "3x4, and there it has 1x4" in err


def test_budget_and_precision_of_the_command_line_are_the_ones_recorded(tmp_path):
    suite = write_suite(tmp_path, HALF)
    xbench("run", suite, *options_of(suite), "--budget", "7s", "--precision", "40%", "--quiet")
    (run,) = (tmp_path / "results").glob("2*/run.json")
    (group,) = json.loads(run.read_text())["groups"]
    assert (group["budget_seconds"], group["precision"]) == (7, 0.4)
