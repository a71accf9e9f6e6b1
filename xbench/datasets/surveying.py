"""One pass over the data before any model sees them: their digest, and what is known of each example."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..quantities import examples_text
from ..records.evaluation import DataSpec, SliceSpec
from ..records.quality import DataFacts, ExampleFacts
from .dataset import Dataset
from .digesting import Digest
from .labelling import Labels
from .limits import MAX_ID_LENGTH
from .slicing import Slices

_BATCH = 256


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of the data, and of each example of them."""

    facts: DataFacts
    examples: ExampleFacts


def survey(
    dataset: Dataset,
    spec: DataSpec,
    columns: Sequence[str],
    slices: Sequence[SliceSpec],
    labels: str | None,
    classes: Sequence[str],
) -> Survey:
    """Read once over `columns`, and those of the id, the slices and the labels; the digest is of all of these.

    `labels` names the column with the class of each example, None where the task has none; `classes` are the names
    by number, those that the data know where none are given, else the numbers.

    Raises InputError for data that cannot be read, fewer than two examples, ids that are not unique, labels missing
    or of no class, slices that cannot be made, and a digest that is not the one of `spec`.
    """
    cut = Slices(slices, dataset.classes)
    named = None if labels is None else Labels(labels, classes or dataset.classes.get(labels, ()))
    ids = _Ids(spec.id)
    extra = [name for name in (spec.id, labels) if name is not None]
    wanted = list(dict.fromkeys([*columns, *extra, *cut.columns]))
    digest = Digest(wanted)
    for rows in dataset.batches(wanted, _BATCH):
        digest.add(rows)
        own = ids.see(rows, len(rows[wanted[0]]))
        cut.see(rows)
        if named is not None and labels is not None:
            named.see(rows[labels], own)
    if ids.count < 2:
        raise InputError(f"The data {dataset.source} are too few", examples_text(ids.count), "two are the least")
    _require_same(spec, digest.hexdigest(), dataset.source)
    facts = DataFacts(source=dataset.source, sha256=digest.hexdigest(), examples=ids.count, version=spec.version)
    numbers, names = (None, ()) if named is None else (named.numbers(), named.names())
    return Survey(facts, ExampleFacts(ids.all(), numbers, names, cut.masks()))


def _require_same(spec: DataSpec, digest: str, source: str) -> None:
    if spec.sha256 is not None and spec.sha256 != digest:
        raise InputError(
            f"The data {source} are not those that the suite means",
            f"its sha256 is {spec.sha256}, theirs is {digest}",
            "get the data back; or, where they were changed on purpose, take this digest (docs/datasets.md)",
        )


class _Ids:
    """Names of the examples: a column's values, else their numbers."""

    def __init__(self, column: str | None) -> None:
        self._column = column
        self._held: list[NDArray[np.str_]] = []
        self.count = 0

    def see(self, rows: Any, count: int) -> list[str]:
        """Take in a batch; its ids."""
        first = self.count
        self.count += count
        if self._column is None:
            own = [str(number) for number in range(first, self.count)]
        else:
            own = [self._text(value, first + place) for place, value in enumerate(rows[self._column].tolist())]
        self._held.append(np.array(own, dtype=np.str_))
        return own

    def all(self) -> NDArray[np.str_]:
        """All of them. Raises InputError where two are the same."""
        found = np.concatenate(self._held)
        if self._column is not None:
            ordered = np.sort(found)
            twice = ordered[1:][ordered[1:] == ordered[:-1]]
            if len(twice):
                raise InputError(
                    f"The column {self._column!r} does not tell the examples apart",
                    f"{len(twice):,} of {len(found):,} are there before, such as {str(twice[0])!r}",
                    "name a column without repeats as `id`, or leave `id` out",
                )
        return found

    def _text(self, value: Any, number: int) -> str:
        asked = f"The column {self._column!r} does not name the examples"
        if value is None or isinstance(value, list):
            found = "no name" if value is None else "a list"
            raise InputError(asked, f"example {number:,} has {found}", "each needs a text or a number")
        text = str(value)
        if len(text) > MAX_ID_LENGTH:
            raise InputError(
                asked, f"that of example {number:,} has {len(text):,} characters; {MAX_ID_LENGTH} are taken"
            )
        return text
