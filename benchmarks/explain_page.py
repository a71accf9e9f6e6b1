"""The tables of docs/explanations.md, out of results/explanations.json: no figure on that page is typed by hand."""

from __future__ import annotations

from pathlib import Path

import paging
from paging import ROOT, Row, recorded_on
from tabulate import tabulate

from xbench.report.text import markdown

PAGE = ROOT / "docs/explanations.md"
JSON = ROOT / "results/explanations.json"
TITLES = {
    "minilm": "all-MiniLM-L6-v2",
    "bert-base": "BERT-base, random weights",
    "resnet50": "ResNet-50, random weights",
    "mobilenet-v2": "MobileNetV2, random weights",
    "digits": "digits CNN",
}
_WITHOUT = {
    "reached": "none: the ideal was reached",
    "nothing to reach": "nothing to reach",
    "not known": "not known whether there is anything to explain",
}


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    return recorded_on(data) + "".join(_section(model, title, data["rows"]) for model, title in TITLES.items()) + "\n"


def _section(model: str, title: str, rows: list[Row]) -> str:
    mine = [row for row in rows if row["model"] == model]
    if not mine:
        return ""
    headers = ("method", "target", "ideal", "on this target", "measured", "reached", "main reason")
    order = list(dict.fromkeys(row["method"] for row in mine))
    mine.sort(key=lambda row: order.index(row["method"]))
    shown = [[markdown(cell) for cell in _cells(row)] for row in mine]
    table = tabulate(shown, headers, tablefmt="github", disable_numparse=True)
    return f"\n### {title}\n\n{table}\n\n{_next_steps(mine)}"


def _cells(row: Row) -> list[str]:
    found = row["explanation"]
    # What is left over comes last: a reason that is known says more.
    reasons = sorted(found["reasons"], key=lambda reason: bool(reason["kind"] == "not known"))
    return [
        row["method"],
        row["target"],
        _bound(found["ideal"]),
        _bound(found["on_this_target"]),
        _measured(found),
        _share(found["reached"]),
        _reason(reasons[0]) if reasons else _WITHOUT.get(found["outcome"], "the rest is less than can be told"),
    ]


def _reason(reason: Row) -> str:
    return f"{reason['kind']}: {reason['text']}"


def _next_steps(rows: list[Row]) -> str:
    """The first next step of each method, once for all targets that say the same."""
    told: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        for step in row["explanation"]["next_steps"][:1]:
            told.setdefault((row["method"], step), []).append(row["target"])
    lines = [
        f"- {markdown(method)} ({', '.join(targets)}): {markdown(step)}" for (method, step), targets in told.items()
    ]
    return "What to do next:\n\n" + "\n".join(lines) + "\n" if lines else ""


def figure(bound: Row) -> float | None:
    """A bound as one number: with the roofline, or where there are no ceilings, by the work alone."""
    return bound["macs_ratio"] if bound["speedup"] is None else bound["speedup"]


def _bound(found: Row) -> str:
    value = figure(found)
    return "-" if value is None else f"{value:.2f}x"


def _measured(explanation: Row) -> str:
    """The speedup with its interval, or why there is none."""
    found = explanation["measured"]
    if found is None:
        return next((line for line in explanation["missing"] if line.startswith("the speedup")), "-")
    return f"{found['point']:.2f}x ({found['low']:.2f} to {found['high']:.2f})"


def _share(found: Row | None) -> str:
    # Adding zero makes of a negative zero a plain one.
    return "-" if found is None else f"{round(100 * found['point']) + 0} %"
