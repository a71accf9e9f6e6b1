"""Columns while an expression is computed: of one kind each, and with their gaps beside them."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError

Kind = Literal["number", "text", "truth", "list", "nothing"]
"""`nothing` has no value at all: whatever is asked of it is false."""

_COMPARING: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.mod,
}
_WORDS = {"number": "a number", "text": "text", "truth": "a truth value", "list": "a list", "nothing": "nothing"}


@dataclass(frozen=True, slots=True)
class Value:
    """Values of some examples; `there` says which of them there are. Both have shape (examples,)."""

    kind: Kind
    data: NDArray[Any]
    there: NDArray[np.bool_]


def of_constant(value: bool | int | float | str, count: int) -> Value:
    """The same value for each of `count` examples."""
    data = np.full(count, value, dtype=object if isinstance(value, str) else None)
    return Value(_kind_of(value), data, np.ones(count, dtype=np.bool_))


def of_column(array: NDArray[Any]) -> Value:
    """A column of `Rows`."""
    if array.ndim > 1:
        lists = np.empty(len(array), dtype=object)
        lists[:] = [row.tolist() for row in array]
        return Value("list", lists, np.ones(len(array), dtype=np.bool_))
    if array.dtype != object:
        kind: Kind = "truth" if array.dtype.kind == "b" else "number"
        return Value(kind, array, ~np.isnan(array) if array.dtype.kind == "f" else np.ones(len(array), np.bool_))
    there = np.array([value is not None and value == value for value in array], dtype=np.bool_)
    if not there.any():
        return Value("nothing", np.zeros(len(array)), there)
    kind = _kind_of(array[there][0])
    fill: Any = {"text": "", "list": []}.get(kind, 0)
    full = np.empty(len(array), dtype=object)
    full[:] = [value if present else fill for value, present in zip(array, there, strict=True)]
    narrow = {"number": np.float64, "truth": np.bool_}.get(kind)
    if kind == "number" and all(isinstance(value, int) for value in full):
        narrow = np.int64
    return Value(kind, full if narrow is None else full.astype(narrow), there)


def compared(sign: str, left: Value, right: Value) -> NDArray[np.bool_]:
    """`left SIGN right`, false where one of them is missing. Raises InputError for values of two kinds."""
    if "nothing" in (left.kind, right.kind):
        return np.zeros(len(left.data), dtype=np.bool_)
    if left.kind != right.kind or left.kind == "list" or (left.kind == "truth" and sign not in ("==", "!=")):
        raise unfit(
            f"{_WORDS[left.kind]} {sign} {_WORDS[right.kind]}", "compare numbers with numbers, text with text"
        )
    found = _COMPARING[sign](left.data, right.data)
    return np.asarray(found, dtype=np.bool_) & left.there & right.there


def calculated(sign: str, left: Value, right: Value) -> Value:
    """`left SIGN right` in 64-bit floats; what is divided by 0 is missing. Raises InputError but for numbers."""
    for one in (left, right):
        if one.kind not in ("number", "nothing"):
            raise unfit(f"{_WORDS[left.kind]} {sign} {_WORDS[right.kind]}", "calculate with numbers")
    with np.errstate(all="ignore"):
        data = _ARITHMETIC[sign](left.data.astype(np.float64), right.data.astype(np.float64))
    there = left.there & right.there & np.isfinite(data)
    return Value("number" if there.any() else "nothing", data, there)


def contained(left: Value, right: Value) -> NDArray[np.bool_]:
    """Whether a text lies in a text, or a value in a list; false where one is missing. Raises InputError."""
    if "nothing" in (left.kind, right.kind):
        return np.zeros(len(left.data), dtype=np.bool_)
    if right.kind != "list" and (left.kind, right.kind) != ("text", "text"):
        raise unfit(f"{_WORDS[left.kind]} in {_WORDS[right.kind]}", "write `COLUMN in ['a', 'b']` or `'a' in COLUMN`")
    found = np.array([one in many for one, many in zip(left.data, right.data, strict=True)], dtype=np.bool_)
    return found & left.there & right.there


def lengths(value: Value) -> Value:
    """Characters of texts, items of lists. Raises InputError for others."""
    if value.kind not in ("text", "list", "nothing"):
        raise unfit(f"len of {_WORDS[value.kind]}", "len counts the characters of a text, or the items of a list")
    if value.kind == "nothing":
        return value
    return Value("number", np.array([len(one) for one in value.data], dtype=np.int64), value.there)


def lowered(value: Value) -> Value:
    """Texts in lower case. Raises InputError for others."""
    return _each_text(value, "lower", lambda text: text.lower())


def begun(value: Value, method: str, part: str) -> Value:
    """Whether texts start (`startswith`) or end (`endswith`) with a text. Raises InputError for others."""
    found = _each_text(
        value, method, lambda text: text.startswith(part) if method == "startswith" else text.endswith(part)
    )
    return Value("truth", found.data.astype(np.bool_) & found.there, np.ones(len(found.there), dtype=np.bool_))


def unfit(what: str, remedy: str) -> InputError:
    """The error for values of the wrong kind."""
    return InputError("A slice's expression does not fit the data", f"it asks for {what}", remedy)


def _each_text(value: Value, name: str, function: Callable[[str], Any]) -> Value:
    if value.kind not in ("text", "nothing"):
        raise unfit(f"{name} of {_WORDS[value.kind]}", f"{name} takes text")
    if value.kind == "nothing":
        return value
    data = np.empty(len(value.data), dtype=object)
    data[:] = [function(text) for text in value.data]
    return Value("text", data, value.there)


def _kind_of(value: Any) -> Kind:
    if isinstance(value, bool | np.bool_):
        return "truth"
    if isinstance(value, str):
        return "text"
    return "list" if isinstance(value, list | np.ndarray) else "number"
