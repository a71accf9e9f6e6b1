"""A finished run is sealed: whole with its manifest or still to be resumed, and what was changed later is told."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest

from xbench.errors import StoreError
from xbench.machine.fingerprint import fingerprint
from xbench.records.case import CaseRow
from xbench.records.measurement import ProcessSet
from xbench.records.quality import ExampleScores
from xbench.records.run_record import RunRecord
from xbench.store.bundles import write_bundle
from xbench.store.folder import ResultsFolder, RunFolder
from xbench.store.log import read_log
from xbench.store.manifest import manifest_digest, write_manifest
from xbench.store.unpacking import import_bundle
from xbench.store.verifying import verify

SUITE, POLICY = "name: s\n", "gates: []\n"


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def a_record(folder: RunFolder, **more) -> RunRecord:
    fields = {"id": folder.id, "created": folder.created, "status": "running", "xbench_version": "0", "suite": {}}
    digests = {"suite_sha256": sha256(SUITE), "policy_sha256": sha256(POLICY), "fingerprint": fingerprint()}
    return RunRecord(**(fields | digests | more))


def rows_of(record: RunRecord) -> tuple[CaseRow, ...]:
    named = {"run": record.id, "created": record.created, "status": "complete", "suite": "s", "suite_sha256": "0"}
    machine = {"model": "m", "xbench_version": "0", "fingerprint_sha256": "0", "machine": "m"}
    case = {"baseline": False, "precision": "fp32", "hardware": "cpu", "workload": "w", "speedup": 0.1 + 0.2}
    return tuple(CaseRow(**named, **machine, **case, variant=name) for name in ("a", "b"))


def begun(results: Path) -> RunFolder:
    folder = ResultsFolder(results).new_run("s")
    folder.save_suite(SUITE)
    folder.save_policy(POLICY)
    folder.save(a_record(folder))
    folder.save_set(0, ProcessSet(0, (), {}, 0.0, 0.5, 0.0))
    folder.save_labels({1: "one"})
    folder.log("it began")
    return folder


def sealed(results: Path) -> RunFolder:
    folder = begun(results)
    record = a_record(folder, status="complete", outcome="pass")
    folder.seal(record, rows_of(record))
    return folder


@pytest.fixture
def run(tmp_path) -> RunFolder:
    return sealed(tmp_path / "results")


def test_a_sealed_run_has_all_its_files_in_its_manifest_as_sha256sum_has_them(run):
    found = verify(run, rows_of, manifest_digest(run.path))
    assert (found.sealed, found.problems, found.files) == (True, (), 8)
    listed = json.loads((run.path / "manifest.json").read_text())["files"]
    there = {p.relative_to(run.path).as_posix() for p in run.path.rglob("*") if p.is_file() and p.name[0] != "."}
    assert set(listed) == there - {"manifest.json"}
    for name, one in listed.items():
        content = (run.path / name).read_bytes()
        assert one == {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    assert run.rows() == rows_of(run.load())


def test_nothing_of_a_sealed_run_is_written_any_more(run):
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    record = run.load()
    scores = ExampleScores("v", "h", "d", {})
    attempts = (
        lambda: run.save(record),
        lambda: run.seal(record, ()),
        lambda: run.save_suite(""),
        lambda: run.save_policy(""),
        lambda: run.save_set(0, ProcessSet(0, (), {}, 0.0, 0.5, 0.0)),
        lambda: run.save_scores(0, 0, scores),
        lambda: run.save_labels({}),
        lambda: run.kept_file("h00"),
        lambda: run.log("more"),
    )
    for attempt in attempts:
        with pytest.raises(StoreError, match="is complete and is not changed any more"):
            attempt()
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before


def written(name, text):
    return lambda folder: (folder / name).write_text(text)


def replaced(name, old, new):
    return lambda folder: (folder / name).write_text((folder / name).read_text().replace(old, new))


def linked(folder):
    (folder / "quality" / "labels.json").rename(folder.parent / "elsewhere")
    (folder / "quality" / "labels.json").symlink_to(folder.parent / "elsewhere")


def piped(folder):
    (folder / "suite.yaml").unlink()
    os.mkfifo(folder / "suite.yaml")


def cut(folder):
    file = folder / "samples" / "g00-set000.npz"
    os.truncate(file, file.stat().st_size - 1)


BESIDE = ", with a manifest.json: its sealing was cut off, or its record was changed since"
CHANGES = {
    "a verdict": (replaced("run.json", '"pass"', '"fail"'), "run.json was changed"),
    "the status": (replaced("run.json", '"complete"', '"failed"'), None),
    "a record that is gone": (lambda folder: (folder / "run.json").unlink(), "run.json is gone"),
    "a record that is no JSON": (written("run.json", "{"), "run.json was changed"),
    "a suite": (written("suite.yaml", "name: t\n"), "suite.yaml was changed"),
    "a policy that is gone": (lambda folder: (folder / "policy.yaml").unlink(), "policy.yaml is gone"),
    "samples that are cut off": (cut, "g00-set000.npz was changed: "),
    "a file more": (written("samples/g00-set001.npz", ""), "g00-set001.npz is not in its manifest"),
    "a link": (linked, "quality/labels.json is a link"),
    "a pipe": (piped, "suite.yaml is no plain file"),
    "a line of the log": (written("log.jsonl", ""), "log.jsonl was changed"),
    "a case": (replaced("cases.json", '"variant":"a"', '"variant":"c"'), "cases.json was changed"),
    "the manifest": (written("manifest.json", "{}"), "manifest.json has the schema None"),
    "a manifest that is gone": (lambda folder: (folder / "manifest.json").unlink(), "manifest.json is gone"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_what_was_changed_is_told(run, what):
    change, words = CHANGES[what]
    change(run.path)
    found = verify(run)
    if words is None:  # a run that is not complete proves nothing, and is not said to
        assert (found.sealed, found.unsealed, found.manifest_sha256) == (False, f"it is failed{BESIDE}", "")
    else:
        assert any(words in problem for problem in found.problems), found.problems


def test_what_was_changed_together_with_its_manifest_is_told_by_its_digest(run):
    noted, names = manifest_digest(run.path), ("run.json", "manifest.json")
    record = (run.path / "run.json").read_text().replace('"pass"', '"fail"')
    listed = json.loads((run.path / "manifest.json").read_text())
    listed["files"]["run.json"] = {"bytes": len(record), "sha256": sha256(record)}
    for name, text in zip(names, (record, json.dumps(listed)), strict=True):
        (run.path / name).write_text(text)
    assert verify(run).problems == ()
    (problem,) = verify(run, digest=noted).problems
    assert "its manifest has the digest" in problem


def test_a_run_under_another_name_and_rows_that_its_record_does_not_tell(run, monkeypatch):
    monkeypatch.setattr("xbench.store.verifying.__version__", "0")
    assert verify(run, lambda record: rows_of(record)[:1]).problems == (
        "cases.json does not tell what the record does",
    )
    other = run.path.with_name(run.id[:-1] + "x")
    run.path.rename(other)
    problems = " ".join(verify(RunFolder(other)).problems)
    assert "its manifest is that of the run" in problems
    assert "its record is that of the run" in problems


def test_older_and_unfinished_runs_are_told_as_not_sealed(tmp_path):
    for version in (1, 2):
        (stored,) = (Path(__file__).parent / f"schema_{version}").iterdir()
        shutil.copytree(stored, tmp_path / stored.name)
        found = verify(RunFolder(tmp_path / stored.name))
        assert (found.sealed, found.problems, found.unsealed) == (
            False,
            (),
            f"it is older than manifests (xbench.run/{version})",
        )
        file = tmp_path / stored.name / "samples" / "g00-set000.npz"
        os.truncate(file, file.stat().st_size - 50)
        assert "g00-set000.npz cannot be read" in verify(RunFolder(tmp_path / stored.name)).problems[0]
    assert verify(begun(tmp_path / "results")).unsealed == "it is running"


def test_a_sealing_that_was_cut_off_is_no_sealing(tmp_path, monkeypatch):
    run = begun(tmp_path / "results")
    record = a_record(run, status="complete")
    from xbench.store import folder as module

    real = module.write_text

    def full(path, text):
        if path.name == "run.json":
            raise StoreError("No space left on device")
        real(path, text)

    monkeypatch.setattr(module, "write_text", full)
    with pytest.raises(StoreError):
        run.seal(record, rows_of(record))
    monkeypatch.undo()
    assert (run.path / "manifest.json").is_file()
    assert (run.load().status, run.sealed, run.rows(), verify(run).unsealed) == (
        "running",
        False,
        None,
        f"it is running{BESIDE}",
    )
    run.log("it went on")
    run.save_labels({2: "two"})
    run.seal(record, rows_of(record))
    assert verify(run, rows_of).problems == ()


def test_killed_at_any_instant_a_run_is_complete_and_verified_or_to_be_resumed(tmp_path):
    sealed(tmp_path / "warm")
    begin = time.monotonic()
    sealed(tmp_path / "warm")
    takes, chance, complete = time.monotonic() - begin, np.random.default_rng(3), 0
    for _ in range(10):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                for _ in range(1000):
                    sealed(tmp_path / "results")
            os._exit(1)
        time.sleep(chance.uniform(0, 5 * takes))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
    for run in ResultsFolder(tmp_path / "results").runs():
        found = verify(run, rows_of)
        assert found.problems == ()
        assert found.sealed == (run.load().status == "complete")
        complete += found.sealed
        if not found.sealed:
            record = a_record(run, status="complete")
            run.seal(record, rows_of(record))
            assert verify(run, rows_of).sealed
    assert complete > 0


def test_a_log_line_that_was_cut_off_spoils_no_other(tmp_path):
    run = begun(tmp_path / "results")
    with (run.path / "log.jsonl").open("a") as file:
        file.write('{"time": "20')
    run.log(f"kept in {Path.home()}/secret, {run.path}/quality and {Path.cwd()}/x \u2028 y", "failure")
    run.log("12 samples/s of '/data/models/m.onnx' at https://host/a/b, 1/2/3, /s")
    first, second, third = read_log(run.path)
    assert third.text == "12 samples/s of 'm.onnx' at https://host/a/b, 1/2/3, /s"
    assert (first.event, first.text, second.event) == ("note", "it began", "failure")
    assert second.text == f"kept in ~/secret, {run.id}/quality and x \u2028 y"
    assert first.time <= second.time


def test_a_bundle_carries_the_seal_and_a_changed_run_is_neither_sent_nor_taken_in(run, tmp_path):
    digest = manifest_digest(run.path)
    write_bundle([run], tmp_path / "b")
    there = ResultsFolder(tmp_path / "there")
    import_bundle(tmp_path / "b", there)
    assert verify(RunFolder(there.path / run.id), rows_of, digest).problems == ()
    (run.path / "suite.yaml").write_text("name: t\n")
    with pytest.raises(StoreError, match=r"was changed\nsuite.yaml was changed"):
        write_bundle([run], tmp_path / "c")


def test_two_imports_at_once_bring_the_run_once(run, tmp_path):
    write_bundle([run], tmp_path / "b")
    there, children = ResultsFolder(tmp_path / "there"), []
    for _ in range(4):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                import_bundle(tmp_path / "b", there)
                os._exit(0)
            os._exit(1)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 4
    assert [path.name for path in there.path.iterdir()] == [run.id]
    assert verify(RunFolder(there.path / run.id), rows_of).problems == ()


def test_a_sealed_run_of_a_newer_schema_is_not_called_changed(run):
    """A later version may well have sealed it: its files are as listed, and what they say is not read here."""
    replaced("run.json", '"xbench.run/3"', '"xbench.run/9"')(run.path)
    assert any("run.json was changed" in problem for problem in verify(run).problems)
    write_manifest(run.path, "9.0", {})
    found = verify(run, rows_of)
    assert (found.sealed, found.problems) == (True, ())
    assert found.unread == "its record has the schema 'xbench.run/9', and was not read"
