"""The tables of docs/recipes.md, out of results/recipes.json: no figure on that page is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paging
from paging import ROOT, Row, recorded_on
from tabulate import tabulate

from xbench.report.text import markdown

PAGE = ROOT / "docs/recipes.md"
JSON = ROOT / "results/recipes.json"
TITLES = {
    "minilm": "all-MiniLM-L6-v2",
    "bert-base": "BERT-base, random weights",
    "gpt2": "GPT-2, random weights",
    "resnet50": "ResNet-50, random weights",
    "mobilenet-v2": "MobileNetV2, random weights",
    "digits": "digits CNN",
}
_QUALITY = {"recall_at_1": "recall@1", "accuracy": "accuracy", "output_change": "change of the outputs"}
_NONE = "none"


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    return (
        recorded_on(data)
        + "\n"
        + "\n".join(_sections(data["rows"]))
        + "\n### Exporters\n\n"
        + _exports(data["exports"])
    )


def _sections(rows: list[Row]) -> Iterator[str]:
    for model, title in TITLES.items():
        mine = [row for row in rows if row["model"] == model]
        if not mine:
            continue
        metric = next((row["quality"]["metric"] for row in mine if "quality" in row), "output_change")
        headers = ("method", "asked", "got", "parameters", "MACs", _QUALITY[metric])
        headers += ("prune s", "export s", "parity", "same bytes twice")
        table = tabulate([_cells(row) for row in mine], headers, tablefmt="github", disable_numparse=True)
        reasons = [f"- {markdown(row['method'])}: {markdown(row['failure'])}." for row in mine if row["failure"]]
        yield f"### {title}\n\n{table}\n" + ("\nNone, because:\n\n" + "\n".join(reasons) + "\n" if reasons else "")


def _cells(row: Row) -> list[str]:
    first = [row["method"], _asked(row)]
    if row["failure"]:
        return [markdown(cell) for cell in (*first, _NONE, *[""] * 7)]
    cells = [
        *first,
        _got(row),
        _count(row["parameters"]),
        _count(row["macs"]),
        f"{row['quality']['value']:.3f}",
        f"{row['prune_seconds']:.1f}",
        f"{row['export_seconds']:.1f}",
        f"{row['parity_max_rel']:.0e}",
        _equal(row),
    ]
    return [markdown(cell) for cell in cells]


def _asked(row: Row) -> str:
    """The recipe's shares, as the suite writes them."""
    if row.get("asked_share") is not None:
        return f"{100 * row['asked_share']:.0f} %"
    parts = [part.strip(" {}") for part in row.get("recipe", "").split(",")]
    kinds = ("channels", "neurons", "heads", "layers")
    return ", ".join(part.replace(": 0.5", " 50 %") for part in parts if part.startswith(kinds))


def _got(row: Row) -> str:
    parts = []
    if row["zero_share"] >= 0.0005:
        parts.append(f"{100 * row['zero_share']:.1f} % zero")
    if row["removed_share"]:
        parts.append(f"{100 * row['removed_share']:.1f} % removed")
    return ", ".join(parts)


def _count(number: int | None) -> str:
    if number is None:
        return "not fully counted"
    size, unit = next(
        ((size, unit) for size, unit in ((1e9, "G"), (1e6, "M"), (1e3, "k")) if number >= size), (1, "")
    )
    return f"{number / size:.3g} {unit}".strip()


def _equal(row: Row) -> str:
    if "equal_bytes" not in row:
        return "not tried"
    return "yes" if row["equal_bytes"] else "graph only" if row["equal_graphs"] else "no"


def _exports(rows: list[Row]) -> str:
    headers = ("model", "exporter", "export s", "file MiB", "parity", "same bytes twice")
    cells = []
    for model, title in TITLES.items():
        for row in (one for one in rows if one["model"] == model):
            first = [title, row["method"]]
            if row["failure"]:
                cells.append([markdown(cell) for cell in (*first, f"none: {row['failure']}", "", "", "")])
                continue
            size = f"{row['size_bytes'] / 2**20:.1f}"
            parity = f"{row['parity_max_rel']:.0e}"
            cells.append([*first, f"{row['export_seconds']:.1f}", size, parity, _equal(row)])
    return tabulate(cells, headers, tablefmt="github", disable_numparse=True) + "\n"
