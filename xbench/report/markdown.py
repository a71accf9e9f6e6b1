"""A record as Markdown, by tabulate."""

from __future__ import annotations

import re

from tabulate import tabulate

from ..records.run_record import RunRecord
from .details import detail_lines, detail_tables
from .quality import quality_lines
from .release import release_tables, verdict_lines
from .rows import tables
from .table import Table
from .text import markdown
from .words import closing_lines


def table_markdown(table: Table) -> str:
    """One table with its title and remarks."""
    rows = [[markdown(cell) for cell in row] for row in table.rows]
    columns = [_heading(column) for column in table.columns]
    body = tabulate(rows, headers=columns, tablefmt="github", disable_numparse=True)
    return "\n\n".join([f"### {markdown(table.title)}", *(markdown(line) for line in table.remarks), body])


def _heading(text: str) -> str:
    """A column's title may be the name of a metric or a variant; underscores within a word are never markup."""
    return re.sub(r"(?<=\w)\\_(?=\w)", "_", markdown(text))


def render(record: RunRecord, details: bool = False) -> str:
    """All tables, with `details` those that only an engineer asks for, then what may ship where.

    The same record gives the same text.
    """
    parts = [f"## {markdown(record.id)}", *(table_markdown(table) for table in tables(record, details))]
    if details:
        parts.extend(table_markdown(table) for table in detail_tables(record))
        parts.extend(markdown(line) for line in detail_lines(record))
    parts.extend(markdown(line) for line in quality_lines(record, details))
    parts.extend(table_markdown(table) for table in release_tables(record))
    parts.extend(markdown(line) for line in (verdict_lines(record) if details else ()))
    parts.extend(markdown(line) for line in closing_lines(record))
    return "\n\n".join(parts) + "\n"
