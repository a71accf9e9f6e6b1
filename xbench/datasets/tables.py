"""Data that come as blocks of Arrow columns: all but NumPy's files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from ..errors import InputError
from ..protocols import Rows
from .arrow import reading, to_numpy
from .asking import require_columns
from .expanding import pieces
from .layouts import Layout, Observer, plain
from .room import require_not_too_many, require_room


class Blocks(Protocol):
    """Where the blocks come from. `layouts` holds what is known of columns; what is not there is looked at."""

    source: str
    columns: tuple[str, ...]
    classes: dict[str, tuple[str, ...]]
    layouts: dict[str, Layout]

    def blocks(self, columns: Sequence[str]) -> Iterator[Any]:
        """A new pass: Arrow record batches of these columns, of any number of examples, but not of many bytes."""


class TableDataset:
    """A `Dataset` of blocks."""

    def __init__(self, blocks: Blocks) -> None:
        self._blocks = blocks
        self.source = blocks.source
        self.columns = blocks.columns
        self.classes = blocks.classes
        self._layouts = dict(blocks.layouts)

    def batches(self, columns: Sequence[str], size: int) -> Iterator[Rows]:
        """See `Dataset`. The first pass over some columns may be preceded by another that looks at them."""
        wanted = require_columns(columns, self.columns, self.source)
        self._look_at([name for name in wanted if name not in self._layouts])
        layouts = {name: self._layouts[name] for name in wanted}
        with reading(self.source):
            for table in regrouped(self._alike(layouts), size, self.source):
                # One chunk a column: what is made of several blocks is copied together.
                whole = table.combine_chunks().to_batches()[0]
                yield {name: to_numpy(whole.column(name), layout) for name, layout in layouts.items()}

    def _look_at(self, names: list[str]) -> None:
        if not names:
            return
        observers = {name: Observer(name) for name in names}
        with reading(self.source):
            for block in counted(self._blocks.blocks(names), self.source):
                for name, observer in observers.items():
                    observer.see(block.column(name))
        self._layouts.update({name: observer.layout() for name, observer in observers.items()})

    def _alike(self, layouts: Mapping[str, Layout]) -> Iterator[Any]:
        """All blocks with the columns' own types."""
        import pyarrow as pa

        for block in counted(self._blocks.blocks(list(layouts)), self.source):
            for piece in pieces(block):
                arrays = [_cast(name, piece.column(name), layout) for name, layout in layouts.items()]
                yield pa.RecordBatch.from_arrays(arrays, names=list(layouts))


def _cast(name: str, array: Any, layout: Layout) -> Any:
    array = plain(name, array)
    if array.null_count and not layout.missing:
        raise InputError(f"The column {name!r} cannot be used", "it has a gap that was not there before")
    return array if array.type.equals(layout.type) else array.cast(layout.type)


def counted(blocks: Iterable[Any], source: str) -> Iterator[Any]:
    """The same blocks, checked: what a damaged file makes Arrow believe may lie outside of its memory."""
    total = 0
    for block in blocks:
        block.validate(full=True)
        total += block.num_rows
        require_not_too_many(total, source)
        yield block


def regrouped(blocks: Iterable[Any], size: int, source: str) -> Iterator[Any]:
    """Tables of `size` examples each, fewer in the last."""
    import pyarrow as pa

    held: list[Any] = []
    count = room = 0
    for block in blocks:
        start = 0
        while start < block.num_rows:
            piece = block.slice(start, size - count)
            held.append(piece)
            start, count, room = start + piece.num_rows, count + piece.num_rows, room + piece.nbytes
            require_room(room, size, source)
            if count == size:
                yield pa.Table.from_batches(held)
                held, count, room = [], 0, 0
    if held:
        yield pa.Table.from_batches(held)
