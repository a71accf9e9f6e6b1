"""Refuses what would take more memory than is given to it."""

from __future__ import annotations

from ..errors import InputError
from ..quantities import examples_text
from .limits import MAX_BATCH_BYTES, MAX_EXAMPLES


def require_not_too_many(examples: int, source: str) -> None:
    """Raises InputError for more examples than are taken."""
    if examples > MAX_EXAMPLES:
        raise InputError(
            f"The data {source} have more than {MAX_EXAMPLES:,} examples",
            "scores, ids and slices of each are held in memory",
            "take a sample of them",
        )


def require_room(found: int, size: int, source: str) -> None:
    """Raises InputError for a batch that takes too much memory."""
    if found > MAX_BATCH_BYTES:
        raise InputError(
            f"A batch of {examples_text(size)} of {source} takes more than {MAX_BATCH_BYTES / 2**30:.0f} GiB",
            f"{found:,} bytes",
            "take a smaller `batch`, or smaller examples",
        )
