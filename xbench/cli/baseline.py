"""Records the dense model of a suite for a command, and tells what it scored."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from ..errors import InterruptedRunError
from ..records.baseline import BaselineReport, BaselineRow
from ..records.quality import MetricResult
from ..report.text import visible
from ..road.context import RunOptions
from ..road.recording import record_baseline
from ..suite.loading import LoadedSuite
from .plain_table import visible_table
from .showing import STDOUT, show_place, write_data
from .travelling import on_the_way

_HEADERS = ("device", "metric", "value", "95 % interval", "examples")
_NONE = "-"


def baseline_and_show(loaded: LoadedSuite, options: RunOptions, json_file: str | None, quiet: bool) -> int:
    """Record the baseline, and show a row for each device and metric. Returns the exit code."""
    interrupted = InterruptedRunError(
        "Interrupted", f"devices that were finished are recorded in {options.output}", "start the command again"
    )
    with on_the_way(json_file, quiet, interrupted) as journey:
        found = record_baseline(loaded, options, journey)
    if json_file is not None:
        write_data(found.model_dump(mode="json", by_alias=True) | {"exit_code": found.exit_code}, json_file)
    if json_file != STDOUT:
        sys.stdout.write(as_text(found))
        for row in found.rows:
            if row.path:
                show_place(Path(row.path))
    sys.stdout.flush()
    return found.exit_code


def as_text(found: BaselineReport) -> str:
    """The table, then what was not recorded and why, and the data; safe for a terminal."""
    cells = [cell for row in found.rows for cell in _cells(row)]
    table = visible_table(cells, _HEADERS) if cells else ""
    return table + "".join(f"{visible(line)}\n" for line in _remarks(found))


def _cells(row: BaselineRow) -> Iterator[tuple[object, ...]]:
    if row.baseline is not None:
        for metric in row.baseline.result.metrics:
            value = _NONE if metric.value is None else f"{metric.value:.4g}"
            yield row.hardware, metric.metric, value, _interval(metric), metric.examples


def _interval(metric: MetricResult) -> str:
    return _NONE if metric.interval is None else f"{metric.interval.low:.4g} to {metric.interval.high:.4g}"


def _remarks(found: BaselineReport) -> Iterator[str]:
    recorded = [row.baseline for row in found.rows if row.baseline is not None]
    if recorded:
        data = recorded[0].data
        version = f", version {data.version}" if data.version else ""
        yield f"Data: {data.source}{version}, {data.examples} examples, sha256 {data.sha256}"
    for one in recorded:
        yield from (f"{one.hardware}: {metric.note}" for metric in one.result.metrics if metric.note)
        if one.result.error_count:
            reason = one.result.errors[0].reason
            yield f"{one.hardware}: {one.result.error_count} examples could not be scored; the first: {reason}"
    for row in found.rows:
        if row.failure:
            yield f"{row.hardware}: not recorded: {row.failure}" + (f"; {row.remedy}" if row.remedy else "")
