"""The index is what the folders hold at each question: runs come, change and go, and none is believed unread."""

from __future__ import annotations

import json
import os
import pathlib
import shutil

import pytest
from index_kit import edit, hand_record, put, run_id

from xbench.errors import StoreError
from xbench.results import open_results
from xbench.results.index import INDEX
from xbench.results.rows import case_rows
from xbench.store.case_rows import CASES
from xbench.store.folder import RECORD, ResultsFolder
from xbench.store.manifest import MANIFEST


@pytest.fixture
def told():
    return []


@pytest.fixture
def results(tmp_path, told):
    return open_results(tmp_path / "results", told.append)


def status(results):
    return {run.run: run.status for run in results.runs()}


def test_runs_come_change_and_go(results, told):
    assert results.runs() == []
    assert not results.path.exists(), "nothing is made for a question"
    first = put(results.path, hand_record(1))
    assert [case.variant for case in results.cases()] == ["dense", "pruned"]
    running = put(results.path, hand_record(2, status="running", groups=()), sealed=False)
    assert status(results) == {first.id: "complete", running.id: "running"}
    done = hand_record(2, speedup=1.5)
    put(results.path, done)
    assert [case.speedup for case in results.cases(run=done.id)] == [None, 1.5]
    assert results.cases() == [*case_rows(first.load()), *case_rows(done)]
    shutil.rmtree(first.path)
    assert status(results) == {done.id: "complete"}
    assert results.counts() == (1, 2)
    assert not told
    assert (results.path / INDEX).is_file()


def test_a_running_run_is_read_again_when_it_is_saved(results):
    folder = put(results.path, hand_record(1, status="running", groups=()), sealed=False)
    assert {case.reason for case in results.cases()} == {"not measured yet"}
    folder.save(hand_record(1, status="running"))
    assert [case.speedup for case in results.cases()] == [None, 1.93]


def test_the_time_that_a_file_tells_is_not_believed(results):
    """An editor may put back the modification time; not the change time."""
    folder = put(results.path, hand_record(1, status="running"), sealed=False)
    results.cases()
    before = (folder.path / RECORD).stat()
    text = (folder.path / RECORD).read_text()
    (folder.path / RECORD).write_text(text.replace("1.93", "1.94"))
    os.utime(folder.path / RECORD, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (folder.path / RECORD).stat().st_size == before.st_size
    assert results.cases()[1].speedup == 1.94


@pytest.mark.parametrize("file", [RECORD, CASES, MANIFEST])
def test_what_was_changed_after_its_run_is_shown_and_gives_no_figure(results, file):
    good, bad = put(results.path, hand_record(1)), put(results.path, hand_record(2))
    path = bad.path / file
    path.write_text(path.read_text().replace("1.93", "9.93") if file != MANIFEST else "{")
    assert status(results) == {good.id: "complete", bad.id: "unreadable"}
    assert {case.run for case in results.cases()} == {good.id}
    assert file in results.unreadable()[0].reason


def test_a_sealing_that_was_cut_off_counts_for_nothing(results):
    folder = put(results.path, hand_record(1, status="running", groups=()), sealed=False)
    unfinished = (folder.path / RECORD).read_text()
    put(results.path, hand_record(1))
    (folder.path / RECORD).write_text(unfinished)
    assert status(results) == {folder.id: "running"}
    assert {case.speedup for case in results.cases()} == {None}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ('{"schema": "xbench.run/99"}', "xbench.run/99"),
        ('{"schema": "xbench.run/3", "id"', "cannot be read"),
        ("[" * 100_000, "recursion"),
        ("\x00\xff", "cannot be read"),
    ],
)
def test_runs_that_cannot_be_read_are_listed_with_the_reason(results, content, reason):
    (results.path / run_id(1)).mkdir(parents=True)
    (results.path / run_id(1) / RECORD).write_text(content)
    (run,) = results.runs()
    assert (run.status, results.cases()) == ("unreadable", [])
    assert reason in run.reason
    put(results.path, hand_record(1), sealed=False)
    assert status(results) == {run.run: "complete"}


def test_figures_that_no_table_can_hold_are_no_figures(results):
    folder = put(results.path, hand_record(1), sealed=False)
    edit(folder, lambda data: data["groups"][0].update(batch=2**70))
    (run,) = results.runs()
    assert run.status == "unreadable"
    edit(folder, lambda data: data["groups"][0].update(batch=1, workload="\ud800"))
    assert results.runs()[0].status == "unreadable"


def test_nothing_is_followed_out_of_the_folder(results, tmp_path):
    elsewhere = put(tmp_path / "elsewhere", hand_record(1))
    results.path.mkdir()
    (results.path / run_id(2)).symlink_to(elsewhere.path)
    inner = results.path / run_id(3)
    inner.mkdir()
    (inner / RECORD).symlink_to(elsewhere.path / RECORD)
    piped = results.path / run_id(4)
    piped.mkdir()
    os.mkfifo(piped / RECORD)
    assert status(results) == dict.fromkeys((run_id(2), run_id(3), run_id(4)), "unreadable")
    assert results.cases() == []


def test_records_of_all_schemas_are_there(results, tmp_path):
    for schema in ("schema_1", "schema_2"):
        kept = next((tmp_path.joinpath(__file__).parents[1] / "store" / schema).iterdir())
        shutil.copytree(kept, results.path / kept.name)
    assert set(status(results).values()) <= {"complete", "running", "failed"}
    assert results.cases()
    assert results.record("last").id == results.runs()[-1].run


@pytest.mark.parametrize("sealed", [True, False])
def test_a_copy_under_another_name_is_no_second_run(results, sealed):
    first = put(results.path, hand_record(1), sealed=sealed)
    shutil.copytree(first.path, results.path / run_id(2))
    assert status(results) == {first.id: "complete", run_id(2): "unreadable"}
    assert f"holds the run {first.id}" in results.unreadable()[0].reason
    assert len(results.cases()) == 2


@pytest.mark.parametrize("name", ["a?mode=memory", "50 %", "#1", "naïve ü", "a&b;c", "it's"])
def test_any_name_of_the_folder_will_do(tmp_path, told, name):
    results = open_results(tmp_path / name, told.append)
    put(results.path, hand_record(1), sealed=False)
    assert results.counts() == (1, 2)
    assert (tmp_path / name / INDEX).is_file()
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert not told


def test_names_are_kept_as_they_are(results):
    names = ("it's", 'a "b"', "[x]*", "<b>&", "\x1b[31m", "é" * 40, "%_", "--", "'; DROP TABLE cases; --")
    put(results.path, hand_record(1, names=names))
    assert [case.variant for case in results.cases()] == ["dense", *names]
    for name in names:
        if "*" not in name:
            assert [case.variant for case in results.cases(variant=name)] == [name]


def test_a_file_in_the_place_of_the_folder(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="no folder"):
        open_results(tmp_path / "file")


def test_rows_in_the_folder_are_those_of_the_record(results):
    folder = put(results.path, hand_record(1, names=("a", "b"), outcome="pass"))
    assert results.cases() == list(case_rows(folder.load()))
    assert results.runs()[0].sealed
    assert len(json.loads((folder.path / CASES).read_text())["cases"]) == 3


@pytest.mark.parametrize("name", [MANIFEST, RECORD])
def test_a_sealed_run_that_lost_a_file_is_listed_and_not_believed(results, name):
    """Without its manifest a record could have been edited; without its record it would else be as if never there."""
    folder = put(results.path, hand_record(1))
    assert len(results.cases()) == 2
    (folder.path / name).unlink()
    if name == MANIFEST:
        edit(folder, lambda data: data["groups"][0]["comparisons"][0]["speedup"].update(point=9.0))
    (found,) = results.runs()
    assert (found.status, found.reason.split(":")[0]) == ("unreadable", f"The {name} of {folder.id} is gone")
    assert results.cases() == []


def test_a_folder_that_may_not_be_looked_at_is_told(tmp_path, monkeypatch):
    def refused(path, *_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    for module, name in ((pathlib.Path, "stat"), (pathlib.Path, "iterdir"), (os, "scandir")):
        monkeypatch.setattr(module, name, refused)
    folder = ResultsFolder(tmp_path)
    for ask in (open_results(tmp_path).runs, lambda: folder.find("last"), folder.require):
        with pytest.raises(StoreError, match="cannot be read\\nPermission denied"):
            ask()
    monkeypatch.undo()
    with pytest.raises(StoreError, match="a" * 300):
        ResultsFolder(tmp_path).find("a" * 300)
