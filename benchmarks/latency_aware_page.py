"""The tables of docs/latency-aware.md, out of results/latency_aware.json: no figure on that page is typed by hand."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import paging
from paging import ROOT, Row, recorded_on
from tabulate import tabulate

from xbench.cli.fitting import verdict
from xbench.records.fit import FitRecord, FitSide
from xbench.report.text import markdown

PAGE = ROOT / "docs/latency-aware.md"
JSON = ROOT / "results/latency_aware.json"
TITLES = {
    "minilm": "all-MiniLM-L6-v2, heads and neurons, one text of 128 tokens",
    "digits": "digits CNN, channels and neurons, 16 images",
    "digits-one-layer": "digits CNN, one convolution alone: nothing to distribute",
}
_METRICS = {"recall_at_1": "recall@1", "accuracy": "accuracy", "reciprocal_rank": "MRR"}


def filled(page: str, file: Path) -> str:
    """The page with its tables written anew."""
    return paging.filled(page, file, _figures)


def _figures(data: Row) -> str:
    return recorded_on(data) + "\n" + "\n".join(_sections(data["rows"], data["fingerprint"]))


def _sections(rows: list[Row], machine: Row) -> Iterator[str]:
    for case, title in TITLES.items():
        mine = sorted((row for row in rows if row["case"] == case), key=lambda row: float(row["wanted"]))
        if not mine:
            continue
        fits = [_fit(row["fit"], machine) for row in mine if not row["failure"]]
        failed = [f"- {row['wanted']:.2f}x: none: {markdown(row['failure'])}.\n" for row in mine if row["failure"]]
        told = f"{_table(fits)}\n{_words(fits)}{_equal_quality(fits)}" if fits else ""
        yield f"### {title}\n\n{told}{''.join(failed)}"


def _fit(told: Row, machine: Row) -> FitRecord:
    """What `--json` holds, with the machine, which is kept once for all rows."""
    return FitRecord.model_validate({k: v for k, v in told.items() if k != "exit_code"} | {"fingerprint": machine})


def _table(fits: list[FitRecord]) -> str:
    metric = next((gap.metric for fit in fits for gap in fit.gaps), "")
    headers = ["asked", "widths", "measured", "importance lost", "rounds", _METRICS.get(metric, metric) or "quality"]
    cells = []
    for fit in fits:
        for name, side in (("uniform", fit.uniform), ("latency-aware", fit.latency_aware)):
            speed = _speed(fit, side)
            cells.append(
                [
                    f"{fit.wanted_speedup:.2f}x",
                    name,
                    f"{speed.point:.2f}x ({speed.low:.2f} to {speed.high:.2f})" if speed else "none",
                    f"{side.best.importance_lost:.3g}",
                    str(len(side.rounds)),
                    _value(_quality(fit, side.variant)),
                ]
            )
    dense = next((_quality(fit, fit.comparisons[0].baseline) for fit in fits if fit.comparisons), None)
    cells.insert(0, ["", "dense", "1.00x", "0", "", _value(dense)])
    return tabulate(cells, headers, tablefmt="github", disable_numparse=True) + "\n"


def _words(fits: list[FitRecord]) -> str:
    lines = []
    for fit in fits:
        lines.append(f"{fit.wanted_speedup:.2f}x: {markdown(verdict(fit))}")
        for side in (fit.uniform, fit.latency_aware):
            if side.not_reached:
                lines.append(f"{fit.wanted_speedup:.2f}x, {side.variant}: {markdown(side.not_reached)}.")
    flat = dict.fromkeys(line for fit in fits for line in fit.flat if " flat between " in line)
    lines += [markdown(line) for line in flat]
    return "".join(f"- {line}\n" for line in lines)


def _equal_quality(fits: list[FitRecord]) -> str:
    """The speed at which latency-aware widths have the quality of uniform ones: linear between measured points."""
    curve = sorted(
        {(1.0, _quality(fit, fit.comparisons[0].baseline)) for fit in fits if fit.comparisons}
        | {
            (s.point, _quality(fit, fit.latency_aware.variant))
            for fit in fits
            if (s := _speed(fit, fit.latency_aware))
        }
    )
    points = [(speed, value) for speed, value in curve if value is not None]
    lines = []
    for fit in fits:
        speed, value = _speed(fit, fit.uniform), _quality(fit, fit.uniform.variant)
        if speed is None or value is None or len(points) < 2:
            continue
        lines.append(
            f"- At the quality of uniform widths at {speed.point:.2f}x ({value:.4f}), latency-aware ones run at "
            f"{_speed_at(points, value)}.\n"
        )
    return "".join(lines)


def _speed_at(points: list[tuple[float, float]], value: float) -> str:
    for (slow, good), (fast, bad) in reversed(list(pairwise(points))):
        if bad <= value <= good:
            share = (good - value) / (good - bad) if good > bad else 1.0
            return f"{slow + share * (fast - slow):.2f}x (between measured points)"
    fastest = points[-1]
    return (
        f"{fastest[0]:.2f}x at least: they are better there still"
        if fastest[1] > value
        else "no speed that was tried: there they lose more"
    )


def _speed(fit: FitRecord, side: FitSide) -> Any:
    return next((one.speedup for one in fit.comparisons if one.candidate == side.variant), None)


def _quality(fit: FitRecord, variant: str) -> float | None:
    found = next((one for one in fit.quality if one.variant == variant), None)
    return found.metrics[0].value if found is not None and found.metrics else None


def _value(value: float | None) -> str:
    return "not scored" if value is None else f"{value:.4f}"
