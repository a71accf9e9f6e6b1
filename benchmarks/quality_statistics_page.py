"""The tables of docs/quality-statistics.md, out of results/quality_statistics.json: no figure is typed by hand."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import paging
from paging import ROOT, Row
from tabulate import tabulate

PAGE = ROOT / "docs/quality-statistics.md"
JSON = ROOT / "results/quality_statistics.json"
SECTIONS = {
    "accuracy": ("examples", "changed"),
    "shares": ("examples", "share"),
    "means": ("metric", "examples", "changed"),
    "others": ("metric", "examples", "changed"),
    "detected": ("examples", "changed"),
    "gates": ("examples", "changed", "margin"),
    "alarms": ("examples", "drop"),
}
"""The lists of rows in the file, with what tells the rows of each apart."""

Rows = list[Row]


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    parts = (
        _accuracy(data["accuracy"]),
        _shares(data["shares"]),
        _means(data["means"]),
        _others(data["others"]),
        _detected(data["detected"]),
        _gates(data["gates"]),
        _alarms(data["alarms"]),
    )
    return "\n" + "\n".join(part for part in parts if part)


def _part(title: str, told: str, cells: list[list[str]], headers: list[str]) -> str:
    table = tabulate(cells, headers, tablefmt="github", disable_numparse=True)
    return f"### {title}\n\n{told}\n\n{table}\n" if cells else ""


def _percent(share: float | None, digits: int = 1) -> str:
    return "-" if share is None else f"{100 * share:.{digits}f} %"


def _changed(share: float) -> str:
    return f"{100 * share:g} % changed"


def _crossed(rows: Rows, cell: Callable[[Row], str], lead: tuple[str, ...]) -> tuple[list[list[str]], list[str]]:
    """A line for each of the rows that have the same values under `lead`, a column for each share changed."""
    columns = sorted({row["changed"] for row in rows})
    found = {tuple(row[name] for name in (*lead, "changed")): cell(row) for row in rows}
    lines = list(dict.fromkeys(tuple(row[name] for name in lead) for row in rows))
    cells = [
        [*(f"{one:,}" if isinstance(one, int) else one for one in line)]
        + [found.get((*line, column), "-") for column in columns]
        for line in lines
    ]
    return cells, [*lead, *(_changed(column) for column in columns)]


def _held(found: Row) -> str:
    return f"{_percent(found['covered'])} (below {_percent(found['below'])})"


def _accuracy(rows: Rows) -> str:
    told = "Tango's interval, 90 %. Three of four changes are for the worse."
    return _part("Drop in accuracy", told, *_crossed(rows, _held, ("examples",)))


def _shares(rows: Rows) -> str:
    columns = sorted({row["share"] for row in rows})
    found = {(row["examples"], row["share"]): _percent(row["covered"]) for row in rows}
    lines = list(dict.fromkeys(row["examples"] for row in rows))
    cells = [[f"{n:,}", *(found[n, share] for share in columns)] for n in lines]
    told = "Wilson's interval, 95 %, of this share of right answers. Not simulated: summed over all outcomes."
    return _part("Accuracy itself", told, cells, ["examples", *(f"{100 * share:g} % right" for share in columns)])


def _both(rows: Rows, drops: str, values: str, title: str) -> str:
    lead = ("metric", "examples")
    drop = _part(f"Drop in {title}", drops, *_crossed(rows, lambda row: _held(row["drop"]), lead))
    value = _part(f"Value of {title}", values, *_crossed(rows, lambda row: _percent(row["value"]["covered"]), lead))
    return f"{drop}\n{value}" if rows else ""


def _means(rows: Rows) -> str:
    drops = "Paired bootstrap with four added pairs, 90 %: reciprocal ranks, Brier scores, and scores like nDCG."
    return _both(rows, drops, "Bootstrap with four added examples, 95 %, of the candidate's own mean.", "means")


def _others(rows: Rows) -> str:
    drops = "Paired bootstrap with four added changes, 90 %."
    values = "Bootstrap with four added changes, 95 %, of the candidate's own value."
    return _both(rows, drops, values, "metrics that are no means")


def _detected(rows: Rows) -> str:
    cells = [
        [
            f"{row['examples']:,}",
            _percent(row["changed"], 0),
            "none" if row["drop"] is None else f"{100 * row['drop']:.2f} points",
            _percent(row.get("by_interval")),
            _percent(row.get("by_alarm")),
        ]
        for row in rows
    ]
    told = (
        "The smallest true drop in accuracy that is to be found 80 times of 100, by the formula; and how often it is."
    )
    headers = ["examples", "discordant", "smallest drop", "found by the interval", "found by an alarm of one slice"]
    return _part("What is found", told, cells, headers)


def _gates(rows: Rows) -> str:
    cells = [
        [
            f"{row['examples']:,}",
            _percent(row["changed"], 0),
            f"{100 * row['margin']:g} points",
            f"{row['needed']:,}",
            _percent(row.get("passed")),
            _percent(row.get("false_pass")),
        ]
        for row in rows
    ]
    told = (
        "How often a gate on accuracy passes a candidate that is as good, and one that is worse by just the margin."
    )
    headers = ["examples", "discordant", "margin", "needed for 80 %", "as good: passes", "worse by it: passes"]
    return _part("What a gate passes", told, cells, headers)


def _alarms(rows: Rows) -> str:
    names = {"none": "no correction", "holm": "Holm", "benjamini_hochberg": "Benjamini-Hochberg"}
    cells = [
        [
            f"{row['examples']:,}",
            "none" if row["drop"] == 0 else f"5 slices, by {100 * row['drop']:g} points",
            title,
            _percent(row[name]["any_false"]),
            _percent(row[name]["false_share"]),
            _percent(row[name]["found"]),
        ]
        for row in rows
        for name, title in names.items()
    ]
    told = "20 slices that do not overlap. A false alarm is one of a slice that is not worse."
    headers = ["examples a slice", "worse", "correction", "any false alarm", "false ones of all", "worse ones found"]
    return _part("Alarms over slices", told, cells, headers)
