"""The tables of docs/sensitivity-results.md, out of results/sensitivity.json: no figure there is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import paging
from paging import ROOT, Row, recorded_on
from tabulate import tabulate

from xbench.cli.sensitivity import at_as_many_zeros, verdict
from xbench.records.estimate import Estimate, interval_text
from xbench.records.sensitivity import SensitivePart, SensitivityRecord
from xbench.report.text import markdown

PAGE = ROOT / "docs/sensitivity-results.md"
JSON = ROOT / "results/sensitivity.json"
TITLES = {
    "digits-unstructured": "digits CNN, 90 % of each layer's weights by magnitude",
    "digits-channels": "digits CNN, half of the channels removed",
    "minilm-unstructured": "all-MiniLM-L6-v2, 70 % of each layer's weights by magnitude",
    "minilm-quarter-removed": "all-MiniLM-L6-v2, a quarter of the heads and of the neurons removed",
}
_SHOWN = 10
_NONE = "-"


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    rows = {row["case"]: row for row in data["rows"]}
    sections = (_section(title, rows[case], data["fingerprint"]) for case, title in TITLES.items() if case in rows)
    return recorded_on(data) + "\n" + "\n".join(sections)


def _section(title: str, row: Row, machine: Row) -> str:
    if row["failure"]:
        return f"### {title}\n\nNone: {markdown(row['failure'])}.\n\n"
    found = SensitivityRecord.model_validate(row["found"] | {"fingerprint": machine})
    return f"### {title}\n\n" + "\n".join((_layers(found), *_told(found, row), ""))


def _layers(found: SensitivityRecord) -> str:
    shown = found.parts[:_SHOWN]
    headers = ("undone alone", "prunes", found.metric, "gain (90 %)", "weights back", "MACs back", "beyond chance")
    cells = [_cells(one) for one in shown]
    if not any(one.alone_drop is not None for one in shown):
        return _table(cells, headers) + "\n"
    cells = [[*row, _paired(one.alone_drop)] for row, one in zip(cells, shown, strict=True)]
    told = "\nUndoing no part helps beyond chance: ranked by what each costs when it alone is pruned.\n"
    return _table(cells, (*headers, "pruned alone: drop (90 %)")) + "\n" + told


def _cells(one: SensitivePart) -> list[str]:
    return [
        f"`{one.name}`",
        one.kind,
        _NONE if one.value is None else f"{one.value:.4f}",
        _paired(one.gain),
        _per_cent(one.weights_share),
        _per_cent(one.macs_share),
        "yes" if one.beyond_chance else "no",
    ]


def _paired(found: Estimate | None) -> str:
    return _NONE if found is None else interval_text(found, "", 4)


def _per_cent(share: float | None) -> str:
    return _NONE if share is None else f"{100 * share:.1f} %"


def _told(found: SensitivityRecord, row: Row) -> Iterator[str]:
    beyond = sum(one.beyond_chance for one in found.parts)
    more = f"The first {_SHOWN} of {len(found.parts)}; " if len(found.parts) > _SHOWN else ""
    yield f"{more}{beyond} of {len(found.parts)} are beyond chance. It took {row['seconds']:.0f} s.\n"
    yield f"{markdown(verdict(found)).removesuffix('.')}.\n"
    if found.confirmed:
        names = ", ".join(f"`{name}`" for name in found.confirmed[0].spared)
        yield f"Spared: {names}. {markdown(at_as_many_zeros(found))}\n"
    tried = row.get("tried")
    if tried is None:
        return
    if tried["failure"]:
        yield f"Tried on the device: {markdown(tried['failure'])}."
        return
    yield f"On the device, by `xbench run`, on all {found.choosing + found.confirming} examples:\n"
    headers = ("variant", found.metric, "drop (90 %)", "speedup (95 %)")
    yield _table([_device(name, one) for name, one in tried["variants"].items()], headers)


def _device(name: str, one: Row) -> list[str]:
    return [
        f"`{name}`",
        one["failure"] or ("none" if one["value"] is None else f"{one['value']:.4f}"),
        _NONE if one["drop"] is None else interval_text(Estimate.model_validate(one["drop"]), "", 4),
        _NONE if one["speedup"] is None else f"{one['speedup']['point']:.2f}x",
    ]


def _table(cells: list[list[str]], headers: tuple[str, ...]) -> str:
    return tabulate(cells, headers, tablefmt="github", disable_numparse=True)
