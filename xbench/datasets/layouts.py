"""How the values of an Arrow column look over all of its examples: of which kind, and of which shape.

A block of examples does not tell: its lists may be of one length by chance, and the next block may have a gap. So
columns of which a file does not say it are looked at once, over all examples, before they are handed out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ..errors import InputError
from .limits import MAX_DEPTH


@dataclass(frozen=True, slots=True)
class Layout:
    """Arrow type of all values; whether some are missing; the shape of one value, None where they are of several.

    The shape of a single number or text is (). Lists of text have none.
    """

    type: Any
    missing: bool
    shape: tuple[int, ...] | None

    @property
    def as_objects(self) -> bool:
        """Whether a column is an array of Python objects: text, lists of unequal length, gaps."""
        import pyarrow as pa

        return self.missing or self.shape is None or pa.types.is_string(leaf(self.type))


@dataclass(slots=True)
class Observer:
    """Sees all blocks of a column, and then knows its layout."""

    column: str
    type: Any = None
    missing: bool = False
    ragged: bool = False
    lengths: list[int] = field(default_factory=list)

    def see(self, array: Any) -> None:
        """Take in a block. Raises InputError for values that are not taken, or of another kind than those before."""
        type_ = _plain_type(self.column, array.type, 0)
        self.type = type_ if self.type is None else unified(self.column, self.type, type_)
        self.missing |= array.null_count > 0
        self._see_lengths(_stored(array))

    def layout(self) -> Layout:
        """What was seen of the column."""
        import pyarrow as pa

        type_ = pa.null() if self.type is None else self.type
        none = self.ragged or (depth(type_) > 0 and (self.missing or pa.types.is_string(leaf(type_))))
        # Lists that are all empty have an inner length that nobody saw.
        shape = tuple([*self.lengths, *[0] * depth(type_)][: depth(type_)])
        return Layout(type_, self.missing, None if none else shape)

    def _see_lengths(self, array: Any) -> None:
        import pyarrow.compute as pc

        level = 0
        while is_list(array.type):
            ends = pc.min_max(pc.list_value_length(array)).as_py()
            array = array.flatten()
            if ends["min"] is None:
                return
            if level == len(self.lengths):
                self.lengths.append(ends["min"])
            self.ragged |= array.null_count > 0 or not ends["min"] == ends["max"] == self.lengths[level]
            level += 1


def known(column: str, type_: Any) -> Layout | None:
    """The layout of a column of single values of which none is missing; None for lists, which must be looked at."""
    import pyarrow as pa

    found = plain(column, pa.array([], type=type_)).type
    return None if pa.types.is_list(found) else Layout(found, False, ())


def depth(type_: Any) -> int:
    """How many lists lie around a value."""
    import pyarrow as pa

    return 1 + depth(type_.value_type) if pa.types.is_list(type_) else 0


def leaf(type_: Any) -> Any:
    """The type inside all lists."""
    import pyarrow as pa

    return leaf(type_.value_type) if pa.types.is_list(type_) else type_


def plain(column: str, array: Any) -> Any:
    """The same values as one of: null, truth, integer, float, text, or lists of these.

    Dates and times become text as ISO 8601 has them, decimal numbers floats. Raises InputError for values that are
    no such thing: structures, maps and bytes, which encoded pictures are.
    """
    import pyarrow as pa

    wanted = _plain_type(column, array.type, 0)
    array = _stored(array)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    return array if array.type.equals(wanted) else array.cast(wanted)


def _stored(array: Any) -> Any:
    """What a column of an extension's type is stored as."""
    import pyarrow as pa

    if isinstance(array, pa.FixedShapeTensorArray):
        return _nested(array)
    return array.storage if isinstance(array, pa.ExtensionArray) else array


def _nested(tensor: Any) -> Any:
    """Lists inside lists, in place of an array for each value."""
    import pyarrow as pa

    order = tensor.type.permutation
    if order is not None and list(order) != sorted(order):
        raise InputError("A column of tensors cannot be read", "its axes are stored in another order")
    array = tensor.storage.flatten()
    for length in reversed(tensor.type.shape):
        array = pa.FixedSizeListArray.from_arrays(array, length)
    return array


def _plain_type(column: str, type_: Any, level: int) -> Any:
    import pyarrow as pa

    if level > MAX_DEPTH:
        raise InputError(f"The column {column!r} cannot be used", f"it has lists in lists, deeper than {MAX_DEPTH}")
    if isinstance(type_, pa.FixedShapeTensorType):
        inner = _plain_type(column, type_.value_type, level)
        for _ in type_.shape:
            inner = pa.list_(inner)
        return inner
    if isinstance(type_, pa.BaseExtensionType):
        return _plain_type(column, type_.storage_type, level)
    if is_list(type_):
        return pa.list_(_plain_type(column, type_.value_type, level + 1))
    if pa.types.is_dictionary(type_):
        return _plain_type(column, type_.value_type, level)
    if of_kind(type_, "null", "boolean", "integer", "string", "floating"):
        return type_
    if of_kind(type_, "large_string", "string_view", "date", "timestamp", "time"):
        return pa.string()
    if pa.types.is_decimal(type_):
        return pa.float64()
    raise _refused(column, type_)


def of_kind(type_: Any, *kinds: str) -> bool:
    """Whether an Arrow type is of one of these kinds, as `pyarrow.types.is_KIND` calls them."""
    import pyarrow as pa

    return any(getattr(pa.types, f"is_{kind}")(type_) for kind in kinds)


def is_list(type_: Any) -> bool:
    """Whether values are lists, however Arrow stores them."""
    return of_kind(type_, "list", "large_list", "fixed_size_list")


def _refused(column: str, type_: Any) -> InputError:
    import pyarrow as pa

    names = {type_.field(i).name for i in range(type_.num_fields)} if pa.types.is_struct(type_) else set()
    encoded = of_kind(type_, "binary", "large_binary") or {"bytes", "path"} <= names
    found = "it holds encoded files, such as pictures or sound" if encoded else f"it holds {str(type_)[:100]}"
    return InputError(
        f"The column {column!r} cannot be used",
        f"{found}; what is taken are numbers, truth values, text, and lists of these",
        "decode them in a function of yours, and name it as `iterator`"
        if encoded
        else "leave it out, or take it apart",
    )


def unified(column: str, first: Any, other: Any) -> Any:
    """The type that holds values of both. Raises InputError where there is none, such as for text and numbers."""
    import pyarrow as pa

    types = pa.types
    if first.equals(other) or types.is_null(other):
        return first
    if types.is_null(first):
        return other
    if types.is_list(first) and types.is_list(other):
        return pa.list_(unified(column, first.value_type, other.value_type))
    numbers = [one for one in (first, other) if types.is_integer(one) or types.is_floating(one)]
    if len(numbers) == 2:
        return pa.int64() if all(map(types.is_integer, numbers)) else pa.float64()
    raise InputError(
        f"The column {column!r} cannot be used",
        f"some of its values are {words(first)}, others {words(other)}",
        "write all of them in one way",
    )


def words(type_: Any) -> str:
    """A type in words, for people."""
    import pyarrow as pa

    types = pa.types
    if types.is_list(type_):
        return f"lists of {words(type_.value_type)}"
    named = ((types.is_string, "text"), (types.is_boolean, "truth values"), (types.is_integer, "whole numbers"))
    return next(
        (word for is_it, word in named if is_it(type_)), "numbers" if types.is_floating(type_) else str(type_)
    )
