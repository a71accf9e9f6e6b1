"""Blocks that are small because equal values are held once, taken apart before they are written out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .layouts import is_list, of_kind
from .room import require_room

_PIECE_BYTES = 64 * 2**20
_WITH_LENGTH = ("string", "large_string", "binary", "large_binary")


def pieces(block: Any) -> Iterator[Any]:
    """The block, or parts of it, so that each takes little room when its texts are written out one by one.

    Raises InputError where a single example takes too much.
    """
    import pyarrow as pa

    found = sum(_expanded(column) for column in block.columns)
    if found <= _PIECE_BYTES or block.num_rows == 1:
        require_room(found, 1, "the data")
        yield block
        return
    half = block.num_rows // 2
    for places in (range(half), range(half, block.num_rows)):
        # Not a slice: writing out a slice of lists writes out all that lies behind them.
        yield from pieces(block.take(pa.array(places)))


def _expanded(array: Any) -> int:
    """Bytes of the texts of a column that is, or holds lists of, numbers into a list of texts."""
    import pyarrow as pa
    import pyarrow.compute as pc

    while is_list(array.type):
        array = array.flatten()
    if not of_kind(array.type, "dictionary") or not of_kind(array.type.value_type, *_WITH_LENGTH):
        return 0
    return pc.sum(pc.binary_length(array.dictionary).cast(pa.int64()).take(array.indices)).as_py() or 0
