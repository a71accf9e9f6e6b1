"""A record in a terminal, by rich. Everything from files goes in as plain text, never as markup."""

from __future__ import annotations

from dataclasses import replace

from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from ..records.run_record import RunRecord
from .details import detail_lines, detail_tables
from .figures import NOTHING
from .quality import quality_lines
from .release import release_tables, verdict_lines
from .rows import tables
from .table import Table
from .text import visible
from .words import closing_lines

_STYLES = {
    "pass": "green",
    "may": "green",
    "held": "red",
    "faster": "green",
    "same": "cyan",
    "fail": "red",
    "slower": "red",
    "invalid": "bold red",
    "inconclusive": "yellow",
    "untimed": "yellow",
    "unavailable": "dim",
}
_REMARKS = {"alarm": "red", "error": "yellow"}
# Text wraps in these columns, and takes at least so many characters; figures stay in one piece.
_WRAPPING = {
    "variant": 12,
    "sparsity": 8,
    "gates": 12,
    "decided by": 16,
    "state": 12,
    "example": 12,
    "slice or class": 12,
    "remark": 20,
    "reason": 30,
    "remedy": 30,
}
_ANY_WIDTH = 10_000


def render(record: RunRecord, console: Console, details: bool = False) -> None:
    """Print all tables, with `details` those that only an engineer asks for, then what may ship where."""
    for table in [*tables(record, details), *(detail_tables(record) if details else ())]:
        _print_with_remarks(table, console)
    for line in detail_lines(record) if details else ():
        console.print(Text(visible(line)))
    for line in quality_lines(record, details):
        console.print(Text(visible(line)))
    for table in release_tables(record):
        _print_with_remarks(table, console)
    for line in verdict_lines(record) if details else ():
        console.print(Text(visible(line)))
    for line in closing_lines(record):
        console.print(Text(visible(line), style="bold"))


def _print_with_remarks(table: Table, console: Console) -> None:
    _print_table(table, console)
    for line in table.remarks:
        console.print(Text(visible(line), style=_REMARKS.get(line.split(",", 1)[0], "dim")))
    console.print()


def _print_table(table: Table, console: Console) -> None:
    """Whole where there is room; else with the reasons below it; else a paragraph for each row.

    A table squeezed into a narrow terminal would cut digits off its figures.
    """
    figures, reasons = _apart(table)
    if _fits(whole := _rich(table), console):
        console.print(whole)
    elif reasons and _fits(narrow := _rich(figures), console):
        console.print(narrow)
        for name, reason in reasons:
            console.print(Text(f"{visible(name)}: {visible(reason)}"))
    else:
        _print_paragraphs(table, console)


def _fits(shown: RichTable, console: Console) -> bool:
    options = console.options.update(width=_ANY_WIDTH, max_width=_ANY_WIDTH)
    return Measurement.get(console, options, shown).minimum <= console.width


def _apart(table: Table) -> tuple[Table, list[tuple[str, str]]]:
    """The table without its last column, and what stands there by row; none where that is no reason."""
    if table.columns[-1] != "reason":
        return table, []
    rows = tuple(row[:-1] for row in table.rows)
    return replace(table, columns=table.columns[:-1], rows=rows), [(row[0], row[-1]) for row in table.rows if row[-1]]


def _rich(table: Table) -> RichTable:
    shown = RichTable(title=_title(table), title_justify="left", show_lines=True)
    for index, column in enumerate(table.columns):
        wraps = column in _WRAPPING
        widest = max(cell_len(visible(text)) for text in (column, *(row[index] for row in table.rows)))
        least = _WRAPPING[column] if wraps else widest
        shown.add_column(Text(visible(column)), no_wrap=not wraps, min_width=least, overflow="fold")
    for row in table.rows:
        shown.add_row(*(_cell(text) for text in row))
    return shown


def _print_paragraphs(table: Table, console: Console) -> None:
    """Rows as paragraphs that wrap between words: a terminal too narrow for a table must not cut figures."""
    console.print(_title(table))
    for row in table.rows:
        name, *cells = row
        console.print(Text(visible(name), style="bold"))
        for column, cell in zip(table.columns[1:], cells, strict=True):
            if cell and cell != NOTHING:
                console.print(Padding(Text(f"{visible(column)}: ").append(_cell(cell)), (0, 0, 0, 2), expand=False))


def _title(table: Table) -> Text:
    return Text(visible(table.title), style="italic")


def _cell(text: str) -> Text:
    return Text(visible(text), style=_STYLES.get(text.split(" ", 1)[0], ""))
