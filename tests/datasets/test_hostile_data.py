"""Damaged and hostile data: a clear error each, nothing run, and no more memory than is allowed."""

import io
import json
import os
import pickle
import zipfile

import numpy as np
import pytest

from xbench.datasets import limits
from xbench.datasets.opening import open_dataset
from xbench.datasets.parquet_footer import values_of_columns
from xbench.errors import InputError
from xbench.records.evaluation import DataSpec

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")


def read(base, columns=None, size=100, **spec):
    dataset = open_dataset(DataSpec(**spec), base, trusted=False)
    return list(dataset.batches(dataset.columns if columns is None else columns, size))


class Payload:
    def __reduce__(self):
        return (os.mkdir, ("ran",))


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def header(shape, dtype="<f8"):
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": dtype, "fortran_order": False, "shape": shape})
    return stream.getvalue()


def write_zip(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)


def test_a_file_that_may_not_be_read(tmp_path, monkeypatch):
    np.savez(tmp_path / "a.npz", x=np.zeros(3))

    def refuse(*_args, **_more):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)  # Root may read all.
    with pytest.raises(InputError, match=r"Permission denied[\s\S]*check its permissions"):
        read(tmp_path, file="a.npz")


def test_one_example_is_no_plural(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.zeros(1), y=np.zeros(2))
    with pytest.raises(InputError, match=r"'x' has 1 example, 'y' has 2"):
        read(tmp_path, file="a.npz")


def test_a_pickle_is_never_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "a.npz", x=np.array([Payload(), Payload()], dtype=object))
    (tmp_path / "bare.npz").write_bytes(pickle.dumps(Payload()))
    (tmp_path / "npy").mkdir()
    np.save(tmp_path / "npy/x.npy", np.array([Payload()], dtype=object))
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled/x.npy").write_bytes(pickle.dumps(Payload()))
    for spec, said in (
        ({"file": "a.npz"}, "pickled objects, which are code"),
        ({"file": "bare.npz"}, "not a zip file"),
        ({"folder": "npy"}, "pickled objects, which are code"),
        ({"folder": "pickled"}, "magic string"),
    ):
        with pytest.raises(InputError, match=said):
            read(tmp_path, **spec)
    assert not (tmp_path / "ran").exists()


def test_an_array_that_promises_more_than_there_is(tmp_path):
    for name, shape in (("long", (10**6,)), ("wide", (2, 10**12)), ("absurd", (2**62, 2**62))):
        write_zip(tmp_path / f"{name}.npz", [("x.npy", header(shape) + bytes(64))])
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.npy").write_bytes(header(shape) + bytes(64))
        for spec in ({"file": f"{name}.npz"}, {"folder": name}):
            with pytest.raises(InputError):
                read(tmp_path, **spec)


def test_a_zip_that_inflates_is_read_a_batch_at_a_time(tmp_path, monkeypatch):
    write_zip(tmp_path / "a.npz", [("x.npy", header((1000, 10_000)) + bytes(8 * 10**7))])
    assert (tmp_path / "a.npz").stat().st_size < 100_000
    dataset = open_dataset(DataSpec(file="a.npz"), tmp_path, trusted=False)
    assert next(dataset.batches(["x"], 2))["x"].shape == (2, 10_000)
    monkeypatch.setattr("xbench.datasets.room.MAX_BATCH_BYTES", 10**6)
    with pytest.raises(InputError, match=r"A batch of 100 examples of a\.npz takes more than"):
        next(dataset.batches(["x"], 100))


def test_a_damaged_zip(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(10_000))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[:20_000])
    (tmp_path / "flipped.npz").write_bytes(whole[:30_000] + b"\xff" + whole[30_001:])
    with pytest.raises(InputError, match="not a zip file"):
        read(tmp_path, file="cut.npz")
    with pytest.raises(InputError, match="Bad CRC-32"):
        read(tmp_path, file="flipped.npz")
    write_zip(tmp_path / "twice.npz", [("x.npy", npy(np.arange(3)))])
    with pytest.warns(UserWarning, match="Duplicate name"), zipfile.ZipFile(tmp_path / "twice.npz", "a") as archive:
        archive.writestr("x.npy", npy(np.arange(4)))
    with pytest.raises(InputError, match="two columns 'x'"):
        read(tmp_path, file="twice.npz")


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_columns_of_unequal_length(kind, tmp_path):
    arrays = {"x": np.zeros(5), "y": np.zeros(4)}
    np.savez(tmp_path / "a.npz", **arrays)
    (tmp_path / "a").mkdir()
    for name, array in arrays.items():
        np.save(tmp_path / "a" / f"{name}.npy", array)
    with pytest.raises(InputError, match="'x' has 5 examples, 'y' has 4"):
        read(tmp_path, **{kind: "a.npz" if kind == "file" else "a"})


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (np.array(3), "single value"),
        (np.zeros(3, dtype=complex), "complex128"),
        (np.zeros(3, dtype="M8[s]"), "datetime64"),
        (np.zeros(3, dtype=[("a", "f4")]), "it is"),
        (np.array([b"\xff"]), "no UTF-8"),
        (np.asfortranarray(np.ones((3, 4))), "Fortran order"),
    ],
)
def test_arrays_that_are_no_columns(array, said, tmp_path):
    np.savez(tmp_path / "a.npz", x=array)
    with pytest.raises(InputError, match=said):
        read(tmp_path, file="a.npz")


def test_other_byte_orders_become_the_machines(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.arange(3, dtype=">i4"), s=np.array([b"a", b"\xc3\xa4", b""]))
    (batch,) = read(tmp_path, file="a.npz")
    assert batch["x"].dtype == np.dtype("=i4")
    assert batch["x"].tolist() == [0, 1, 2]
    assert batch["s"].tolist() == ["a", "ä", ""]


def test_a_parquet_file_of_more_rows_than_are_taken(tmp_path):
    """RLE: 20 million equal numbers take some kilobytes. The file says how many before any is read."""
    table = pa.table({"x": pa.array(np.zeros(20_000_000, dtype=np.int8))})
    pq.write_table(table, tmp_path / "a.parquet", compression="zstd")
    assert (tmp_path / "a.parquet").stat().st_size < 100_000
    with pytest.raises(InputError, match="more than 10,000,000 examples"):
        read(tmp_path, file="a.parquet")


@pytest.mark.parametrize("nested", [False, True])
def test_a_parquet_file_of_one_long_text_many_times(nested, tmp_path):
    """200 thousand times the same megabyte: written out, a block of 1,024 examples would take a gigabyte."""
    text = pa.DictionaryArray.from_arrays(pa.array(np.zeros(200_000, dtype=np.int32)), pa.array(["x" * 10**6]))
    if nested:
        text = pa.ListArray.from_arrays(pa.array(np.arange(0, 200_001, 10, dtype=np.int32)), text)
    pq.write_table(pa.table({"x": text}), tmp_path / "a.parquet", compression="zstd", store_schema=False)
    assert (tmp_path / "a.parquet").stat().st_size < 2_000_000
    dataset = open_dataset(DataSpec(file="a.parquet"), tmp_path, trusted=False)
    before = pa.total_allocated_bytes()
    batch = next(dataset.batches(["x"], 4))
    assert len(batch["x"]) == 4
    assert pa.total_allocated_bytes() - before < 300 * 2**20


def test_a_parquet_file_with_all_numbers_in_one_example(tmp_path, monkeypatch):
    monkeypatch.setattr("xbench.datasets.parquet._MAX_GROUP_BYTES", 10**6)
    values = pa.ListArray.from_arrays(pa.array([0, 0, 10**6], pa.int32()), pa.array(np.zeros(10**6)))
    pq.write_table(pa.table({"x": values, "y": [1, 2]}), tmp_path / "a.parquet", compression="zstd")
    with pytest.raises(InputError, match="a row group has 1,000,001 values in the lists of 'x'"):
        read(tmp_path, file="a.parquet")
    assert len(read(tmp_path, ["y"], file="a.parquet")) == 1


def test_damaged_parquet(tmp_path):
    pq.write_table(pa.table({"x": np.random.default_rng(0).normal(size=9999)}), tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "cut.parquet").write_bytes(whole[:1000])
    (tmp_path / "hollow.parquet").write_bytes(whole[:10] + bytes(40_000) + whole[40_010:])
    for name in ("cut", "hollow"):
        with pytest.raises(InputError, match=f"The data {name}.parquet cannot be read|{name}"):
            read(tmp_path, file=f"{name}.parquet")


def test_the_footer_says_what_arrow_says(tmp_path):
    """Apart from Arrow's own reading, which a damaged footer makes end the process."""
    table = pa.table({"x": [[1, 2], [3], []] * 50, "text": [["a"], None, ["b", "c"]] * 50, "n": range(150)})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=40)
    metadata = pq.read_metadata(tmp_path / "a.parquet")
    groups = [metadata.row_group(number) for number in range(metadata.num_row_groups)]
    columns = [(group.column(place), group.num_rows) for group in groups for place in range(group.num_columns)]
    wanted = [(one.path_in_schema.split(".")[0], one.num_values, examples) for one, examples in columns]
    assert list(values_of_columns(tmp_path / "a.parquet")) == wanted


def test_every_flipped_byte_of_a_parquet_file_is_an_error_or_data(tmp_path):
    table = pa.table({"x": [[1, 2], [3], []], "text": ["a", None, "b"]})
    pq.write_table(table, tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for place in range(0, len(whole), 3):
        (tmp_path / "a.parquet").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read(tmp_path, file="a.parquet")
        except InputError:
            continue


def test_text_in_parquet_that_is_no_utf8(tmp_path):
    bad = pa.StringArray.from_buffers(2, pa.array([0, 1, 2], pa.int32()).buffers()[1], pa.py_buffer(b"a\xff"))
    pq.write_table(pa.table({"x": bad}), tmp_path / "a.parquet")
    with pytest.raises(InputError, match="UTF8"):
        read(tmp_path, file="a.parquet")


def test_columns_that_are_no_values(tmp_path):
    table = pa.table({"x": [1], "image": [{"bytes": b"PNG", "path": "a.png"}], "raw": [b"PNG"], "map": [{"a": 1}]})
    pq.write_table(table, tmp_path / "a.parquet")
    assert read(tmp_path, ["x"], file="a.parquet")
    for name, said in (("image", "encoded files.*\n.*`iterator`"), ("raw", "encoded files"), ("map", "struct")):
        with pytest.raises(InputError, match=said):
            read(tmp_path, [name], file="a.parquet")


def test_parquet_files_that_do_not_belong_together(tmp_path):
    (tmp_path / "a").mkdir()
    pq.write_table(pa.table({"x": [1]}), tmp_path / "a/1.parquet")
    pq.write_table(pa.table({"x": ["1"]}), tmp_path / "a/2.parquet")
    with pytest.raises(InputError, match=r"2\.parquet has other columns"):
        read(tmp_path, folder="a")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('a,b\n1,"never closed\n2,x\n', "a quote is never closed"),
        ("a,b\n1\n", "Expected 2 columns, got 1"),
        ("a,a\n1,2\n", "two columns 'a'"),
        ("a,b\n1,\udcff\n", "UTF8"),
        ("\n", "Empty CSV"),
    ],
)
def test_damaged_csv(text, said, tmp_path):
    (tmp_path / "a.csv").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said):
        read(tmp_path, file="a.csv")


def test_a_csv_row_without_end(tmp_path):
    (tmp_path / "a.csv").write_bytes(b'a,b\n1,"' + b"x\n" * limits.MAX_ROW_BYTES + b'"\n')
    with pytest.raises(InputError, match="a row is longer than"):
        read(tmp_path, file="a.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1}\n{"a": \n', "Line 2 .* cannot be read"),
        ('{"a": 1}\n[1]\n', "is no object"),
        ('{"a": 1, "a": 2}\n', "'a' stands in it twice"),
        ('{"a": 1}\n{"a": "x"}\n', "column 'a' cannot be used"),
        ('{"a": 1}\n' * 1024 + '{"a": "x"}\n', "some of its values are whole numbers, others text"),
        ('{"a": 1}\n{"a": 99999999999999999999}\n', "column 'a' cannot be used"),
        ('{"a": "\\ud800"}\n', "column 'a' cannot be used"),
        ('{"a": "\udcff"}\n', "Line 1 .* cannot be read"),
        ('{"a": {"b": 1}}\n', "struct"),
        ('{"a": ' + "[" * 9 + "1" + "]" * 9 + "}\n", "deeper than 8"),
        ('{"a": ' + "[" * 100_000 + "]" * 100_000 + "}\n", "Line 1 .* cannot be read"),
        ("\n\n", "have no columns"),
    ],
)
def test_damaged_jsonl(text, said, tmp_path):
    (tmp_path / "a.jsonl").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(InputError, match=said):
        read(tmp_path, file="a.jsonl")


def test_a_line_of_200_mb_is_not_held(tmp_path):
    with (tmp_path / "a.jsonl").open("wb") as file:
        file.write(b'{"a": "')
        file.truncate(200 * 10**6)  # a hole: it takes no room on the disk
    with pytest.raises(InputError, match="longer than 16,777,216 bytes"):
        read(tmp_path, file="a.jsonl")


def test_values_that_nobody_asks_for_may_be_anything(tmp_path):
    (tmp_path / "a.jsonl").write_text('{"a": 1, "b": {"c": 2}}\n{"a": 2, "b": 3}\n')
    (batch,) = read(tmp_path, ["a"], file="a.jsonl")
    assert batch["a"].tolist() == [1, 2]


def test_a_missing_column_and_those_that_are_there(tmp_path):
    np.savez(tmp_path / "a.npz", text=np.array(["a"]), label=np.zeros(1))
    with pytest.raises(InputError, match=r"no column 'lable'\nthere are text, label\ndid you mean 'label'\?"):
        read(tmp_path, ["lable"], file="a.npz")


def test_files_that_are_none(tmp_path):
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").touch()
    (tmp_path / "c.csv").mkdir()
    (tmp_path / "d.txt").write_text("x")
    for name, said in (
        ("a.csv", "a pipe or a device"),
        ("b.csv", "0 bytes"),
        ("c.csv", "it is a folder"),
        ("d.txt", "ending is .txt"),
        ("e.csv", "no such file"),
        ("a\0.csv", "cannot be used"),
    ):
        with pytest.raises(InputError, match=said):
            read(tmp_path, file=name)
    for name, said in (("b.csv", "not a folder"), ("none", "no such"), ("c.csv", "nothing in it that is known")):
        with pytest.raises(InputError, match=said):
            read(tmp_path, folder=name)


@pytest.fixture
def saved(tmp_path):
    """A dataset folder in the layout of the real one in `hf_folder`, whose parts can be changed."""
    table = pa.table({"text": ["a", "b"], "label": [0, 1]})
    with pa.OSFile(str(tmp_path / "data.arrow"), "wb") as file, pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table)
    (tmp_path / "dataset_info.json").write_text("{}")

    def state(**changes):
        content = {"_data_files": [{"filename": "data.arrow"}], **changes}
        (tmp_path / "state.json").write_text(json.dumps(content))
        return tmp_path

    return state


def test_a_dataset_folder_may_not_lead_out(saved, tmp_path_factory):
    folder = saved()
    assert read(folder.parent, folder=folder.name)[0]["text"].tolist() == ["a", "b"]
    outside = tmp_path_factory.mktemp("outside") / "data.arrow"
    outside.write_bytes((folder / "data.arrow").read_bytes())
    (folder / "link.arrow").symlink_to(outside)
    for name in (str(outside), f"../{outside.parent.name}/data.arrow", "link.arrow"):
        saved(_data_files=[{"filename": name}])
        with pytest.raises(InputError, match=r"leads out of the folder\n.*cp -rL"):
            read(folder.parent, folder=folder.name)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"_data_files": []}, "lists no data files"),
        ({"_data_files": [3]}, "lists no data files"),
        ({"_data_files": [{"filename": "other.arrow"}]}, "no such file"),
        ({"_indices_data_files": [{"filename": "i.arrow"}]}, "flatten_indices"),
    ],
)
def test_a_wrong_state(changes, said, saved):
    folder = saved(**changes)
    with pytest.raises(InputError, match=said):
        read(folder.parent, folder=folder.name)


def test_damaged_arrow_files(saved):
    folder = saved()
    whole = (folder / "data.arrow").read_bytes()
    for damaged in (whole[:-60], b"ARROW1" + whole, bytes(len(whole)), b"\xff" * 50):
        (folder / "data.arrow").write_bytes(damaged)
        with pytest.raises(InputError, match=r"cannot be read|have no"):
            read(folder.parent, folder=folder.name)
    for name in ("state.json", "dataset_info.json"):
        saved()
        (folder / "data.arrow").write_bytes(whole)
        (folder / name).write_text("[" * 100_000)
        with pytest.raises(InputError, match=f"{name} is no JSON"):
            read(folder.parent, folder=folder.name)
        (folder / name).write_text("{}")


def test_every_flipped_byte_of_an_arrow_file_is_an_error_or_data(saved):
    """Offsets that point outside of the memory are found before they are followed."""
    folder = saved()
    whole = (folder / "data.arrow").read_bytes()
    for place in range(0, len(whole), 3):
        (folder / "data.arrow").write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            read(folder.parent, folder=folder.name)
        except InputError:
            continue
