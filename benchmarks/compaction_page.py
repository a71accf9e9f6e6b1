"""The tables of docs/compaction-results.md, out of results/compaction.json: no figure there is typed by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import paging
from paging import ROOT, Row, recorded_on
from tabulate import tabulate

from xbench.report.text import markdown

PAGE = ROOT / "docs/compaction-results.md"
JSON = ROOT / "results/compaction.json"
TITLES = {
    "resnet50": "ResNet-50",
    "bert-base": "BERT-base",
    "mobilenet-v2": "MobileNetV2",
    "gpt2": "GPT-2",
}
_KINDS = {
    "dense": "dense",
    "zeroed": "zeroed",
    "zeroed-compacted": "zeroed, compacted",
    "removed": "twin",
    "filters": "filters alone zeroed",
    "filters-compacted": "filters alone zeroed, compacted",
}
_MOST_REASONS = 6


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    rows = sorted(data["rows"], key=lambda row: list(TITLES).index(row["model"]))
    return f"{recorded_on(data)[:-2]}; profile `cpu`.\n\n" + "\n".join(
        (_summary(rows), *(_section(row) for row in rows))
    )


def _table(cells: list[list[str]], headers: tuple[str, ...]) -> str:
    return tabulate(
        [[markdown(one) for one in row] for row in cells], headers, tablefmt="github", disable_numparse=True
    )


def _summary(rows: list[Row]) -> str:
    headers = (
        "model",
        "parameters against the twin",
        "goal",
        "speed against the twin",
        "goal",
        "over dense",
        "outputs",
    )
    cells = []
    for row in rows:
        found = row["speed"]["files"].get("zeroed-compacted", {})
        goal, compaction = row["goal"], row["compactions"]["zeroed"]
        cells.append(
            [
                TITLES[row["model"]] + (" (a trial)" if row["trial"] else ""),
                _against_twin(row, "zeroed-compacted"),
                _goal(goal["parameters"], _off(row, "zeroed-compacted")),
                _ratio(found.get("over_twin")),
                _speed_goal(goal["speed"], found.get("over_twin")),
                _ratio(found.get("over_dense")),
                "-" if compaction["max_rel"] is None else f"{compaction['max_rel']:.0e}",
            ]
        )
    return _table(cells, headers) + "\n"


def _section(row: Row) -> str:
    headers = ("file", "parameters", "against the twin", "MB", "against the twin", "speedup over dense", "verdict")
    speeds = row["speed"]["files"]
    cells = [
        [
            title,
            f"{row['parameters'][kind]:,}",
            _against_twin(row, kind),
            f"{row['size_bytes'][kind] / 1e6:.1f}",
            _ratio(speeds[kind]["over_twin"]) if kind != "removed" else "1",
            _ratio(speeds[kind]["over_dense"]) if kind != "dense" else "1",
            speeds[kind].get("verdict", "baseline"),
        ]
        for kind, title in _KINDS.items()
        if kind in speeds
    ]
    told = [
        f"### {TITLES[row['model']]}\n",
        f"`{row['parts']}`. Twin made by {row['twin_by']}. Noise floor of the run: {_noise(row)}.\n",
        _table(cells, headers),
        *(_compaction(kind, one) for kind, one in row["compactions"].items()),
    ]
    return "\n".join(told)


def _noise(row: Row) -> str:
    (floor,) = row["speed"]["noise_floor"].values()
    return "not known" if floor is None else f"{100 * floor:.1f} %"


def _compaction(kind: str, found: Row) -> str:
    gone = ", ".join(f"{count:,} {unit}" for unit, count in found["gone"].items()) or "nothing"
    told = f"\n{_KINDS[kind].capitalize()}: {gone} went; {found['folded_biases']} biases took over what was lost, "
    told += f"{found['carriers']} carriers stay. {found['seconds']:.1f} s, {found['seconds_per_100_mb']:.1f} s per "
    told += "100 MB"
    if found["max_rel"] is not None:
        told += f"; largest output difference {found['max_abs']:.1e}, {found['max_rel']:.1e} of the largest value"
    left = "".join(f"- {markdown(line)}\n" for line in _stays(found["stays"]))
    return told + ".\n" + (f"\n{left}" if left else "")


def _stays(stays: list[Row]) -> Iterator[str]:
    """Reasons with the units that stay for them, the most units first."""
    units, nodes = Counter[str](), Counter[str]()
    first = {}
    for one in stays:
        units[one["reason"]] += one["units"]
        nodes[one["reason"]] += 1
        first.setdefault(one["reason"], one["node"])
    for reason, count in units.most_common(_MOST_REASONS):
        more = f" and {nodes[reason] - 1} more" if nodes[reason] > 1 else ""
        yield f"{count:,} stay in {first[reason]}{more}: {reason}"
    if len(units) > _MOST_REASONS:
        yield f"{len(units) - _MOST_REASONS} more reasons are in results/{JSON.name}"


def _off(row: Row, kind: str) -> float | None:
    count, twin = row["parameters"].get(kind), row["parameters"]["removed"]
    return None if count is None else count / twin - 1


def _against_twin(row: Row, kind: str) -> str:
    off = _off(row, kind)
    return "no file" if off is None else f"{100 * off:+.2f} %"


def _goal(goal: float, off: float | None) -> str:
    if off is None:
        return f"{100 * goal:.0f} %: missed"
    return f"{100 * goal:.0f} %: {'reached' if abs(off) <= goal else 'missed'}"


def _speed_goal(goal: float, found: Row | None) -> str:
    """Reached where the interval lies within the goal; a compacted file may be faster than its twin."""
    if found is None:
        return f"{100 * goal:.0f} %: no figure"
    if found["low"] >= 1 - goal:
        return f"{100 * goal:.0f} %: reached"
    return f"{100 * goal:.0f} %: {'missed' if found['high'] < 1 - goal else 'not decided'}"


def _ratio(found: Row | None) -> str:
    return "-" if found is None else f"{found['point']:.3f}x ({found['low']:.3f} to {found['high']:.3f})"
