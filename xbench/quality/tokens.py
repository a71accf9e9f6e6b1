"""Token classification: one tag for each word, which the first token of the word gives."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, InvalidError
from ..onnxfile.walk import shown
from ..protocols import Outputs, Rows
from ..records.artifact import TensorSpec
from .encoding import TEXT_INPUTS, Encoded, Encoder
from .feeding import filled
from .kept import regrouped
from .reading import lists_of, read
from .rowtask import Ground
from .tasks import Batch, Chunk, DivergenceKind, Unscored, first_output, fixed_rows

OUTSIDE = "O"
"""The answer to a word that the model has not seen: it was cut off, or has no token of its own."""

_CUT = -1  # what is kept for such a word
_END = -2  # what is kept after the last word of an example
_REMEMBERED = 50_000  # answers whose tags are held, to be told to people
_TOLD = 80  # characters


@dataclass(frozen=True, slots=True)
class _Fed:
    """What was fed, and how many words each example has."""

    encoded: Encoded
    lengths: tuple[int, ...]


class TokenTask:
    """Lists of words with as many tags; see `tasks.Task`. Keeps the number of the tag of each word."""

    divergence_kind: DivergenceKind = ""
    sample_inputs: Mapping[str, str] = dict.fromkeys(TEXT_INPUTS, "int64")

    def __init__(self, ground: Ground, encoder: Encoder, words: str, target: str, classes: Sequence[str]) -> None:
        """Raises InputError for tags of another number than the words, and for unknown ones."""
        self._ground = ground
        self._encoder = encoder
        self._columns = (words, target)
        self._classes = tuple(classes)
        self.metrics = ground.metrics
        self.data = ground.data
        self.examples = ground.examples
        self.rows = len(ground.examples.ids)
        self._told: dict[int, str] = {}
        for rows, ids in read(ground.dataset, self._columns, ground.batch, self.examples.ids):
            self._check(_lists(rows, words, ids), rows, ids)

    def feeds(self, inputs: Sequence[TensorSpec]) -> Iterator[Batch]:
        """See `Task.feeds`."""
        fixed = fixed_rows(inputs)
        for rows, ids in read(
            self._ground.dataset, self._columns[:1], fixed or self._ground.batch, self.examples.ids
        ):
            words = _lists(rows, self._columns[0], ids)
            encoded = self._encoder.encode(words, inputs)
            yield Batch(filled(encoded.feeds, fixed), len(words), _Fed(encoded, tuple(map(len, words))))

    def unscored(self, inputs: Sequence[TensorSpec], samples: int, batch: int) -> Unscored | None:
        """None: all of the data are scored."""
        return None

    def reduce(self, batch: Batch, outputs: Outputs) -> Outputs:
        """The number of the tag of each word, int32, (rows, words), filled up after the last word."""
        scores = first_output(batch, outputs)
        assert isinstance(batch.context, _Fed)  # noqa: S101 - `feeds` puts it there
        words = batch.context.encoded.words
        wanted = (*words.shape, len(self._classes))
        if scores.shape != wanted:
            raise InvalidError(
                f"The task needs a score for each token and tag as the first output, shape {wanted}",
                f"the model gave shape {scores.shape}",
                "name in evaluate.classes as many tags as the model has, in its order",
            )
        best, lengths = scores.argmax(axis=2), batch.context.lengths
        tags = np.full((len(lengths), max(lengths, default=0)), _END, dtype=np.int32)
        for row, length in enumerate(lengths):
            tags[row, :length] = _CUT
            present, first = np.unique(words[row], return_index=True)
            seen = present >= 0
            tags[row, present[seen]] = best[row, first[seen]]
        return {"tags": tags}

    def chunks(self, kept: Iterable[Outputs]) -> Iterator[Chunk]:
        """See `Task.chunks`."""
        size, start = self._ground.batch, 0
        again = read(self._ground.dataset, self._columns[1:], size, self.examples.ids)
        for outputs, (rows, ids) in zip(regrouped(kept, size, self.rows), again, strict=True):
            answers = [self._named(row) for row in outputs["tags"]]
            targets = self._tags(rows, ids)
            codes = [_code(tags) for tags in answers]
            if len(self._told) < _REMEMBERED:
                self._told.update(zip(codes, map(_line, answers), strict=True))
            yield Chunk(
                start=start,
                answers={"tags": objects(answers)},
                targets={"tags": objects(targets)},
                codes=np.asarray(codes, dtype=np.int64),
                right=np.asarray([a == b for a, b in zip(answers, targets, strict=True)]),
            )
            start += len(answers)

    def label(self, code: int) -> str:
        """See `Task.label`: a code is a digest of all tags of an example; the tags of the first many are known."""
        return self._told.get(code, f"tags {code:016x}")

    def _named(self, numbers: NDArray[np.int32]) -> list[str]:
        return [OUTSIDE if number == _CUT else self._classes[number] for number in numbers.tolist() if number != _END]

    def _check(self, words: Sequence[list[Any]], rows: Rows, ids: Sequence[str]) -> None:
        for some, tags, example in zip(words, self._tags(rows, ids), ids, strict=True):
            if len(some) != len(tags):
                raise InputError(
                    f"The example {shown(example)} has {len(some)} words and {len(tags)} tags",
                    "",
                    "give each word one tag, or take the example out",
                )

    def _tags(self, rows: Rows, ids: Sequence[str]) -> list[list[str]]:
        """The right tags as names. Raises InputError for one that is not among the model's."""
        lists = _lists(rows, self._columns[1], ids)
        return [[self._tag(tag, example) for tag in tags] for tags, example in zip(lists, ids, strict=True)]

    def _tag(self, tag: Any, example: str) -> str:
        if isinstance(tag, str) and tag in self._classes:
            return tag
        if isinstance(tag, int) and not isinstance(tag, bool) and 0 <= tag < len(self._classes):
            return self._classes[tag]
        raise InputError(
            f"The example {shown(example)} has the tag {shown(str(tag))}",
            f"evaluate.classes are {', '.join(self._classes)}",
            "name all tags there, in the order of the model's outputs",
        )


def objects(lists: Sequence[list[str]]) -> NDArray[Any]:
    """Lists of unequal length as an object array of them, (lists,)."""
    found = np.empty(len(lists), dtype=object)
    for number, one in enumerate(lists):
        found[number] = one
    return found


def _lists(rows: Rows, column: str, ids: Sequence[str]) -> list[list[Any]]:
    found = lists_of(rows[column])
    for value, example in zip(found, ids, strict=True):
        if not isinstance(value, list) or any(one is None for one in value):
            raise InputError(
                f"The column {shown(column)} must hold lists",
                f"of the example {shown(example)} it is {shown(str(value))}",
                "give each example a list of words, and one of tags",
            )
    return found


def _line(tags: Sequence[str]) -> str:
    text = " ".join(tags)
    return text if len(text) <= _TOLD else text[: _TOLD - 3] + "..."


def _code(tags: Sequence[str]) -> int:
    digest = hashlib.blake2b("\0".join(tags).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1
