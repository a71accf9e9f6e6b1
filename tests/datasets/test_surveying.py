"""What is known of the examples before a model sees them: digest, ids, labels, slices."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xbench.datasets.digesting import Digest
from xbench.datasets.surveying import survey
from xbench.errors import InputError
from xbench.records.evaluation import DataSpec, SliceSpec


class Columns:
    """A data set in memory."""

    source = "memory"

    def __init__(self, classes=None, **columns):
        self.held = {name: as_array(values) for name, values in columns.items()}
        self.columns = tuple(columns)
        self.classes = classes or {}

    def batches(self, columns, size):
        for start in range(0, len(self.held[self.columns[0]]), size):
            yield {name: self.held[name][start : start + size] for name in columns}


def as_array(values):
    if any(value is None or isinstance(value, str | list) for value in values):
        array = np.empty(len(values), dtype=object)
        array[:] = values
        return array
    return np.array(values)


def surveyed(data, columns=("x",), slices=(), labels=None, classes=(), **spec):
    return survey(data, DataSpec(file="a.csv", **spec), columns, slices, labels, classes)


VALUES = st.one_of(
    st.lists(st.one_of(st.none(), st.text(max_size=3)), min_size=2, max_size=12),
    st.lists(st.one_of(st.none(), st.floats(width=32)), min_size=2, max_size=12),
    st.lists(st.lists(st.integers(-5, 5), max_size=3), min_size=2, max_size=12),
    st.lists(st.lists(st.lists(st.booleans(), max_size=2), max_size=2), min_size=2, max_size=12),
)


def digest_of(values, size):
    digest = Digest(["x"])
    for start in range(0, len(values), size):
        digest.add({"x": as_array(values[start : start + size])})
    return digest.hexdigest()


@given(VALUES, st.integers(1, 12))
def test_the_digest_does_not_depend_on_the_batch(values, size):
    assert digest_of(values, size) == digest_of(values, len(values))


@given(VALUES, VALUES)
def test_other_values_have_another_digest(one, other):
    def told(values):
        return json.dumps(values).replace("-NaN", "NaN")

    empty = [json.dumps(v) for v in (one, other)]
    if told(one) != told(other) and not all(set(text) <= set("[], null") for text in empty):
        assert digest_of(one, 5) != digest_of(other, 5)


def test_where_a_value_ends_and_where_one_is_missing_are_digested():
    texts = (["ab", "c"], ["a", "bc"], ["abc", ""], ["abc", None], [None, "abc"])
    lists = ([[1, 2], [3]], [[1], [2, 3]], [[1, 2, 3], []], [[1, 2, 3], None], [[[1, 2]], [[3]]], [[[1], [2]], [[3]]])
    for values in (texts, lists):
        assert len({digest_of(one, 9) for one in values}) == len(values)


def test_how_wide_numbers_are_stored_is_not_digested():
    wide = surveyed(Columns(x=np.arange(5, dtype=np.int64))).facts.sha256
    assert surveyed(Columns(x=np.arange(5, dtype=np.uint8))).facts.sha256 == wide
    assert surveyed(Columns(x=np.arange(5, dtype=np.float32))).facts.sha256 != wide
    with pytest.raises(InputError, match="64 bits"):
        surveyed(Columns(x=np.full(3, 2**64 - 1, dtype=np.uint64)))


def test_only_columns_that_are_used_are_digested_and_no_name_of_a_version():
    one = surveyed(Columns(x=[1, 2], y=[1, 2]), version="a").facts
    other = surveyed(Columns(x=[1, 2], y=[3, 4]), version="b").facts
    assert one.sha256 == other.sha256
    assert (one.version, one.examples, one.source) == ("a", 2, "memory")
    assert surveyed(Columns(x=[1, 2], y=[1, 2]), id="y").facts.sha256 != one.sha256


def test_data_that_have_another_digest_are_refused_with_both():
    digest = surveyed(Columns(x=[1, 2])).facts.sha256
    surveyed(Columns(x=[1, 2]), sha256=digest)
    with pytest.raises(InputError, match=digest) as caught:
        surveyed(Columns(x=[1, 3]), sha256=digest)
    assert surveyed(Columns(x=[1, 3])).facts.sha256 in str(caught.value)


def test_ids_are_numbers_or_a_column():
    assert surveyed(Columns(x=[5, 6, 7])).examples.ids.tolist() == ["0", "1", "2"]
    assert surveyed(Columns(x=[5, 6], key=["a", "bcd"]), id="key").examples.ids.tolist() == ["a", "bcd"]
    for key, said in (
        (["a", "b", "a"], "1 of 3 are there before, such as 'a'"),
        (["a", None, "b"], "example 1 has no name"),
        (["a", "b" * 201, "c"], "201 characters"),
        ([["a"], ["b"], ["c"]], "a list"),
    ):
        with pytest.raises(InputError, match=said):
            surveyed(Columns(x=[1, 2, 3], key=key), id="key")


def test_too_few():
    with pytest.raises(InputError, match="1 example"):
        surveyed(Columns(x=[1]))


@pytest.mark.parametrize(
    ("column", "classes", "numbers", "names"),
    [
        ([0, 2, 1], ("a", "b", "c"), [0, 2, 1], ("a", "b", "c")),
        (["c", "a", "a"], ("a", "b", "c"), [2, 0, 0], ("a", "b", "c")),
        ([0.0, 2.0, 1.0], (), [0, 2, 1], ("0", "1", "2")),
        ([True, False, True], ("no", "yes"), [1, 0, 1], ("no", "yes")),
    ],
)
def test_labels(column, classes, numbers, names):
    found = surveyed(Columns(x=[1, 2, 3], y=column), labels="y", classes=classes).examples
    assert found.labels.tolist() == numbers
    assert found.classes == names


def test_classes_that_the_data_know():
    data = Columns(x=[1, 2], y=[0, 1], classes={"y": ("cat", "dog")})
    assert surveyed(data, labels="y").examples.classes == ("cat", "dog")
    assert surveyed(data, labels="y", classes=("a", "b")).examples.classes == ("a", "b")
    assert surveyed(data).examples.labels is None


@pytest.mark.parametrize(
    ("column", "classes", "said"),
    [
        ([0, 1, 3], ("a", "b", "c"), "label '3' of example '2' is of no class\nnumbers of classes go from 0 to 2"),
        ([0, -1, 2], ("a", "b", "c"), "label '-1' of example '1'"),
        (["a", "b", "x"], ("a", "b", "c"), "label 'x' of example '2' is of no class\nthe classes are a, b, c"),
        (["a", "b", "a"], (), "names of the classes are not known"),
        ([0.0, 0.5, 1.0], (), "label '0.5'"),
        ([0.0, float("inf"), 1.0], (), "label 'inf'"),
        (
            [0.0, float("nan"), float("nan")],
            (),
            "2 examples without a label in the column 'y'\nthe first of them is '1'",
        ),
        ([None, 1, None], (), "2 examples without a label in the column 'y'\nthe first of them is '0'"),
        ([[0, 1], [1, 0], [1, 1]], (), "multi-label"),
        ([[0], [1, 2], []], (), "multi-label"),
        ([0, 1, 10**9], (), "go from 0 to 99,999"),
        ([0, 1, 1], ("a", "a"), "Two classes have one name"),
    ],
)
def test_wrong_labels(column, classes, said):
    with pytest.raises(InputError, match=said):
        surveyed(Columns(x=[1, 2, 3], y=column), labels="y", classes=classes)


def test_slices_by_column_and_expression():
    data = Columns(
        x=[1, 2, 3, 4],
        language=["de", None, "fr", "de"],
        label=[1, 0, 1, 1],
        classes={"label": ("bad", "good")},
    )
    slices = [
        SliceSpec(column="language"),
        SliceSpec(column="label"),
        SliceSpec(name="high", where="x > 2"),
        SliceSpec(name="none", where="x > 9"),
    ]
    found = {name: mask.tolist() for name, mask in surveyed(data, slices=slices).examples.slices.items()}
    assert list(found) == [
        "language=de",
        "language=fr",
        "language=(missing)",
        "label=bad",
        "label=good",
        "high",
        "none",
    ]
    assert found["language=de"] == [True, False, False, True]
    assert found["language=(missing)"] == [False, True, False, False]
    assert found["label=bad"] == [False, True, False, False]
    assert found["high"] == [False, False, True, True]
    assert found["none"] == [False] * 4


def test_nan_is_one_missing_value():
    found = surveyed(Columns(x=[1.0, np.nan, np.nan]), slices=[SliceSpec(column="x")]).examples.slices
    assert {name: int(mask.sum()) for name, mask in found.items()} == {"x=1.0": 1, "x=(missing)": 2}


def test_slices_that_cannot_be_made():
    data = Columns(x=list(range(101)), long=["a" * 101] * 101, box=[[1]] * 101)
    for slices, said in (
        ([SliceSpec(column="x")], "more than 100 values"),
        ([SliceSpec(column="long")], "more than 100 characters"),
        ([SliceSpec(column="box")], "it holds lists"),
        ([SliceSpec(name="a", where="x > 1"), SliceSpec(name="a", where="x > 2")], "Two slices are called 'a'"),
    ):
        with pytest.raises(InputError, match=said):
            surveyed(data, slices=slices)
