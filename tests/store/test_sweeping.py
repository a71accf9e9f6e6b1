"""What no run refers to is removed, and nothing else: not what a process works on, not what is young, never a run."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from records_by_hand import record, variant

from xbench.errors import StoreError
from xbench.machine.fingerprint import fingerprint
from xbench.store.files import held
from xbench.store.folder import ResultsFolder, RunFolder
from xbench.store.placing import workplace
from xbench.store.sweeping import sweep

NAMED, UNNAMED, APART = "0" * 64, "b" * 64, "c" * 64  # the first is that of artifacts made by hand
DAYS_S = 2 * 24 * 3600


def aged(path: Path, seconds: float = DAYS_S) -> Path:
    then = time.time() - seconds
    for one in (*path.rglob("*"), path) if path.is_dir() else (path,):
        os.utime(one, (then, then), follow_symlinks=False)
    return path


def file(path: Path, size: int = 3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


@pytest.fixture
def results(tmp_path) -> ResultsFolder:
    """A run whose record names one of three artifacts, and a baseline; all of it is two days old."""
    results = ResultsFolder(tmp_path / "results")
    run = results.new_run("s")
    found = {"id": run.id, "status": "running", "fingerprint": fingerprint()}
    run.save(record(**found, variants=(variant("dense", baseline=True),)))
    for name in (f"{NAMED}.onnx", f"{NAMED}.json", f"{UNNAMED}.onnx", f"{UNNAMED}.json", f"{UNNAMED}.pt2"):
        file(results.artifacts / name)
    file(results.artifacts / APART / "model.onnx.data", 2**20)
    file(results.artifacts / "mine.onnx")
    file(results.path / "baselines" / "s" / "cpu" / "kept-1")
    aged(results.path)
    return results


def the_run(results: ResultsFolder) -> RunFolder:
    (run,) = results.runs()
    return run


def left(results: ResultsFolder) -> set[str]:
    return {path.name for path in results.artifacts.iterdir()}


def test_artifacts_that_no_run_names_go_with_all_that_is_theirs(results):
    told = sweep(results, dry_run=True)
    before = left(results)
    assert {one.path.removeprefix("artifacts/") for one in told.removed} == before - {
        f"{NAMED}.onnx",
        f"{NAMED}.json",
        "mine.onnx",
    }
    assert sum(one.size_bytes for one in told.removed) == 9 + 2**20
    assert sweep(results, dry_run=False) == told
    assert left(results) == {f"{NAMED}.onnx", f"{NAMED}.json", "mine.onnx"}
    assert (results.path / "baselines" / "s" / "cpu" / "kept-1").is_file()
    assert the_run(results).load().status == "running"


def test_young_artifacts_stay_with_what_is_theirs(results):
    file(results.artifacts / f"{UNNAMED}.pt2")
    swept = sweep(results, dry_run=False)
    assert [one.path for one in swept.removed] == [f"artifacts/{APART}"]
    assert f"{UNNAMED}.onnx" in left(results)
    assert swept.stays == ("artifacts: 1 that no run names are younger than a day",)


def damaged(results):
    (the_run(results).path / "run.json").write_text("{")


def baseline_damaged(results):
    file(results.path / "baselines" / "s" / "cpu" / "baseline.json")


def without_record(results):
    run = the_run(results).path
    (run / "run.json").rename(run / "manifest.json")


@pytest.mark.parametrize("spoil", [damaged, baseline_damaged, without_record])
def test_while_it_is_not_known_what_a_record_names_all_artifacts_stay(results, spoil):
    spoil(results)
    before = left(results)
    swept = sweep(results, dry_run=False)
    assert (swept.removed, left(results)) == ((), before)
    assert "which of them this one names is not known" in swept.stays[0]


def test_while_a_run_is_worked_on_all_artifacts_stay(results):
    before = left(results)
    kept = file(the_run(results).path / "quality" / ".kept-h00")
    aged(kept)
    with the_run(results).locked():
        swept = sweep(results, dry_run=False)
    assert (swept.removed, left(results)) == ((), before)
    assert "another process works with them" in swept.stays[0]
    assert "another process works on it" in swept.stays[1]
    assert kept.exists()
    assert len(sweep(results, dry_run=False).removed) == 5
    assert not kept.exists()


def test_what_killed_processes_have_left_goes_when_it_is_old_and_nobody_holds_it(results, tmp_path):
    run, root = the_run(results).path, results.path
    leftovers = [
        file(run / ".run.json.1a2b3c4d"),
        file(run / "samples" / ".g00-set000.npz.1a2b3c4d"),
        file(root / "baselines" / "s" / "cpu" / ".baseline.json.1a2b3c4d"),
        file(root / ".import-x" / "run" / "f").parents[1],
        file(root / "artifacts" / "tmpab12cd34" / "model.onnx").parent,
        file(root / "20260101T000000Z-s-123456" / "suite.yaml").parent,  # killed before there was a record
    ]
    stay = [
        file(run / "quality" / "labels.json"),
        file(root / ".index.sqlite"),
        file(root / "20260101T000001Z-s-123456" / "samples" / "g00-set000.npz"),
        file(tmp_path / "elsewhere" / "f"),
    ]
    (root / ".import-link").symlink_to(tmp_path / "elsewhere")
    with workplace(root / "baselines") as place:
        for path in (*leftovers, *stay, place, root / ".import-link"):
            aged(path)
        swept = sweep(results, dry_run=False)
        assert f"baselines/{place.name}: another process works in it" in swept.stays
    assert not [path for path in leftovers if path.exists()]
    assert all(path.exists() for path in stay)
    file(run / ".run.json.1a2b3c4d")
    assert "younger than an hour" in sweep(results, dry_run=False).stays[0]


def test_a_run_that_begins_waits_until_the_sweeping_is_over(results):
    code = (
        "import sys; from xbench.store.folder import *; run = RunFolder(Path(sys.argv[1])).locked(); run.__enter__()"
    )
    with held(results.artifacts, fcntl.LOCK_EX):
        begun = subprocess.Popen([sys.executable, "-c", code, str(the_run(results).path)])
        with pytest.raises(subprocess.TimeoutExpired):
            begun.wait(1.5)
    assert begun.wait(30) == 0


def test_where_there_is_no_results_folder(tmp_path):
    with pytest.raises(StoreError, match="There is no results folder"):
        sweep(ResultsFolder(tmp_path / "none"), dry_run=False)
