"""Kept answers of a model: streamed to the disk and back, and never read where they are not whole."""

from __future__ import annotations

import contextlib
import os
import signal
import time
import tracemalloc

import numpy as np
import pytest

from xbench.errors import InvalidError, StoreError
from xbench.store.spool import Spool, spooling

BATCHES = [
    {"scores": np.arange(6, dtype=np.float32).reshape(2, 3), "text": np.asarray(["ä\n", "longer"])},
    {"scores": np.empty((0, 3), np.float16), "text": np.asarray(["x"], dtype=object)},
    {},
    {"scores": np.asarray(7), "flags": np.asarray([[True], [False]]).T},
]


def write(path, batches=BATCHES):
    with spooling(path) as writer:
        for batch in batches:
            writer.add(batch)
    return Spool(path)


def test_batches_come_back_in_order_and_again(tmp_path):
    spool = write(tmp_path / "kept")
    assert spool.count == len(BATCHES)
    for _ in range(2):
        found = list(spool)
        assert len(found) == len(BATCHES)
        for batch, back in zip(BATCHES, found, strict=True):
            assert list(back) == list(batch)
            for name, array in batch.items():
                wanted = array.astype(str) if array.dtype == object else array
                assert (back[name].dtype, back[name].shape) == (wanted.dtype, wanted.shape)
                assert back[name].tobytes() == np.ascontiguousarray(wanted).tobytes()


def test_numbers_that_numpy_has_no_name_for_become_wider_ones(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    (back,) = write(tmp_path / "kept", [{"x": np.asarray([0.5, -3.0], ml_dtypes.bfloat16)}])
    assert back["x"].dtype == np.float32
    assert back["x"].tolist() == [0.5, -3.0]


def test_objects_are_never_written(tmp_path):
    with pytest.raises(InvalidError, match="neither numbers nor text"):
        write(tmp_path / "kept", [{"x": np.asarray([print], dtype=object)}])
    assert not list(tmp_path.iterdir())


def test_whatever_is_cut_off_or_changed_is_refused(tmp_path):
    path = tmp_path / "kept"
    write(path)
    whole, chance = path.read_bytes(), np.random.default_rng(3)
    for _ in range(300):
        damaged = bytearray(whole)
        if chance.random() < 0.5:
            del damaged[int(chance.integers(len(damaged))) :]
        else:
            damaged[int(chance.integers(len(damaged)))] ^= 1 << int(chance.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(StoreError, match="The kept answers kept cannot be read"):
            Spool(path)
    path.unlink()
    with pytest.raises(StoreError, match="No such file"):
        Spool(path)


def test_a_writer_that_is_killed_leaves_nothing_that_is_taken_for_whole(tmp_path):
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException), spooling(tmp_path / "kept") as writer:
            while True:
                writer.add({"x": np.zeros(10_000)})
        os._exit(1)
    while not any(file.stat().st_size > 10**6 for file in tmp_path.iterdir()):
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    assert not (tmp_path / "kept").exists()
    (left,) = tmp_path.iterdir()
    with pytest.raises(StoreError, match="its digest is another"):
        Spool(left)


def test_a_fault_of_the_work_is_told_as_it_is_and_leaves_nothing(tmp_path):
    def work():
        with spooling(tmp_path / "kept") as writer:
            writer.add(BATCHES[0])
            raise FileNotFoundError("the data")

    with pytest.raises(FileNotFoundError, match="the data"):
        work()
    assert not list(tmp_path.iterdir())


def test_memory_stays_small_however_much_is_kept(tmp_path):
    one = np.zeros(125_000)  # 1 MB
    tracemalloc.start()
    try:
        spool = write(tmp_path / "kept", ({"x": one} for _ in range(40)))
        assert sum(len(batch["x"]) for batch in spool) == 40 * 125_000
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()
