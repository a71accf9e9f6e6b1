"""A record as Markdown, by tabulate."""

from __future__ import annotations

from tabulate import tabulate

from ..records.run_record import RunRecord
from .rows import Table, tables
from .text import markdown
from .words import closing_lines


def table_markdown(table: Table) -> str:
    """One table with its title and remarks."""
    rows = [[markdown(cell) for cell in row] for row in table.rows]
    body = tabulate(rows, headers=table.columns, tablefmt="github", disable_numparse=True)
    return "\n\n".join([f"### {markdown(table.title)}", *(markdown(line) for line in table.remarks), body])


def render(record: RunRecord) -> str:
    """All tables, then the gate's verdict. The same record gives the same text."""
    parts = [f"## {markdown(record.id)}", *(table_markdown(table) for table in tables(record))]
    parts.extend(markdown(line) for line in closing_lines(record))
    return "\n\n".join(parts) + "\n"
