"""A run that was cut off goes on with what is there, and ends as if nothing had been."""

from __future__ import annotations

import hashlib
import json
import signal
import time
from dataclasses import replace

import psutil
import pytest
from road_kit import PATIENT, in_this_process, journey, options_of, start, write_model, write_suite, xbench

from xbench.errors import InvalidError, StoreError
from xbench.road import measuring
from xbench.road.concluding import conclude
from xbench.road.recomputing import recompute
from xbench.store.folder import ResultsFolder
from xbench.suite.model import Suite

SCRIPTS = {"dense": {"latency_us": 1000}, "half": {"latency_us": 500}, "same": {"latency_us": 1000}}


def digests(folder):
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in (folder / "samples").glob("*.npz")}


def cut_off(suite, number):
    """Start a run and end it by a signal once a set of samples is there. Its process, output and folder."""
    results = suite.parent / "results"
    process = start("run", suite, *options_of(suite), "--quiet")
    while not list(results.glob("*/samples/g*.npz")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    time.sleep(0.1)
    workers = [c for c in psutil.Process(process.pid).children() if "xbench.measure.worker" in c.cmdline()]
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(workers, timeout=5)
    assert not alive
    (folder,) = ResultsFolder(results).runs()
    return process.returncode, err, folder


def again(record, folder):
    suite = Suite.model_validate(record.suite)
    return conclude(recompute(record, suite, folder), suite, folder)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_says_how_to_go_on(tmp_path, number):
    suite = write_suite(tmp_path, SCRIPTS, measure=PATIENT)
    code, err, folder = cut_off(suite, number)
    assert code == 130
    assert "what was finished is saved" in err
    assert "--resume" in err
    assert folder.load().status == "running"
    assert folder.sets(0)


def test_a_killed_run_goes_on_with_the_sets_that_are_there(tmp_path):
    suite = write_suite(tmp_path, SCRIPTS, gate={"min_speedup": 1.5}, measure=PATIENT)
    code, _, folder = cut_off(suite, signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert folder.load().status == "running"
    before = digests(folder.path)
    assert before

    code, _, err = xbench("run", suite, *options_of(suite), "--resume", "--quiet")
    assert code == 1, err  # `same` does not reach the gate
    record = folder.load()
    assert record.status == "complete"
    assert record.groups[0].sets == 6
    assert len(digests(folder.path)) == 6
    assert before.items() <= digests(folder.path).items()
    assert {v.variant: v.outcome for v in record.verdicts} == {"half": "pass", "same": "fail"}
    assert again(record, folder) == record
    assert xbench("run", suite, *options_of(suite), "--resume")[0] == 2  # nothing is left to go on with


def interrupted(tmp_path, monkeypatch):
    """A run in this process that ends, as if by Ctrl-C, before its third set."""
    in_this_process(monkeypatch)
    suite = write_suite(tmp_path, SCRIPTS)
    real = measuring.measure_set

    def measure_set(entries, plan, number, on_round):
        if number == 2:
            raise KeyboardInterrupt
        return real(entries, plan, number, on_round)

    with monkeypatch.context() as patch:
        patch.setattr(measuring, "measure_set", measure_set)
        with pytest.raises(KeyboardInterrupt):
            journey(suite)
    (folder,) = ResultsFolder(tmp_path / "results").runs()
    return suite, folder


def test_a_failure_that_only_the_samples_know_of_is_kept(tmp_path, monkeypatch):
    """Killed between saving a set and saving the record."""
    suite, folder = interrupted(tmp_path, monkeypatch)
    first = folder.sets(0)[0]
    runs = tuple(run for run in first.runs if run.label != "half")
    folder.save_set(0, replace(first, runs=runs, failures={"half": "it died"}))
    record, _ = journey(suite, resume=True)
    verdicts = {c.candidate: (c.verdict, c.reasons) for c in record.groups[0].comparisons}
    assert verdicts["half"] == ("invalid", ("it died",))
    assert verdicts["same"][0] != "invalid"


def test_nothing_is_resumed_that_is_not_the_same_run(tmp_path, monkeypatch):
    suite, folder = interrupted(tmp_path, monkeypatch)
    text, data = suite.read_text(), json.loads((folder.path / "run.json").read_text())

    suite.write_text(text + "# changed\n")
    with pytest.raises(StoreError, match="No unfinished run of this suite"):
        journey(suite, resume=True)
    suite.write_text(text)

    other = json.loads(json.dumps(data))
    other["fingerprint"]["cpu_model"] = "another"
    (folder.path / "run.json").write_text(json.dumps(other))
    with pytest.raises(InvalidError, match=r"(?s)another machine.*cpu_model: 'another' and"):
        journey(suite, resume=True)
    (folder.path / "run.json").write_text(json.dumps(data))

    with folder.locked(), pytest.raises(StoreError, match="worked on by another process"):
        journey(suite, resume=True)

    assert len(folder.sets(0)) == 2
    assert journey(suite, resume=True)[0].id == folder.id


def test_a_candidate_that_was_swapped_meanwhile_is_refused_and_the_others_go_on(tmp_path, monkeypatch):
    suite, _ = interrupted(tmp_path, monkeypatch)
    write_model(tmp_path / "half.onnx", scale=9.0)
    record, _ = journey(suite, resume=True)
    state = next(v for v in record.variants if v.name == "half")
    assert "not the one that was prepared" in state.failure
    assert "half" not in {c.candidate for group in record.groups for c in group.comparisons}
    assert record.exit_code == 4


def test_a_baseline_that_was_swapped_meanwhile_ends_the_run(tmp_path, monkeypatch):
    suite, folder = interrupted(tmp_path, monkeypatch)
    write_model(tmp_path / "dense.onnx", scale=9.0)
    with pytest.raises(InvalidError, match="dense is not the one that was prepared"):
        journey(suite, resume=True)
    assert folder.load().status == "failed"


def test_every_figure_and_verdict_comes_again_from_the_raw_samples(tmp_path, monkeypatch):
    in_this_process(monkeypatch)
    suite = write_suite(tmp_path, SCRIPTS, gate={"min_speedup": 1.5}, workloads=("one", "two"))
    record, folder = journey(suite)
    stored = folder.load()
    assert len(stored.groups) == 2
    bare = tuple(g.model_copy(update={"cases": (), "comparisons": (), "noise_floor": None}) for g in stored.groups)
    emptied = stored.model_copy(update={"groups": bare, "verdicts": (), "outcome": None, "exit_code": None})
    assert again(emptied, folder) == stored

    code, out, _ = xbench("gate", folder.path)
    assert code == record.exit_code == 1
    assert "Not as recorded" not in out
    tampered = (folder.path / "run.json").read_text().replace('"outcome": "fail"', '"outcome": "pass"')
    (folder.path / "run.json").write_text(tampered)
    code, out, err = xbench("gate", folder.path)
    assert (code, out) == (4, ""), "its manifest has the digest of another record"
    assert "run.json was changed" in err
    (folder.path / "manifest.json").unlink()
    (folder.path / "run.json").write_text(tampered.replace('"xbench.run/3"', '"xbench.run/2"', 1))
    code, out, _ = xbench("gate", folder.path)
    assert code == 1
    assert "No digests vouch for these files" in out
    assert "Not as recorded: words of verdicts; outcomes of gates too." in out
