"""The tables of docs/gate-statistics.md, out of results/gate_statistics.json: no figure is typed by hand."""

from __future__ import annotations

from pathlib import Path

import paging
from paging import ROOT, Row, recorded_on
from tabulate import tabulate

PAGE = ROOT / "docs/gate-statistics.md"
JSON = ROOT / "results/gate_statistics.json"
SECTIONS = {
    "errors": ("world", "confidence", "floor", "looks"),
    "power": ("world", "confidence", "beside", "looks"),
    "real": ("what",),
    "machine": ("of",),
}
"""The lists of rows in the file, with what tells the rows of each apart."""

Rows = list[Row]
_WAYS = {"split": "xbench: pooled, one error", "naive": "pooled, full confidence", "fresh": "anew, full confidence"}


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    errors, power = data["errors"], data["power"]
    parts = [
        _alone([row for row in errors if not row["floor"]]),
        _with_floor([row for row in errors if row["floor"]]),
        *(_power([row for row in power if row["confidence"] == c], c) for c in _values(power, "confidence")),
        _real(data["real"], data["machine"]),
    ]
    return "\n" + "\n".join(part for part in parts if part)


def _values(rows: Rows, name: str) -> list[float]:
    return sorted({row[name] for row in rows}, reverse=True)


def _part(title: str, told: str, cells: list[list[str]], headers: list[str]) -> str:
    table = tabulate(cells, headers, tablefmt="github", disable_numparse=True)
    return f"### {title}\n\n{told}\n\n{table}\n" if cells else ""


def _percent(share: float, digits: int = 1) -> str:
    return f"{100 * share:.{digits}f} %"


def _lead(row: Row) -> list[str]:
    return [row["world"], _percent(1 - row["confidence"]), str(row["looks"])]


def _alone(rows: Rows) -> str:
    told = (
        "The true speedup is the bound, and the interval alone decides, as for `max_latency_p99_ms`, "
        "`max_memory_mib` and whatever is held against a fixed value: how often it passes, and in brackets how often "
        "it fails. *Error* is what the confidence allows of each."
    )
    cells = [
        [*_lead(row), *(f"{_percent(row[w]['wrong_pass'], 2)} ({_percent(row[w]['wrong_fail'], 2)})" for w in _WAYS)]
        for row in rows
    ]
    return _part("Mistakes of the interval alone", told, cells, ["world", "error", "looks", *_WAYS.values()])


def _with_floor(rows: Rows) -> str:
    told = (
        "The same, where the interval must be clear of the bound by the noise floor of the run too, as `min_speedup` "
        "asks: passes and fails together, in the worst of the worlds."
    )
    groups: dict[tuple[float, int], Rows] = {}
    for row in rows:
        groups.setdefault((row["confidence"], row["looks"]), []).append(row)
    cells = [
        [_percent(1 - confidence), str(looks), *(_percent(_worst(some, way), 2) for way in _WAYS)]
        for (confidence, looks), some in groups.items()
    ]
    return _part("Mistakes with the noise floor", told, cells, ["error", "looks", *_WAYS.values()])


def _worst(rows: Rows, way: str) -> float:
    return float(max(row[way]["wrong_pass"] + row[way]["wrong_fail"] for row in rows))


def _power(rows: Rows, confidence: float) -> str:
    beside = sorted({row["beside"] for row in rows})
    found = {(row["world"], row["looks"], row["beside"]): row for row in rows}
    told = (
        "How often `min_speedup` is decided rightly where the true speedup is beside the bound by so much, and after "
        "how many process sets on average; behind it, what one look that goes on as long as all of them may would "
        "reach."
    )
    cells = [
        [world, str(looks), *(_both(found[world, looks, one]) for one in beside)]
        for world, looks in dict.fromkeys((row["world"], row["looks"]) for row in rows)
    ]
    headers = ["world", "looks", *(f"{100 * one:+g} %" for one in beside)]
    return _part(f"Power at {100 * confidence:g} %", told, cells, headers)


def _both(row: Row) -> str:
    ours, long = row["split"], row["long"]
    return (
        f"{_percent(ours['right'], 0)} in {ours['sets']:.0f} sets; {_percent(long['right'], 0)} in {long['sets']:.0f}"
    )


def _real(rows: Rows, machine: Rows) -> str:
    if not rows:
        return ""
    cells = [
        [
            row["what"],
            str(row["times"]),
            row["budget"],
            f"{row['bound']:.4f}x",
            row["first"],
            _counted(row["verdicts"]),
            str(row["others"]),
        ]
        for row in rows
    ]
    headers = ["bound set to", "times", "budget", "bound", "verdict", "verdicts", "others"]
    return _part("A borderline case on a machine", _REAL + recorded_on(machine[0]).rstrip(), cells, headers)


def _counted(verdicts: dict[str, int]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(verdicts.items(), key=lambda one: -one[1]))


_REAL = (
    "Three layers of 1024 neurons against the same with 512, at batch 16 on the CPU; `min_speedup` is the speedup "
    "that a run measured, so that it can hardly be decided, or the highest bound that the run would have passed, so "
    "that it may pass as well as not. *Verdict* is that of the first run with this bound; *verdicts* are those that "
    "came when it was decided again, or when further runs were made, and *others* how many were others.\n"
)
