"""Columns that are asked for, and are there or not."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import InputError, did_you_mean


def require_columns(wanted: Sequence[str], there: Sequence[str], source: str) -> list[str]:
    """The columns once each. Raises InputError for one that is not there, with those that are."""
    for name in wanted:
        if name not in there:
            raise InputError(
                f"The data {source} have no column {name!r}",
                f"there are {shortened(there)}",
                did_you_mean(name, there, "name one of them"),
            )
    return list(dict.fromkeys(wanted))


def require_distinct(names: Sequence[str], source: str) -> None:
    """Raises InputError where there is no column, or two have one name: which is meant could not be told."""
    if not names:
        raise InputError(f"The data {source} have no columns")
    twice = (
        next((name for i, name in enumerate(names) if name in names[:i]), None)
        if len(set(names)) < len(names)
        else None
    )
    if twice is not None:
        raise InputError(f"The data {source} have two columns {twice!r}", "", "give each column a name of its own")


def shortened(names: Sequence[str]) -> str:
    """Names in a row; the first twenty of many."""
    more = f" and {len(names) - 20} more" if len(names) > 20 else ""
    return ", ".join(name[:100] for name in names[:20]) + more
