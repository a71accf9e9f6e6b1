"""Texts as token ids, by the tokenizer that a model came with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..onnxfile.opening import require_regular_file
from ..onnxfile.walk import shown
from ..protocols import Feeds, Rows
from ..records.artifact import TensorSpec
from ..sources.quiet import one_line

TEXT_INPUTS = {"input_ids": "ids", "attention_mask": "attention_mask", "token_type_ids": "type_ids"}
"""Inputs of text models, and what the tokenizer calls them."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """Encoded texts: the model's inputs, which tokens are no padding, and the word that each is of (or -1)."""

    feeds: Feeds
    mask: NDArray[np.int64]
    words: NDArray[np.int64]


class Encoder:
    """A `tokenizer.json`, with texts cut after so many tokens."""

    def __init__(self, folder: Path | None, max_length: int) -> None:
        """Raises InputError where there is no tokenizer, or the package for it is missing."""
        self._tokenizer = _tokenizer(folder)
        self._max_length = max_length

    def encode(self, texts: Sequence[Any], inputs: Sequence[TensorSpec]) -> Encoded:
        """Texts, pairs of texts, or lists of words (object arrays or lists), as inputs of a model.

        Padded to the longest of them, or to the length that the model fixes, which cuts them too. Raises InputError
        for an input that no tokenizer makes.
        """
        unknown = sorted({spec.name for spec in inputs} - set(TEXT_INPUTS))
        if unknown:
            asked = f"A tokenizer cannot feed the model's input {unknown[0]!r}"
            raise InputError(asked, f"it makes {', '.join(TEXT_INPUTS)}")
        fixed = fixed_length(inputs)
        self._tokenizer.enable_truncation(min(self._max_length, fixed or self._max_length))
        self._tokenizer.enable_padding(length=fixed)
        encoded = self._tokenizer.encode_batch(texts, is_pretokenized=isinstance(texts[0], list))
        feeds = {
            spec.name: np.asarray([getattr(text, TEXT_INPUTS[spec.name]) for text in encoded], dtype=spec.dtype)
            for spec in inputs
        }
        words = [[-1 if word is None else word for word in text.word_ids] for text in encoded]
        return Encoded(feeds, np.asarray([text.attention_mask for text in encoded]), np.asarray(words))


def fixed_length(inputs: Sequence[TensorSpec]) -> int | None:
    """How many tokens a model with these inputs takes; None where it takes any number."""
    sizes = [spec.shape[1] for spec in inputs if spec.shape is not None and len(spec.shape) > 1]
    return next((size for size in sizes if isinstance(size, int)), None)


def text_values(rows: Rows, column: str, ids: Sequence[str]) -> list[str]:
    """The texts of a column; `ids` are those of the rows. Raises InputError where a value is missing or no text."""
    values: list[str] = rows[column].tolist()
    for value, example in zip(values, ids, strict=True):
        if not isinstance(value, str):
            raise InputError(
                f"The column {shown(column)} must hold texts",
                f"of the example {shown(example)} it is {'missing' if value is None else shown(str(value))}",
                "name a column of texts, or take the example out",
            )
    return values


def _tokenizer(folder: Path | None) -> Any:
    if folder is None:
        raise InputError("Texts need a tokenizer", "the model is no Transformers folder", "set evaluate.tokenizer")
    file = folder / "tokenizer.json"
    if not file.is_file():
        raise InputError(f"Texts need a tokenizer, and {file} does not exist", "", "set evaluate.tokenizer")
    require_regular_file(file)
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InputError("Texts need the package tokenizers", "", "pip install 'xbench[optimum]'") from error
    try:
        return Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises nothing more precise
        raise InputError(f"The tokenizer {shown(str(file))} cannot be read", one_line(error)) from error
