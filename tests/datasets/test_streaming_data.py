"""Data are never held whole: what is in memory while they are read is a small part of them."""

import json
import tracemalloc

import numpy as np
import pytest

from xbench.datasets.opening import open_dataset
from xbench.datasets.surveying import survey
from xbench.errors import InputError
from xbench.records.evaluation import DataSpec

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

ROWS, WIDTH = 20_000, 100
BYTES = 8 * ROWS * WIDTH


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """16 MB of numbers, and as much text."""
    folder = tmp_path_factory.mktemp("large")
    x = np.random.default_rng(0).integers(0, 4, (ROWS, WIDTH))
    np.savez(folder / "plain.npz", x=x)
    np.savez_compressed(folder / "small.npz", x=x)
    table = pa.table({"x": pa.FixedSizeListArray.from_arrays(pa.array(x.reshape(-1)), WIDTH)})
    pq.write_table(table, folder / "rows.parquet", row_group_size=2000)
    text = ("ab" * 400,)
    (folder / "text.csv").write_text("x,y\n" + "".join(f"{i},{text[0]}\n" for i in range(ROWS)))
    line = json.dumps({"y": text[0]})
    (folder / "text.jsonl").write_text(f"{line}\n" * ROWS)
    (folder / "hf").mkdir()
    with pa.OSFile(str(folder / "hf/a.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=1000)
    (folder / "hf/state.json").write_text('{"_data_files": [{"filename": "a.arrow"}]}')
    (folder / "hf/dataset_info.json").write_text("{}")
    return folder


def held_while_reading(dataset, columns):
    """Bytes that Python, NumPy and Arrow held at most, by what was there at each batch."""
    before, most = pa.total_allocated_bytes(), 0
    tracemalloc.start()
    try:
        for rows in dataset.batches(columns, 64):
            assert len(rows[columns[0]]) <= 64
            most = max(most, pa.total_allocated_bytes() - before)
        return most + tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("name", ["plain.npz", "small.npz", "rows.parquet", "hf"])
def test_arrays_are_streamed(name, folder, monkeypatch):
    monkeypatch.setattr("xbench.datasets.parquet._BLOCK_BYTES", 2**18)
    spec = DataSpec(folder=name) if name == "hf" else DataSpec(file=name)
    assert held_while_reading(open_dataset(spec, folder, trusted=False), ["x"]) < BYTES / 2


@pytest.mark.parametrize("name", ["text.csv", "text.jsonl"])
def test_text_is_streamed(name, folder, monkeypatch):
    monkeypatch.setattr("xbench.datasets.csv_file.MAX_ROW_BYTES", 2**16)  # Arrow reads 32 ahead
    dataset = open_dataset(DataSpec(file=name), folder, trusted=False)
    assert held_while_reading(dataset, ["y"]) < BYTES / 2


def test_a_file_that_changes_between_two_passes(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x=np.arange(10))
    dataset = open_dataset(DataSpec(file="a.npz"), tmp_path, trusted=False)
    survey(dataset, DataSpec(file="a.npz"), ["x"], (), None, ())
    np.savez(path, x=np.arange(11))
    with pytest.raises(InputError, match="changed while they were read"):
        list(dataset.batches(["x"], 4))


def test_an_iterator_that_gives_other_examples_the_second_time(tmp_path):
    (tmp_path / "own.py").write_text(
        "calls = []\n"
        "def examples():\n"
        "    calls.append(1)\n"
        "    for i in range(6):\n"
        "        yield {'same': i, 'other': i + (len(calls) > 4) * (i == 5)}\n"
    )
    dataset = open_dataset(DataSpec(iterator="own.py:examples"), tmp_path, trusted=True)
    for _ in range(2):
        assert len(list(dataset.batches(["other", "same"], 4))) == 2
    with pytest.raises(InputError, match=r"not the same in each pass\nthe column 'other'"):
        list(dataset.batches(["same", "other"], 4))


def test_an_iterator_that_fills_one_array_anew(tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "def examples():\n"
        "    room, many = np.zeros((2, 2)), [0]\n"
        "    for i in range(6):\n"
        "        room[:], many[0] = i, i\n"
        "        yield {'x': room, 'y': many}\n"
    )
    dataset = open_dataset(DataSpec(iterator="own.py:examples"), tmp_path, trusted=True)
    (batch,) = dataset.batches(["x", "y"], 6)
    assert batch["x"][:, 0, 0].tolist() == batch["y"][:, 0].tolist() == list(range(6))
