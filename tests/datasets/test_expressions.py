"""The language of slices, held against Python's own `eval` where both know what is meant; hostile text is refused."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xbench.datasets.expressions import parse
from xbench.errors import InputError


def objects(*values):
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


ROWS = {
    "n": np.array([-3, 0, 1, 2, 250]),
    "f": np.array([0.5, -1.5, 2.0, 0.0, 1e300]),
    "text": objects("", "Hund", "chien", "hund hund", "ß"),
    "flag": np.array([True, False, True, True, False]),
    "tags": objects(["a"], [], ["a", "b"], ["b"], ["c"]),
    "gap": objects(1, None, 3, None, 0),
    "gone": objects("x", None, "y", "x", None),
    "empty": objects(*[None] * 5),
    "box": np.arange(10).reshape(5, 2),
    "two words": np.arange(5),
}

SIMPLE = st.sampled_from(["n", "f", "0", "1", "2.5", "-3", "len(text)", "len(tags)"])
NUMBERS = st.recursive(
    SIMPLE, lambda x: st.tuples(x, st.sampled_from("+-*"), x).map(lambda t: f"({' '.join(t)})"), max_leaves=4
)
COMPARED = st.tuples(NUMBERS, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), NUMBERS).map(" ".join)
CHAINED = st.tuples(COMPARED, st.sampled_from(["<", ">="]), NUMBERS).map(" ".join)
OTHERS = st.sampled_from(
    ["flag", "not flag", "'u' in text", "text == 'Hund'", "text < 'i'", "text in ['ß', '']", "n not in [0, -3]",
     "text.startswith('h')", "text.endswith('d')", "'a' in tags", "flag == True"]
)  # fmt: skip
CONDITIONS = st.recursive(
    st.one_of(COMPARED, CHAINED, OTHERS),
    lambda x: st.one_of(
        st.tuples(x, st.sampled_from(["and", "or"]), x).map(lambda t: f"({' '.join(t)})"),
        x.map(lambda c: f"not ({c})"),
    ),
    max_leaves=5,
)


@settings(max_examples=150)
@given(CONDITIONS, st.sampled_from(["n > 0 or", "f < 1 and"]))
def test_as_python_would(condition, before):
    text = f"{before} {condition}"
    names = ("n", "f", "text", "flag", "tags")
    examples = [{name: ROWS[name].tolist()[i] for name in names} for i in range(5)]
    wanted = [bool(eval(text, {"__builtins__": {"len": len}}, one)) for one in examples]  # noqa: S307
    assert parse(text).holds(ROWS).tolist() == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("gap > 0", [1, 0, 1, 0, 0]),
        ("gap != 1", [0, 0, 1, 0, 1]),
        ("not gap > 0", [0, 1, 0, 1, 1]),
        ("gap + 1 > 1", [1, 0, 1, 0, 0]),
        ("gap not in [1]", [0, 0, 1, 0, 1]),
        ("missing(gap)", [0, 1, 0, 1, 0]),
        ("not missing(gone) and gone == 'x'", [1, 0, 0, 1, 0]),
        ("gone.startswith('x')", [1, 0, 0, 1, 0]),
        ("len(gone) == 1", [1, 0, 1, 1, 0]),
        ("'x' not in gone", [0, 0, 1, 0, 0]),
        ("missing(empty)", [1, 1, 1, 1, 1]),
        ("empty > 3 or empty == 'x' or empty or lower(empty) == 'a'", [0, 0, 0, 0, 0]),
        ("n / n == 1", [1, 0, 1, 1, 1]),
        ("n % 2 == 1", [1, 0, 1, 0, 0]),
        ("lower(text) == 'hund'", [0, 1, 0, 0, 0]),
        ("9 in box", [0, 0, 0, 0, 1]),
        ("column('two words') >= 3", [0, 0, 0, 1, 1]),
        ("n * n * n * n * n * n * n * n > 1e18", [0, 0, 0, 0, 1]),
    ],
)
def test_gaps_and_what_python_has_not(text, wanted):
    assert parse(text).holds(ROWS).astype(int).tolist() == wanted


def test_columns():
    assert parse("len(text) > 2 and n in [1] or column('two words') < n").columns == ("text", "n", "two words")


@pytest.mark.parametrize(
    "text",
    [
        "__import__('os').system('true')",
        "text.__class__ == 1",
        "().__class__.__bases__[0]",
        "text.format(1) == 'a'",
        "text.startswith(text)",
        "len(text, 1) > 1",
        "len(text)(1)",
        "open('x')",
        "[n for n in tags]",
        "lambda: n",
        "n ** 9 ** 9 > 1",
        "n << 99",
        "(n := 3) > 2",
        "f'{n}' == 'a'",
        "n if flag else f",
        "tags[0] == 'a'",
        "n is None",
        "n == None",
        "n == b'a'",
        "n == 1j",
        "n in [f]",
        "n in [[1]]",
        "...",
        "~n > 1",
        "1 > 0",
        "",
        "n >",
        "n; f",
        "n > 1\x00",
        "(" * 300 + "n" + ")" * 300,
        "-" * 900 + "n > 1",
        "not " * 100 + "flag",
        "n > 1 or " * 200 + "flag",
    ],
)
def test_all_else_is_refused(text):
    with pytest.raises(InputError, match="slice's expression"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("text < 3", "asks for text < a number"),
        ("flag < 1", "a truth value < a number"),
        ("tags == 'a'", "a list == text"),
        ("n", "'n' as a condition"),
        ("text and flag", "'text' as a condition"),
        ("len(n) > 1", "len of a number"),
        ("lower(n) == 'a'", "lower of a number"),
        ("n.startswith('a')", "startswith of a number"),
        ("text + 1 == 'a'", "text \\+ a number"),
        ("n in text", "a number in text"),
        ("text in n", "text in a number"),
        ("tekst == 'a'", "no column 'tekst'\nthere are .*\ndid you mean 'text'"),
    ],
)
def test_what_does_not_fit_the_data(text, said):
    with pytest.raises(InputError, match=said):
        parse(text).holds(ROWS)
