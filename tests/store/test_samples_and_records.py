"""Results on disk: whole or not at all, the same when read back, and never trusted when damaged."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from xbench.errors import StoreError
from xbench.machine.fingerprint import fingerprint
from xbench.records.measurement import Block, Conditions, MemoryUse, Placement, ProcessSet, Run
from xbench.records.policy import Policy
from xbench.records.run_record import RUN_SCHEMA, RunRecord
from xbench.store.files import write_text
from xbench.store.folder import ResultsFolder, RunFolder
from xbench.store.samples import read_set, write_set


def a_run(label: str, number: int, generator) -> Run:
    conditions = (None, Conditions(wall_ns=7), Conditions(*range(12)))
    blocks = tuple(
        Block(i, i % 2, generator.integers(1, 2**62, size), int(generator.integers(2**40)), conditions[i], rate)
        for i, (size, rate) in enumerate(((20, None), (1, 0.1 + 0.2), (33, None)))
    )
    memory = MemoryUse(before_model_mib=1.1, load_peak_mib=2.2, run_peak_mib=None, reason="ä")
    placement = Placement(asked="CPU", providers=("CPU",), nodes={"CPU": 3}, time_share={"CPU": 0.1 + 0.2})
    return Run(label, number, 11, 12, generator.integers(1, 2**40, 9), blocks, memory, placement, True, 42)


def a_set(number=0) -> ProcessSet:
    generator = np.random.default_rng(number)
    runs = tuple(a_run(label, number, generator) for label in ("base", "base (A/A)"))
    return ProcessSet(number, runs, {"other": "it died"}, 1 / 3, None, 0.25)


def bits(one: ProcessSet):
    """Everything in it, arrays as bytes."""
    return [
        (one.number, one.failures, one.seconds, one.steal_share, one.load_average),
        *(
            (
                r.label,
                r.process_set,
                r.session_ns,
                r.first_inference_ns,
                r.memory,
                r.placement,
                r.warmup_ns.dtype,
                r.warmup_ns.tobytes(),
                r.settled,
                r.clock_tick_ns,
            )
            for r in one.runs
        ),
        *(
            (b.round, b.position, b.cpu_ns, b.samples_ns.dtype, b.samples_ns.tobytes(), b.conditions, b.offered_per_s)
            for r in one.runs
            for b in r.blocks
        ),
    ]


def a_record(folder: RunFolder, **more) -> RunRecord:
    fields = {"id": folder.id, "created": folder.created, "status": "running", "xbench_version": "0", "suite": {}}
    return RunRecord(**(fields | {"suite_sha256": "0", "fingerprint": fingerprint()} | more))


@pytest.fixture
def run(tmp_path) -> RunFolder:
    folder = ResultsFolder(tmp_path / "results").new_run("suite")
    folder.save(a_record(folder))
    return folder


def test_samples_come_back_bit_for_bit(run):
    for number in (1, 0):
        run.save_set(2, a_set(number))
    run.save_set(3, ProcessSet(0, (), {}, 0.0, 0.5, 0.0))
    assert [bits(one) for one in run.sets(2)] == [bits(a_set(0)), bits(a_set(1))]
    assert run.sets(3) == [ProcessSet(0, (), {}, 0.0, 0.5, 0.0)]
    assert run.sets(0) == []


def test_damaged_samples_are_refused_and_never_read_as_others(tmp_path):
    path = tmp_path / "g00-set000.npz"
    write_set(path, a_set())
    whole, truth, refused = path.read_bytes(), bits(a_set()), 0
    chance = np.random.default_rng(5)
    for attempt in range(600):
        damaged = bytearray(whole)
        if attempt % 3 == 0:
            del damaged[int(chance.integers(len(damaged))) :]
        else:
            damaged[int(chance.integers(len(damaged)))] ^= 1 << int(chance.integers(8))
        path.write_bytes(damaged)
        try:
            assert bits(read_set(path)) == truth  # a flipped bit in what nobody reads, such as a time stamp
        except StoreError:
            refused += 1
    assert refused > 400


def test_samples_of_another_schema_or_of_other_lengths_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    write_set(path, a_set())
    with np.load(path) as content:
        arrays = dict(content)

    def rewritten(**more):
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, **(arrays | more))
        return path

    meta = json.loads(str(arrays["meta"]))
    known = r"known are xbench\.samples/2, xbench\.samples/1"
    with pytest.raises(StoreError, match=r"schema 'xbench\.samples/3'; " + known):
        read_set(rewritten(meta=np.asarray(json.dumps(meta | {"schema": "xbench.samples/3"}))))
    with pytest.raises(StoreError, match=r"108 samples by their lengths, and uint64 .107,."):
        read_set(rewritten(samples_ns=arrays["samples_ns"][:-1]))
    with pytest.raises(StoreError, match="samples by their lengths, and float64"):
        read_set(rewritten(samples_ns=arrays["samples_ns"].astype(float)))
    with pytest.raises(StoreError, match="6 blocks, and other lengths of block_cpu_ns"):
        read_set(rewritten(block_cpu_ns=arrays["block_cpu_ns"][1:]))
    assert bits(read_set(rewritten())) == bits(a_set())


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "cannot be read"),
        ('{"schema": "xbench.run/1", "id"', "cannot be read"),
        ('{"schema": "xbench.run/1"}', "cannot be read"),
        (
            '{"schema": "xbench.run/4"}',
            r"schema 'xbench\.run/4'\nthis xbench reads xbench\.run/3, xbench\.run/1, xbench\.run/2",
        ),
        ("[]", "schema None"),
        ("\udcff", "cannot be read"),
    ],
)
def test_a_damaged_record_is_refused(run, text, told):
    (run.path / "run.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(StoreError, match=told):
        run.load()


def test_a_folder_without_a_record_is_no_run(run):
    (run.path / "run.json").unlink()
    with pytest.raises(StoreError, match="it is no run"):
        run.load()
    with pytest.raises(StoreError, match="it holds no runs at all"):
        ResultsFolder(run.path.parent).find("last")
    with pytest.raises(StoreError, match=r"a folder of this name, and no run\.json in it"):
        ResultsFolder(run.path.parent).find(str(run.path))


def rewrite_for_ever(run: RunFolder) -> None:
    record = a_record(run)
    for size in range(1, 1_000_000):
        run.save(record.model_copy(update={"failure": "x" * (size * 10_000 % 700_000)}))


def test_a_record_is_old_or_new_whenever_its_writer_is_killed(run):
    chance, sizes = np.random.default_rng(0), set()
    for _ in range(30):
        child = os.fork()
        if child == 0:
            with contextlib.suppress(BaseException):
                rewrite_for_ever(run)
            os._exit(1)
        time.sleep(chance.uniform(0.005, 0.1))
        os.kill(child, signal.SIGKILL)
        assert os.waitpid(child, 0)[1] == signal.SIGKILL
        sizes.add(len(run.load().failure))
    assert len(sizes) > 1


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    write_text(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_text(path, "\udcff")
    assert path.read_text() == "old"
    assert [one.name for one in tmp_path.iterdir()] == ["file"]
    with pytest.raises(StoreError, match=r"(?s)cannot be written to .*choose a folder"):
        write_text(tmp_path / "absent" / "file", "new")


def test_files_have_the_rights_that_the_umask_gives(tmp_path):
    before = os.umask(0o027)
    try:
        write_text(tmp_path / "file", "text")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o640


def test_a_run_belongs_to_one_process_until_that_one_ends(run):
    ready, go = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), RunFolder(run.path).locked():
            os.write(ready[1], b"x")
            os.read(go[0], 1)
        os._exit(0)
    os.read(ready[0], 1)
    with pytest.raises(StoreError, match="worked on by another process"), run.locked():
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with run.locked():
        pass


def test_a_fault_of_the_work_is_not_called_a_fault_of_the_results_folder(run):
    with pytest.raises(FileNotFoundError), run.locked():
        Path("/absent/file").read_text()


def test_names_of_runs_never_meet(tmp_path):
    results, made = ResultsFolder(tmp_path / "results"), []
    threads = [
        threading.Thread(target=lambda: made.extend(results.new_run("s") for _ in range(25))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({folder.id for folder in made}) == 100


def test_a_name_that_is_taken_is_never_shared(tmp_path, monkeypatch):
    monkeypatch.setattr("xbench.store.folder.secrets.token_hex", lambda size: "0" * size)

    def make_three():  # two of them in the same second
        return [ResultsFolder(tmp_path / "results").new_run("s") for _ in range(3)]

    with pytest.raises(StoreError, match="File exists"):
        make_three()


def test_the_record_on_disk_holds_no_path_of_this_machine(run, tmp_path):
    assert str(tmp_path) not in (run.path / "run.json").read_text()


def test_a_run_of_the_first_schema_is_read(tmp_path):
    """As xbench 0.1.0 wrote it, but for its list of layers, which was shortened."""
    (stored,) = (Path(__file__).parent / "schema_1").iterdir()
    record = RunFolder(stored).load()
    assert (record.schema_, record.status, record.groups[0].schedule) == (RUN_SCHEMA, "complete", "interleaved")
    assert record.groups[0].comparisons[0].cautions == ()
    (one,) = RunFolder(stored).sets(0)
    with np.load(stored / "samples" / "g00-set000.npz") as content:
        truth = {
            run["label"]: content[f"r{i}_samples"] for i, run in enumerate(json.loads(str(content["meta"]))["runs"])
        }
    assert len(truth) == 8
    for run in one.runs:
        assert np.array_equal(np.concatenate([block.samples_ns for block in run.blocks]), truth[run.label])
        assert (run.settled, run.clock_tick_ns, run.blocks[0].conditions) == (None, None, None)
    write_set(tmp_path / "again.npz", one)
    assert bits(read_set(tmp_path / "again.npz")) == bits(one)


def test_a_run_of_the_second_schema_is_read():
    """As xbench 0.1.0 wrote it, with the first of its process sets and the scores of one variant."""
    (stored,) = (Path(__file__).parent / "schema_2").iterdir()
    folder = RunFolder(stored)
    record, raw = folder.load(), json.loads((stored / "run.json").read_text())
    assert (raw["schema"], record.schema_, record.status) == ("xbench.run/2", RUN_SCHEMA, "complete")
    assert (record.policy, record.policy_sha256, record.decisions, record.decided_on) == (Policy(), "", (), "")
    assert [group.looks for group in record.groups] == [()]
    written = record.model_dump(mode="json", by_alias=True)
    assert differing(raw | {"schema": RUN_SCHEMA}, written) == []
    (one,) = folder.sets(0)
    assert {run.label for run in one.runs} >= {state.name for state in record.variants}
    scores, examples = folder.scores(1, 0), folder.examples()
    assert scores is not None
    assert examples is not None
    name, metric = next((q.variant, q.metrics[0]) for q in record.quality if q.variant == record.variants[1].name)
    assert scores.variant == name
    assert np.mean(scores.right) == pytest.approx(metric.value)
    assert (folder.rows(), folder.sealed, folder.policy_text()) == (None, False, "")


def differing(old, new, path=""):
    """Where something that is in `old` is not the same in `new`, which may hold more."""
    if isinstance(old, dict) and isinstance(new, dict):
        return [found for key in old for found in differing(old[key], new.get(key, "gone"), f"{path}.{key}")]
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        return [
            found for i, pair in enumerate(zip(old, new, strict=True)) for found in differing(*pair, f"{path}.{i}")
        ]
    return [] if old == new else [path]
