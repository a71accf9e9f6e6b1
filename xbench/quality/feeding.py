"""Turns columns of the data into the inputs of a model: arrays by name, or texts through a tokenizer."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..onnxfile.dtypes import numpy_dtype
from ..onnxfile.signature import shape_text
from ..onnxfile.walk import shown
from ..protocols import Feeds, Rows
from ..records.artifact import TensorSpec
from .encoding import TEXT_INPUTS, Encoder, text_values
from .reading import lists_of


@dataclass(frozen=True, slots=True)
class Fed:
    """Inputs of some rows; `mask` tells the tokens that are no padding, (rows, tokens), None for arrays."""

    feeds: Feeds
    mask: NDArray[np.int64] | None = None


class Feeder(Protocol):
    """Makes the inputs of a model out of columns of the data.

    `columns` are those it reads; `sample_inputs` what it feeds where the model is not known yet.
    """

    columns: tuple[str, ...]
    sample_inputs: Mapping[str, str]

    def feed(self, rows: Rows, inputs: Sequence[TensorSpec], ids: Sequence[str]) -> Fed:
        """The inputs of these rows, which have these ids. Raises InputError where they do not fit the model."""


class ArrayFeeder:
    """Feeds columns as they are, cast to the dtypes of the inputs."""

    def __init__(self, columns: Mapping[str, str], sample: Rows, named: bool = False) -> None:
        """`columns` by the names of the inputs; `sample`: some rows, to tell the dtypes by.

        `named`: whether the suite gives these names of inputs, so that the model must have each.
        """
        self._by_input = dict(columns)
        self._named = named
        self.columns = tuple(dict.fromkeys(columns.values()))
        self.sample_inputs: Mapping[str, str] = {name: sample[column].dtype.name for name, column in columns.items()}

    def feed(self, rows: Rows, inputs: Sequence[TensorSpec], ids: Sequence[str]) -> Fed:
        """See `Feeder`. A model with one input is fed with the only column that there is, unless that is named."""
        if self._named:
            self._require_inputs([spec.name for spec in inputs])
        return Fed({spec.name: fitted(self._column_of(spec, inputs), rows, spec, ids) for spec in inputs})

    def _require_inputs(self, there: Sequence[str]) -> None:
        for name in self._by_input:
            if name not in there:
                near = difflib.get_close_matches(name, there, n=1)
                raise InputError(
                    f"The suite names an input {shown(name)} in evaluate.inputs, which the model does not have",
                    f"it has {', '.join(map(shown, there))}",
                    f"did you mean {shown(near[0])}?" if near else "name one of them, or leave it out",
                )

    def _column_of(self, spec: TensorSpec, inputs: Sequence[TensorSpec]) -> str:
        if not self._named and len(inputs) == len(self._by_input) == 1:
            return self.columns[0]
        if spec.name not in self._by_input:
            raise InputError(
                f"The evaluation has no column for the model's input {shown(spec.name)}",
                f"it has one for {', '.join(self._by_input)}",
                "name it in the suite: evaluate: {inputs: {NAME: COLUMN}}",
            )
        return self._by_input[spec.name]


def fitted(column: str, rows: Rows, spec: TensorSpec, ids: Sequence[str]) -> NDArray[Any]:
    """A column as an input of the model: in its dtype, and checked against its shape; `ids` are those of the rows.

    A column of single values fits an input of shape (batch, 1) too. Raises InputError for any other difference,
    with the column, and both shapes or dtypes, and for a value that is missing or not finite, with the example.
    """
    array = rows[column]
    asked = f"The column {shown(column)} cannot be fed as the input {shown(spec.name)}"
    if array.dtype == object and spec.dtype != "string":
        remedy = "fill and cut the values before, or name another column in evaluate.inputs"
        raise InputError(asked, _no_array(lists_of(array), ids), remedy)
    wanted = spec.shape
    if wanted is not None and len(wanted) == array.ndim + 1 and wanted[-1] == 1:
        array = array[..., None]
    if wanted is not None and not _fits(array.shape, wanted):
        found = f"its values have shape {shape_text(('batch', *array.shape[1:]))}, and the model wants "
        raise InputError(asked, found + shape_text(wanted), "reshape the data, or name another column")
    return _cast(array, spec.dtype, asked, ids)


def _no_array(values: Sequence[Any], ids: Sequence[str]) -> str:
    """Why these make no array of numbers, with the first example that tells."""
    for value, example in zip(values, ids, strict=True):
        if _lacks(value):
            return f"the example {shown(example)} has a missing value"
        if isinstance(value, str):
            return f"it is text: {shown(value)} in the example {shown(example)}"
    lengths = [_lengths(value) for value in values]
    for length, example in zip(lengths, ids, strict=True):
        if length != lengths[0] or length is None:
            return f"its lists are of different lengths: the first that differs is the example {shown(example)}"
    return "it holds no numbers"


def _lacks(value: Any) -> bool:
    return value is None or (isinstance(value, list | tuple) and any(map(_lacks, value)))


def _lengths(value: Any) -> tuple[int, ...] | None:
    """The shape of nested lists; None where lists in them are of different lengths."""
    if not isinstance(value, list | tuple):
        return ()
    inner = {_lengths(item) for item in value}
    if len(inner) > 1 or None in inner:
        return None
    return (len(value), *(size for one in inner if one is not None for size in one))


def _fits(shape: tuple[int, ...], wanted: Sequence[int | str | None]) -> bool:
    """Whether the axes after the batch are those that the model wants."""
    if len(shape) != len(wanted):
        return False
    return all(not isinstance(dim, int) or dim == size for dim, size in zip(wanted[1:], shape[1:], strict=True))


def _cast(array: NDArray[Any], dtype: str, asked: str, ids: Sequence[str]) -> NDArray[Any]:
    if dtype == "string":
        if not all(isinstance(value, str) for value in array.reshape(-1).tolist()):
            raise InputError(asked, "some of its values are missing or no text, and the model wants text")
        return array.astype(np.str_)
    if array.dtype.kind not in "biuf":
        found = f"its values are {array.dtype}, and the model wants {dtype}"
        raise InputError(asked, found, "name a column of numbers in evaluate.inputs")
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # Told below, with the example.
            cast = array.astype(numpy_dtype(dtype))
    except TypeError as error:
        raise InputError(asked, f"the model wants {dtype}, which no column holds") from error
    if array.dtype.kind == "f":
        _require_finite(array, cast, asked, ids)
    if array.dtype.kind == "f" and cast.dtype.kind in "biu" and not np.array_equal(cast.astype(array.dtype), array):
        found = f"its values are fractions ({array.dtype}), and the model wants {dtype}"
        raise InputError(asked, found, "name a column of whole numbers in evaluate.inputs")
    return cast


def _require_finite(array: NDArray[Any], cast: NDArray[Any], asked: str, ids: Sequence[str]) -> None:
    """Raises InputError for NaN, infinity, and what the cast makes infinite: the model would be blamed for it."""
    finite = np.isfinite(array) & np.isfinite(cast)
    if finite.all():
        return
    where = tuple(np.argwhere(~finite)[0])
    value = array[where]
    found = "NaN" if np.isnan(value) else "infinity" if np.isinf(value) else f"{value:g}, too large for {cast.dtype}"
    raise InputError(
        asked, f"it holds {found} in the example {shown(ids[where[0]])}", "mend the value, or take the example out"
    )


class TextFeeder:
    """Feeds one column of texts, or pairs out of two, as token ids, mask and segment ids."""

    sample_inputs: Mapping[str, str] = dict.fromkeys(TEXT_INPUTS, "int64")

    def __init__(self, columns: Sequence[str], encoder: Encoder) -> None:
        self.columns = tuple(columns)
        self._encoder = encoder

    def feed(self, rows: Rows, inputs: Sequence[TensorSpec], ids: Sequence[str]) -> Fed:
        """See `Feeder`. Padded to the longest text of the rows, or to the length that the model fixes."""
        texts = [text_values(rows, column, ids) for column in self.columns]
        encoded = self._encoder.encode(texts[0] if len(texts) == 1 else list(zip(*texts, strict=True)), inputs)
        return Fed(encoded.feeds, encoded.mask)


def filled(feeds: Feeds, rows: int | None) -> Feeds:
    """The same inputs with the last row repeated, so that there are `rows`, which the model fixes."""
    if rows is None:
        return feeds
    return {
        name: np.concatenate([array, np.repeat(array[-1:], rows - len(array), axis=0)])
        if len(array) < rows
        else array
        for name, array in feeds.items()
    }
