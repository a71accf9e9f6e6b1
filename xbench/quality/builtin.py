"""The data that come with xbench, as data sets in memory: digits, and pairs out of docstrings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np

from ..datasets.asking import require_columns
from ..datasets.digits import digits
from ..protocols import Rows
from .docstrings import TextPairs
from .kept import count_rows


class MemoryDataset:
    """Rows in memory as a data set; see `datasets.dataset.Dataset`."""

    def __init__(self, source: str, rows: Rows) -> None:
        self.source = source
        self.columns = tuple(rows)
        self.classes: dict[str, tuple[str, ...]] = {}
        self.rows = rows

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """A pass over some columns; see `Dataset.batches`."""
        wanted = require_columns(columns, self.columns, self.source)
        for start in range(0, count_rows(self.rows), size):
            yield {name: self.rows[name][start : start + size] for name in wanted}


def digits_dataset() -> tuple[MemoryDataset, Rows]:
    """The 540 digits that are scored, columns `image` and `label`, and the training images, which are not."""
    training, _, images, labels = digits()
    return MemoryDataset("scikit-learn's digits", {"image": images, "label": labels}), {"image": training}


def digits_sha256(rows: Rows) -> str:
    """Digest of the images and labels that are scored."""
    digest = hashlib.sha256(np.ascontiguousarray(rows["image"]).tobytes())
    digest.update(np.ascontiguousarray(rows["label"]).tobytes())
    return digest.hexdigest()


def docstrings_dataset(pairs: TextPairs) -> tuple[MemoryDataset, Rows]:
    """Columns `query`, `document`, and three to make slices of; and texts that are not scored, column `text`."""
    rows = {
        "query": np.asarray(pairs.queries, dtype=object),
        "document": np.asarray(pairs.documents, dtype=object),
        "module": np.asarray(pairs.modules, dtype=object),
        "query_characters": np.asarray([len(text) for text in pairs.queries]),
        "document_characters": np.asarray([len(text) for text in pairs.documents]),
    }
    return MemoryDataset("docstrings of the standard library", rows), {
        "text": np.asarray(pairs.unscored, dtype=object)
    }
