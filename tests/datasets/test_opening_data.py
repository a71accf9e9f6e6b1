"""Data of every kind, written by the libraries that people write them with, are read alike."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from xbench.datasets.opening import open_dataset
from xbench.datasets.surveying import survey
from xbench.errors import InputError
from xbench.records.evaluation import DataSpec

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")
csv = pytest.importorskip("pyarrow.csv")

COUNT = 300
FLAT = {
    "x": np.random.default_rng(0).normal(size=COUNT).astype(np.float64),
    "label": np.arange(COUNT, dtype=np.int64) % 3,
    "text": [f'ä "{i % 7}",\nnext' for i in range(COUNT)],
    "flag": np.arange(COUNT) % 2 == 0,
}


def rows_of(columns):
    plain = {name: np.asarray(values).tolist() for name, values in columns.items()}
    return [dict(zip(plain, values, strict=True)) for values in zip(*plain.values(), strict=True)]


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def write_iterator(folder, rows):
    (folder / "own.py").write_text(f"def examples():\n    yield from {rows!r}\n")
    return DataSpec(iterator="own.py:examples")


def write_all(folder):
    """The same data in every format; how each is named in a suite."""
    table = pa.table(FLAT)
    np.savez(folder / "plain.npz", **FLAT)
    np.savez_compressed(folder / "small.npz", **FLAT)
    pq.write_table(table, folder / "rows.parquet", row_group_size=70)
    csv.write_csv(table, folder / "rows.csv")
    write_jsonl(folder / "rows.jsonl", rows_of(FLAT))
    for name in ("npy", "parquet"):
        (folder / name).mkdir()
    for name, values in FLAT.items():
        np.save(folder / "npy" / f"{name}.npy", np.asarray(values))
    for part in range(3):
        pq.write_table(table.slice(100 * part, 100), folder / "parquet" / f"part-{part}.parquet")
    files = [DataSpec(file=name) for name in ("plain.npz", "small.npz", "rows.parquet", "rows.csv", "rows.jsonl")]
    folders = [DataSpec(folder=name) for name in ("npy", "parquet")]
    return [*files, *folders, write_iterator(folder, rows_of(FLAT))]


def test_all_formats_give_the_same_columns_and_one_digest(tmp_path):
    digests = set()
    for spec in write_all(tmp_path):
        dataset = open_dataset(spec, tmp_path, trusted=True)
        assert set(dataset.columns) == set(FLAT)
        batches = list(dataset.batches(list(FLAT), 128))
        assert [len(batch["x"]) for batch in batches] == [128, 128, 44]
        for name, values in FLAT.items():
            found = np.concatenate([batch[name] for batch in batches])
            assert found.tolist() == np.asarray(values).tolist()
            assert {batch[name].dtype for batch in batches} == {found.dtype}
        digests.add(survey(dataset, spec, list(FLAT), (), None, ()).facts.sha256)
    assert len(digests) == 1


def test_gaps_are_none_in_each_batch_alike(tmp_path):
    rows = [{"id": i, "n": None if i == 9 else i, "t": None if i == 0 else f"t{i}"} for i in range(10)]
    table = pa.Table.from_pylist(rows)
    pq.write_table(table, tmp_path / "a.parquet")
    csv.write_csv(table, tmp_path / "a.csv")
    write_jsonl(tmp_path / "a.jsonl", [{k: v for k, v in row.items() if v is not None} for row in rows])
    specs = [DataSpec(file=f"a.{ending}") for ending in ("parquet", "csv", "jsonl")]
    digests = set()
    for spec in [*specs, write_iterator(tmp_path, rows)]:
        dataset = open_dataset(spec, tmp_path, trusted=True)
        batches = list(dataset.batches(["id", "n", "t"], 4))
        assert [batch["n"].dtype for batch in batches] == [object] * 3
        assert [batch["id"].dtype for batch in batches] == [np.int64] * 3
        assert [value for batch in batches for value in batch["n"]] == [row["n"] for row in rows]
        assert [value for batch in batches for value in batch["t"]] == [row["t"] for row in rows]
        digests.add(survey(dataset, spec, ["id", "n", "t"], (), None, ()).facts.sha256)
    assert len(digests) == 1


def test_lists_of_one_length_are_an_array_and_others_stay_lists(tmp_path):
    rows = [
        {"even": [i, i + 1], "uneven": [1] * (i % 3), "words": ["a", "b"], "box": [[i, 1], [2, 3]]} for i in range(9)
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    write_jsonl(tmp_path / "a.jsonl", rows)
    np.savez(tmp_path / "a.npz", **{name: [row[name] for row in rows] for name in ("even", "box")})
    digests = set()
    for name in ("a.parquet", "a.jsonl", "a.npz"):
        dataset = open_dataset(DataSpec(file=name), tmp_path, trusted=False)
        for batch in dataset.batches(dataset.columns, 1):  # one example by itself is always of one length
            assert batch["even"].shape == (1, 2)
            assert batch["box"].shape == (1, 2, 2)
            if "uneven" in batch:
                assert isinstance(batch["uneven"][0], list)
                assert isinstance(batch["words"][0], list)
        digests.add(survey(dataset, DataSpec(file=name), ["even", "box"], (), None, ()).facts.sha256)
    assert len(digests) == 1


def test_lists_that_are_all_empty(tmp_path):
    write_jsonl(tmp_path / "a.jsonl", [{"x": [], "y": [[], []]}] * 3)
    (batch,) = open_dataset(DataSpec(file="a.jsonl"), tmp_path, trusted=False).batches(["x", "y"], 5)
    assert (batch["x"].shape, batch["y"].shape) == ((3, 0), (3, 2, 0))


def test_numpy_files_need_no_other_library(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", x=np.arange(4))
    (tmp_path / "a.csv").write_text("x\n1\n")
    for library in ("pyarrow", "sklearn"):
        monkeypatch.setitem(sys.modules, library, None)
    assert list(open_dataset(DataSpec(file="a.npz"), tmp_path, trusted=False).batches(["x"], 9))
    for spec in (DataSpec(file="a.csv"), DataSpec(sklearn="iris")):
        with pytest.raises(InputError, match=r"pip install 'xbench\[quality\]'"):
            open_dataset(spec, tmp_path, trusted=False)


def test_csv_tells_types_by_all_values(tmp_path):
    lines = ["whole,number,code,note,truth,none"] + [f"{i},{i},00{i},n{i},true," for i in range(5000)]
    lines.append('7,0.5,1,"",false,')
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    dataset = open_dataset(DataSpec(file="a.csv"), tmp_path, trusted=False)
    *_, last = dataset.batches(dataset.columns, 1000)
    kinds = {name: array.dtype for name, array in last.items()}
    assert kinds == {"whole": int, "number": float, "code": object, "note": object, "truth": bool, "none": object}
    assert (last["number"][-1], last["code"][-1], last["note"][-1], last["none"][-1]) == (0.5, "1", "", None)


@pytest.mark.parametrize(
    ("cells", "wanted"),
    [
        (["9223372036854775806", "9223372036854775807"], ["9223372036854775806", "9223372036854775807"]),
        (["-999999999999999999", "0"], [-999999999999999999, 0]),
        (["1", "2.5", "1e5", "-.5", "+3.", "inf"], [1.0, 2.5, 1e5, -0.5, 3.0, np.inf]),
        (["1", "true"], ["1", "true"]),
        (["1", "NA"], ["1", "NA"]),
        (["1", " 2"], ["1", " 2"]),
        (["1", "1_0"], ["1", "1_0"]),
    ],
)
def test_what_a_cell_of_csv_is(cells, wanted, tmp_path):
    (tmp_path / "a.csv").write_text("".join(f"{cell},0\n" for cell in ["x", *cells]).replace("x,0", "x,y", 1))
    (batch,) = open_dataset(DataSpec(file="a.csv"), tmp_path, trusted=False).batches(["x"], 9)
    assert batch["x"].tolist() == wanted


def test_a_real_hugging_face_folder():
    """Written by `Dataset.save_to_disk(..., num_shards=2)` of datasets 5.2.0."""
    folder = Path(__file__).parent / "hf_folder"
    dataset = open_dataset(DataSpec(folder="plain"), folder, trusted=False)
    assert dataset.columns == ("text", "label", "tags", "tokens", "pixels", "score", "year")
    assert dataset.classes == {"label": ("bad", "good"), "tags": ("O", "B", "I")}
    (batch,) = dataset.batches(dataset.columns, 100)
    assert batch["text"].tolist() == [f"Satz {i} ä" for i in range(6)]
    assert batch["label"].tolist() == [0, 1, 0, 1, 0, 1]
    assert batch["tags"][5] == [2, 2]
    assert batch["pixels"].shape == (6, 2, 3)
    assert batch["pixels"].dtype == np.float32
    assert batch["score"].tolist() == [0.0, 0.25, 0.5, None, 1.0, 1.25]
    facts = survey(dataset, DataSpec(folder="plain"), ["text"], (), "label", ()).examples
    assert facts.classes == ("bad", "good")


def test_a_real_dataset_dict_needs_its_split():
    """Written by `DatasetDict.save_to_disk` of datasets 5.2.0."""
    folder = Path(__file__).parent / "hf_folder"
    test = open_dataset(DataSpec(folder="splits", split="test"), folder, trusted=False)
    assert [row for batch in test.batches(["text"], 1) for row in batch["text"]] == ["Satz 3 ä", "Satz 4 ä"]
    for split in (None, "validation", "../plain"):
        with pytest.raises(InputError, match="train, test"):
            open_dataset(DataSpec(folder="splits", split=split), folder, trusted=False)


def test_parquet_as_the_hub_lays_it_out(tmp_path):
    (tmp_path / "hub/data").mkdir(parents=True)
    (tmp_path / "converted/test").mkdir(parents=True)
    for name in ("test-00001-of-00002", "test-00000-of-00002", "train-00000-of-00001"):
        pq.write_table(pa.table({"from": [name]}), tmp_path / "hub/data" / f"{name}.parquet")
    pq.write_table(pa.table({"from": ["here"]}), tmp_path / "converted/test/0000.parquet")

    def read(**spec):
        dataset = open_dataset(DataSpec(**spec), tmp_path, trusted=False)
        return [value for batch in dataset.batches(["from"], 10) for value in batch["from"]]

    assert read(folder="hub", split="test") == ["test-00000-of-00002", "test-00001-of-00002"]
    assert read(folder="converted", split="test") == ["here"]
    with pytest.raises(InputError, match="test, train"):
        read(folder="hub")
    with pytest.raises(InputError, match="no split 'dev'"):
        read(folder="hub", split="dev")


@pytest.mark.parametrize("name", ["breast_cancer", "diabetes", "digits", "iris", "linnerud", "wine"])
def test_builtin_data(name, tmp_path):
    sklearn = pytest.importorskip("sklearn.datasets")
    bunch = getattr(sklearn, f"load_{name}")()
    dataset = open_dataset(DataSpec(sklearn=name), tmp_path, trusted=False)
    (batch,) = dataset.batches(dataset.columns, 10_000)
    assert np.array_equal(batch["data"], bunch.data)
    assert np.array_equal(batch["target"], bunch.target)
    regression = name in ("diabetes", "linnerud")
    assert dataset.classes == ({} if regression else {"target": tuple(map(str, bunch.target_names))})
    if name == "digits":
        assert (batch["image"].shape, batch["image"].dtype) == ((1797, 1, 8, 8), np.float32)
        assert np.array_equal(batch["image"][:, 0] * 16, bunch.images)


def test_an_iterator_is_called_anew_and_only_with_trust(tmp_path):
    (tmp_path / "own.py").write_text(
        "import numpy as np\n"
        "def examples():\n"
        "    for i in range(600):\n"
        "        yield {'image': np.full((1, 4, 4), i, np.float32), 'label': np.int64(i % 2), 'ids': np.arange(i % 5)}\n"
    )
    spec = DataSpec(iterator="own.py:examples")
    with pytest.raises(InputError, match="--trust"):
        open_dataset(spec, tmp_path, trusted=False)
    dataset = open_dataset(spec, tmp_path, trusted=True)
    for _ in range(2):
        batches = list(dataset.batches(["image", "label", "ids"], 400))
        assert [batch["image"].shape for batch in batches] == [(400, 1, 4, 4), (200, 1, 4, 4)]
        assert batches[0]["image"].dtype == np.float32
        assert batches[1]["image"][-1, 0, 0, 0] == 599
        assert batches[1]["ids"][-1] == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("yield 3", "an example is a mapping"),
        ("yield {'a': 1}\n    yield {'b': 1}", "'a': example 1 has it not"),
        ("yield {'a': 1}\n    raise OSError('no disk')", "after 1 example: OSError: no disk"),
        ("yield {'a': 1}\n    yield {'a': 'x'}", "column 'a'"),
        ("yield {'a': {'b': 1}}", "struct"),
        ("yield {'a': b'PNG'}", "encoded files"),
        ("import numpy as np\n    yield {'a': np.ones((2, 2))}\n    yield {'a': np.ones((2, 3))}", "several shapes"),
        ("return\n    yield", "returned no example"),
        ("yield {'a': 1}\n    raise SystemExit(0)", "SystemExit: 0"),
    ],
)
def test_a_wrong_iterator(body, said, tmp_path):
    (tmp_path / "own.py").write_text(f"def examples():\n    {body}\n")
    with pytest.raises(InputError, match=said):
        list(open_dataset(DataSpec(iterator="own.py:examples"), tmp_path, trusted=True).batches(["a"], 2))
