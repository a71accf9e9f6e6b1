"""A run at its end: sealed, with a log of what was done, and nothing in either that tells where it lay."""

from __future__ import annotations

import pytest
from road_kit import in_this_process, journey, write_suite

from xbench.errors import StoreError
from xbench.results.rows import case_rows
from xbench.store.log import read_log
from xbench.store.verifying import verify

SCRIPTS = {"dense": {"latency_us": 1000, "noise": 0.01}, "half": {"latency_us": 500, "noise": 0.01}}


def test_a_finished_run_is_sealed_and_its_log_tells_each_case(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    record, folder = journey(write_suite(tmp_path, SCRIPTS, gate={"min_speedup": 1.5}))
    found = verify(folder, case_rows)
    assert (found.sealed, found.problems) == (True, ())
    assert folder.rows() == case_rows(record)
    assert {row.variant: row.outcome for row in folder.rows()} == {"dense": None, "half": "pass"}
    lines = read_log(folder.path)
    begun = [line.text for line in lines if line.event == "begin"]
    assert begun
    assert begun == [line.text for line in lines if line.event == "end"]
    assert [line.time for line in lines] == sorted(line.time for line in lines)
    assert str(tmp_path) not in "".join(line.text for line in lines)
    with pytest.raises(StoreError, match="No unfinished run"):
        journey(tmp_path / "suite.yaml", resume=True)


def test_a_run_that_fails_is_not_sealed_and_its_log_tells_why(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    suite = write_suite(tmp_path, SCRIPTS)

    def broken(*_):
        raise ZeroDivisionError("planted")

    monkeypatch.setattr("xbench.road.story.measure", broken)
    with pytest.raises(ZeroDivisionError):
        journey(suite)
    monkeypatch.undo()
    in_this_process(monkeypatch)
    (path,) = (tmp_path / "results").glob("*-scripted-*")
    *_, last = read_log(path)
    assert (last.event, last.text) == ("failure", "ZeroDivisionError: planted")
    _, folder = journey(suite, resume=True)
    assert (folder.path, verify(folder, case_rows).problems) == (path, ())
