"""Recorded baselines: files that fit each other whatever happens, for as long as somebody reads them."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import threading
import time

import numpy as np
import pytest

from xbench.errors import StoreError
from xbench.machine.fingerprint import fingerprint
from xbench.profiles.finding import reference_profile
from xbench.records.baseline import BaselineRecord
from xbench.records.quality import DataFacts, ExampleFacts, ExampleScores, QualityResult
from xbench.store.baselines import BaselineFolder
from xbench.store.spool import spooling

EXAMPLES = ExampleFacts(ids=np.asarray(["a", "b"]))


def a_record(**more) -> BaselineRecord:
    fields = {
        "suite": "s",
        "variant": "dense",
        "hardware": "cpu",
        "created": "2026-01-02T03:04:05+00:00",
        "xbench_version": "0",
        "artifact_sha256": "a",
        "graph_sha256": "g",
        "evaluate": {},
        "data": DataFacts(source="x", sha256="d", examples=2),
        "profile": reference_profile(),
        "fingerprint": fingerprint(),
        "result": QualityResult(variant="dense", hardware="cpu"),
    }
    return BaselineRecord(**(fields | more))


def put(folder: BaselineFolder, scratch, number: int = 0) -> BaselineRecord:
    """Record a baseline of which all files hold the same number."""
    kept = scratch / f"kept-{threading.get_ident()}-{os.getpid()}"
    with spooling(kept) as writer:
        writer.add({"x": np.asarray([number, number])})
    scores = ExampleScores("dense", "cpu", "d", {"m": np.asarray([number, number], float)})
    return folder.put(a_record(variant=str(number)), kept, scores, EXAMPLES)


def numbers(folder: BaselineFolder, scratch) -> set[float]:
    """Those of all files that the record names; empty where another was recorded meanwhile."""
    record = folder.load()
    target = scratch / f"taken-{threading.get_ident()}"
    spool = folder.take(record, target)
    if spool is None:
        return set()
    return {float(record.variant), *(float(value) for batch in spool for value in batch["x"])}


@pytest.fixture
def folder(tmp_path) -> BaselineFolder:
    (tmp_path / "results").mkdir()
    return BaselineFolder(tmp_path / "results", "s", "cpu")


def test_what_is_recorded_comes_back_and_the_one_before_is_gone(folder, tmp_path):
    assert folder.load() is None
    put(folder, tmp_path, 1)
    record = put(folder, tmp_path, 2)
    assert folder.load() == record
    assert len(list(folder.path.iterdir())) == 4
    assert numbers(folder, tmp_path) == {2.0}
    assert folder.scores(record).metrics["m"].tolist() == [2, 2]
    assert folder.examples(record).ids.tolist() == ["a", "b"]


def test_who_has_taken_answers_keeps_them_when_others_are_recorded(folder, tmp_path):
    before = put(folder, tmp_path, 1)
    spool = folder.take(before, tmp_path / "mine")
    put(folder, tmp_path, 2)
    assert [batch["x"].tolist() for batch in spool] == [[1, 1]]
    assert folder.take(before, tmp_path / "late") is None
    assert not (tmp_path / "late").exists()


def test_two_that_record_at_once_never_mix(folder, tmp_path):
    put(folder, tmp_path)
    seen, stop = [], threading.Event()

    def write(first):
        for number in range(first, 40, 2):
            put(folder, tmp_path, number)

    def read():
        while not stop.is_set():
            seen.append(numbers(folder, tmp_path))

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(first,)) for first in (0, 1)]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert {len(one) for one in seen} <= {0, 1}
    assert len(numbers(folder, tmp_path)) == 1
    assert len(list(folder.path.iterdir())) == 4


def test_one_that_is_killed_while_it_records_leaves_the_old_or_the_new(folder, tmp_path):
    chance = np.random.default_rng(0)
    put(folder, tmp_path)
    for _ in range(10):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                for number in range(1_000_000):
                    put(folder, tmp_path, number)
            os._exit(1)
        time.sleep(chance.uniform(0.005, 0.05))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        assert len(numbers(folder, tmp_path)) == 1
    put(folder, tmp_path)
    assert len(list(folder.path.iterdir())) == 4


def test_what_is_damaged_or_of_elsewhere_is_refused(folder, tmp_path):
    record = put(folder, tmp_path)
    kept = folder.path / record.files.kept
    kept.write_bytes(kept.read_bytes()[:-1])
    with pytest.raises(StoreError, match="its digest is another"):
        folder.take(record, tmp_path / "taken")
    assert not (tmp_path / "taken").exists()
    kept.unlink()
    with pytest.raises(StoreError, match="No such file"):
        folder.take(record, tmp_path / "taken")

    file = folder.path / "baseline.json"
    data = json.loads(file.read_text())
    file.write_text(json.dumps(data | {"files": data["files"] | {"scores": "../../../x.npz"}}))
    with pytest.raises(StoreError, match="names no files of its own folder"):
        folder.scores(folder.load())
    file.write_text(json.dumps(data | {"schema": "xbench.baseline/9"}))
    with pytest.raises(StoreError, match=r"schema 'xbench\.baseline/9'\nthis xbench reads xbench\.baseline/1"):
        folder.load()
    file.write_text("{")
    with pytest.raises(StoreError, match="cannot be read"):
        folder.load()


def test_a_folder_that_cannot_be_written_says_so(folder, tmp_path):
    (tmp_path / "results" / "baselines").write_text("in the way")
    assert folder.load() is None
    with pytest.raises(StoreError, match=r"Results cannot be written.*\nNot a directory"):
        put(folder, tmp_path)
