"""An index that is damaged is made anew, one that cannot be used is done without: the answer is the same, and told."""

from __future__ import annotations

import multiprocessing
import os
import sqlite3
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest
from index_kit import hand_record, put, run_id

import xbench.results.index
from xbench.errors import StoreError
from xbench.results import open_results
from xbench.results.index import INDEX, LOCK


@pytest.fixture
def told():
    return []


@pytest.fixture
def results(tmp_path, told):
    """Three runs, indexed."""
    results = open_results(tmp_path / "results", told.append)
    for number in range(3):
        put(results.path, hand_record(number, names=tuple(f"v{n}" for n in range(20))))
    assert results.counts() == (3, 63)
    return results


def garbage(index):
    index.write_bytes(b"no database, and long enough to be looked at as one" * 100)


def empty(index):
    index.write_bytes(b"")


def cut(index):
    os.truncate(index, index.stat().st_size // 2 // 4096 * 4096)


def cut_in_a_page(index):
    os.truncate(index, index.stat().st_size - 1000)


def pages_of_others(index):
    with index.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(index.stat().st_size - 4096))


def of_another_version(index):
    with sqlite3.connect(index) as connection:
        connection.execute("PRAGMA user_version = 99")


def without_a_column(index):
    with sqlite3.connect(index) as connection:
        connection.execute("ALTER TABLE cases DROP COLUMN reason")


def with_a_word_for_a_number(index):
    with sqlite3.connect(index) as connection:
        connection.execute("UPDATE cases SET noise_floor = 'fast'")


def a_link(index):
    index.rename(index.parents[1] / "elsewhere.sqlite")
    index.symlink_to(index.parents[1] / "elsewhere.sqlite")


@pytest.mark.parametrize(
    "damage",
    [
        garbage,
        empty,
        cut,
        cut_in_a_page,
        pages_of_others,
        of_another_version,
        without_a_column,
        with_a_word_for_a_number,
        a_link,
    ],
)
def test_a_damaged_index_is_made_anew_and_that_is_told(results, told, damage, tmp_path):
    before = results.cases()
    damage(results.path / INDEX)
    assert results.cases() == before
    assert len(told) == 1, told
    assert "made anew" in told[0]
    assert not (results.path / INDEX).is_symlink()
    assert results.counts() == (3, 63)
    assert len(told) == 1, "it is whole now"
    if damage is a_link:
        assert (tmp_path / "elsewhere.sqlite").stat().st_size > 0


def test_another_version_of_xbench_reads_all_of_it_anew(results, told, monkeypatch):
    """A run of a newer schema that one version could not read is read by the next."""
    monkeypatch.setattr("xbench.results.schema.__version__", "99.0")
    xbench.results.index._tables.cache_clear()
    try:
        assert results.counts() == (3, 63)
        assert "another version" in told[0]
    finally:
        xbench.results.index._tables.cache_clear()


def test_no_index_is_nothing_to_tell(results, told):
    (results.path / INDEX).unlink()
    assert results.counts() == (3, 63)
    assert not told


def test_rebuilding(results, told):
    with sqlite3.connect(results.path / INDEX) as connection:
        connection.execute("UPDATE cases SET variant = 'another'")
    assert results.cases(variant="v3") == []
    assert results.rebuild() == 3
    assert len(results.cases(variant="v3")) == 3


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(xbench.results.index, "WAIT_S", 0.2)


def test_one_that_another_process_writes_is_done_without(results, told, impatient):
    with sqlite3.connect(results.path / INDEX, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        assert results.counts() == (3, 63)
        assert not told, "nothing is new: a look at it is allowed"
        put(results.path, hand_record(3))
        assert results.counts() == (4, 65)
        assert results.counts() == (4, 65)
    other.close()
    assert len(told) == 1
    assert "locked" in told[0]
    assert open_results(results.path, told.append).counts() == (4, 65)
    assert len(told) == 1


def hold(path, ready, done):
    """Another process, that has the whole file for itself and never lets it go."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA locking_mode = EXCLUSIVE")
    connection.execute("BEGIN EXCLUSIVE")
    connection.execute("UPDATE runs SET stamp = ''")
    ready.set()
    done.wait(60)


def test_one_that_another_process_keeps_to_itself(results, told, impatient):
    context = multiprocessing.get_context("fork")
    ready, done = context.Event(), context.Event()
    child = context.Process(target=hold, args=(results.path / INDEX, ready, done))
    child.start()
    try:
        assert ready.wait(60)
        put(results.path, hand_record(3))
        assert results.counts() == (4, 65)
        assert "locked" in told[0]
    finally:
        done.set()
        child.join(60)
    assert child.exitcode == 0


@pytest.mark.parametrize("name", [INDEX, LOCK])
def test_one_that_cannot_be_written_is_done_without(tmp_path, told, name):
    results = open_results(tmp_path / "results", told.append)
    put(results.path, hand_record(1))
    (results.path / name / "in the way").mkdir(parents=True)
    assert results.counts() == (1, 2)
    assert results.runs()[0].run == run_id(1)
    assert len(told) == 1
    assert "read from the runs themselves" in told[0]
    with pytest.raises(StoreError, match="cannot be made anew"):
        results.rebuild()


@pytest.mark.parametrize("code", [sqlite3.SQLITE_FULL, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR])
def test_a_disk_that_is_full_read_only_or_broken(tmp_path, told, monkeypatch, code):
    results = open_results(tmp_path / "results", told.append)
    put(results.path, hand_record(1))
    sync, calls = xbench.results.index.synchronise, []

    def failing(connection, folder):
        calls.append(code)
        if len(calls) == 1:
            error = sqlite3.OperationalError("no more of it")
            error.sqlite_errorcode = code
            raise error
        sync(connection, folder)

    monkeypatch.setattr(xbench.results.index, "synchronise", failing)
    assert results.counts() == (1, 2)
    assert len(told) == 1
    assert "no more of it" in told[0]


def rebuild_for_ever(path):
    while True:
        open_results(path).rebuild()


def test_a_process_that_is_killed_leaves_nothing_half(results):
    before = results.cases()
    context = multiprocessing.get_context("fork")
    for tenth in range(4):
        child = context.Process(target=rebuild_for_ever, args=(results.path,))
        child.start()
        while not (results.path / f"{INDEX}-wal").exists():
            assert child.is_alive()
        time.sleep(tenth / 100)
        child.kill()
        child.join(60)
        assert results.cases() == before


def ask(path):
    told = []
    results = open_results(path, told.append)
    return [results.counts() for _ in range(3)][-1], [case.model_dump() for case in results.cases()], told


def test_several_processes_at_once_tell_the_same(tmp_path):
    folder = tmp_path / "results"
    with ProcessPoolExecutor(4, mp_context=multiprocessing.get_context("fork")) as pool:
        for number in range(4):
            put(folder, hand_record(number))
            if number == 2:
                garbage(folder / INDEX)
            answers = [one.result(60) for one in [pool.submit(ask, folder) for _ in range(4)]]
            assert [count for count, _, _ in answers] == [(number + 1, 2 * number + 2)] * 4
            assert all(rows == answers[0][1] for _, rows, _ in answers)
            assert sum(len(told) for _, _, told in answers) == (number == 2), "one of them mends it"


def test_threads_may_share_one(results):
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(lambda _: results.counts(), range(20))) == {(3, 63)}
