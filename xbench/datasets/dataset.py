"""What a data set is to all that read one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from ..protocols import Rows


class Dataset(Protocol):
    """Examples in a fixed order, read a batch at a time.

    `source` tells in words where they are from; `columns` what there is, in the source's order; `classes` the names
    of the classes of a column, where the source knows them (by the column's name).
    """

    source: str
    columns: tuple[str, ...]
    classes: dict[str, tuple[str, ...]]

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """A new pass over these columns, `size` examples at a time, fewer in the last batch.

        A column is a numeric, truth or text array, (examples, ...), the same kind in each batch; an object array
        where values are lists of unequal length, or where some are missing (None). Raises InputError for a column
        that is not there, with those that are, and for data that cannot be read.
        """
