"""The tables of docs/history.md, out of results/history.json: no figure is typed by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import paging
from paging import ROOT, Row
from tabulate import tabulate

PAGE = ROOT / "docs/history.md"
JSON = ROOT / "results/history.json"
SECTIONS = {
    "unchanged": ("scatter", "runs"),
    "changed": ("scatter", "truth", "runs"),
    "many": ("changed", "jump"),
}
"""The lists of rows in the file, with what tells the rows of each apart."""

Rows = list[Row]


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    parts = (_unchanged(data["unchanged"]), _changed(data["changed"]), _many(data["many"]))
    return "\n" + "\n".join(part for part in parts if part)


def _part(title: str, told: str, cells: list[list[str]], headers: list[str]) -> str:
    table = tabulate(cells, headers, tablefmt="github", disable_numparse=True)
    return f"### {title}\n\n{told}\n\n{table}\n" if cells else ""


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f} %"


def _crossed(rows: Rows, lead: tuple[str, ...], cell: Callable[[Row], str]) -> tuple[list[list[str]], list[str]]:
    """A line for each of the rows with the same values under `lead`, a column for each number of runs."""
    columns = sorted({row["runs"] for row in rows})
    found = {(*(row[name] for name in lead), row["runs"]): cell(row) for row in rows}
    lines = list(dict.fromkeys(tuple(row[name] for name in lead) for row in rows))
    cells = [[*map(str, line), *(found.get((*line, column), "-") for column in columns)] for line in lines]
    return cells, [*lead, *(f"{column} runs" for column in columns)]


def _unchanged(rows: Rows) -> str:
    told = "How often a series without a change is called changed: 5 % is promised, where runs do not hang together."
    return _part("False alarms", told, *_crossed(rows, ("scatter",), lambda row: _percent(row["false"])))


def _changed(rows: Rows) -> str:
    told = "How often a change is found. The scatter of a run is 1 %, and there is a run a week."
    found = _part("What is found", told, *_crossed(rows, ("truth", "scatter"), lambda row: _percent(row["found"])))
    told = (
        "Of those found, with normal scatter: how often it is called what it is (a step, two of them, a creep); and "
        "then how often the first step is placed within one run, and the 95 % interval of the end against the "
        "beginning holds the truth."
    )
    cells = [
        [
            row["truth"],
            str(row["runs"]),
            _percent(row["called_right"]),
            _percent(row["placed"]),
            _percent(row["covered"]),
        ]
        for row in rows
        if row["scatter"] == "normal" and row["found"] >= 0.5
    ]
    headers = ["truth", "runs", "called what it is", "placed", "interval holds"]
    return f"{found}\n{_part('What it is called', told, cells, headers)}" if rows else ""


def _many(rows: Rows) -> str:
    told = "100 series of 20 runs, adjusted together (Benjamini and Hochberg)."
    cells = [
        [
            f"{row['changed']} of 100" + (f", by {100 * row['jump']:g} %" if row["changed"] else ""),
            _percent(row["any_false"]),
            _percent(row["false_share"]),
            _percent(row["found"]),
        ]
        for row in rows
    ]
    return _part(
        "Many series", told, cells, ["changed", "any false alarm", "false ones of all", "changed ones found"]
    )
