"""A plain table for lists; the tables of results have their own wing."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from tabulate import tabulate

from ..report.text import visible


def visible_table(rows: Sequence[tuple[object, ...]], headers: tuple[str, ...]) -> str:
    """A plain table whose cells are safe for a terminal."""
    cells = [[visible(str(cell)) for cell in row] for row in rows]
    # In a terminal, long cells wrap: a third of it is enough for the longest ones.
    widest = max(24, shutil.get_terminal_size().columns // 3) if sys.stdout.isatty() else None
    return tabulate(cells, headers=headers, tablefmt="simple", disable_numparse=True, maxcolwidths=widest) + "\n"
