"""Data that say the same in each pass, or an error: ids and labels are taken in one, and answers in another."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from ..errors import InputError
from ..protocols import Rows
from .asking import require_columns
from .dataset import Dataset
from .digesting import Digest


class SameFiles:
    """Data of files, which are looked at before and after each pass: their size, and when they were written."""

    def __init__(self, dataset: Dataset, files: Sequence[Path]) -> None:
        self._dataset = dataset
        self._files = tuple(files)
        self._seen = self._states()
        self.source = dataset.source
        self.columns = dataset.columns
        self.classes = dataset.classes

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """See `Dataset`. Raises InputError where a file is no longer the one that was opened."""
        self._require_same()
        yield from self._dataset.batches(columns, size)
        self._require_same()

    def _states(self) -> list[tuple[int, int, int]]:
        try:
            states = [path.stat() for path in self._files]
        except OSError as error:
            raise InputError(f"The data {self._dataset.source} are gone", str(error), "begin again") from error
        return [(state.st_ino, state.st_size, state.st_mtime_ns) for state in states]

    def _require_same(self) -> None:
        for path, now, then in zip(self._files, self._states(), self._seen, strict=True):
            if now != then:
                raise InputError(
                    f"The data {self.source} changed while they were read",
                    f"{path.name} was written anew",
                    "leave the data alone while xbench runs, and begin again",
                )


class SameExamples:
    """Data of a function: what each pass gives is held against the first that went to its end."""

    def __init__(self, dataset: Dataset) -> None:
        self._dataset = dataset
        self._digests: dict[str, str] = {}
        self.source = dataset.source
        self.columns = dataset.columns
        self.classes = dataset.classes

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """See `Dataset`. Raises InputError at the end of a pass that gave something else than the first."""
        digests = {name: Digest([name]) for name in require_columns(columns, self.columns, self.source)}
        for rows in self._dataset.batches(columns, size):
            for digest in digests.values():
                digest.add(rows)
            yield rows
        for name, digest in digests.items():
            if self._digests.setdefault(name, digest.hexdigest()) != digest.hexdigest():
                raise InputError(
                    f"The data {self.source} are not the same in each pass",
                    f"the column {name!r} was different the second time that the function was called",
                    "give the same examples in the same order: seed what is random, and do not shuffle",
                )
