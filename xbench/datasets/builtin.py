"""The data sets that scikit-learn brings. They are small, and held in memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..protocols import Rows
from ..sources.quiet import one_line
from .arrays import batches_of
from .asking import require_columns

_NO_CLASSES = ("diabetes", "linnerud")
"""Those whose target is a number, or three."""


class BuiltinDataset:
    """Columns: `data`, (n, features) float64; `target`; of `digits` also `image`, (n, 1, 8, 8) float32, 0 to 1."""

    def __init__(self, name: str) -> None:
        self.source = f"scikit-learn's {name}"
        bunch = _loaded(name)
        self._columns: dict[str, NDArray[Any]] = {"data": bunch.data, "target": bunch.target}
        self.classes: dict[str, tuple[str, ...]] = {}
        if name not in _NO_CLASSES:
            self.classes["target"] = tuple(str(one) for one in bunch.target_names)
        if name == "digits":
            self._columns["image"] = (bunch.images / 16.0).astype(np.float32)[:, None]
        self.columns = tuple(self._columns)

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """See `Dataset`."""
        wanted = require_columns(columns, self.columns, self.source)
        yield from batches_of({name: self._columns[name] for name in wanted}, size, self.source)


def _loaded(name: str) -> Any:
    try:
        from sklearn import datasets
    except ImportError as error:
        raise InputError(
            "The data sets of scikit-learn need the package scikit-learn",
            one_line(error),
            "pip install 'xbench[quality]'",
        ) from error
    return getattr(datasets, f"load_{name}")()
