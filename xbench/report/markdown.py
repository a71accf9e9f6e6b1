"""A record as Markdown, by tabulate."""

from __future__ import annotations

from dataclasses import replace

from tabulate import tabulate

from ..records.run_record import RunRecord
from .details import detail_lines, detail_tables
from .rows import Table, tables
from .text import markdown
from .words import closing_lines


def table_markdown(table: Table) -> str:
    """One table with its title and remarks."""
    rows = [[markdown(cell) for cell in row] for row in table.rows]
    body = tabulate(rows, headers=table.columns, tablefmt="github", disable_numparse=True)
    return "\n\n".join([f"### {markdown(table.title)}", *(markdown(line) for line in table.remarks), body])


def render(record: RunRecord, details: bool = False) -> str:
    """All tables, with `details` those that only an engineer asks for, then the gate's verdict.

    The same record gives the same text.
    """
    parts = [f"## {markdown(record.id)}", *(table_markdown(table) for table in tables(record))]
    if details:
        parts.extend(table_markdown(_safe_columns(table)) for table in detail_tables(record))
        parts.extend(markdown(line) for line in detail_lines(record))
    parts.extend(markdown(line) for line in closing_lines(record))
    return "\n\n".join(parts) + "\n"


def _safe_columns(table: Table) -> Table:
    """Variants' names stand in the columns of these tables; those of the others are xbench's own words."""
    return replace(table, columns=tuple(markdown(column) for column in table.columns))
