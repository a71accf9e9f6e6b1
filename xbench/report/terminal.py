"""A record in a terminal, by rich. Everything from files goes in as plain text, never as markup."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from ..records.run_record import RunRecord
from .rows import Table, tables
from .text import visible
from .words import closing_lines

_STYLES = {
    "pass": "green",
    "faster": "green",
    "fail": "red",
    "slower": "red",
    "invalid": "bold red",
    "inconclusive": "yellow",
    "unavailable": "dim",
}
# Text wraps in these columns only; figures stay in one piece.
_WRAPPING = frozenset({"variant", "sparsity", "reason", "remedy"})


def render(record: RunRecord, console: Console) -> None:
    """Print all tables, then the gate's verdict."""
    for table in tables(record):
        console.print(_rich(table))
        for line in table.remarks:
            console.print(Text(visible(line), style="dim"))
        console.print()
    for line in closing_lines(record):
        console.print(Text(visible(line), style="bold"))


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=Text(visible(table.title)), title_justify="left", show_lines=True)
    for column in table.columns:
        shown.add_column(Text(column), no_wrap=column not in _WRAPPING, overflow="fold")
    for row in table.rows:
        shown.add_row(*(_cell(text) for text in row))
    return shown


def _cell(text: str) -> Text:
    return Text(visible(text), style=_STYLES.get(text.split(" ", 1)[0], ""))
