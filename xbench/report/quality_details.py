"""Quality in full: every metric, how far answers moved, every slice and class, and the exemplars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..records.quality import QualityResult, SliceResult
from .figures import NOTHING, estimate_text, figure, flips_text, p_text, percent, with_interval
from .losses import from_to, metric_name, short, slice_name
from .table import Table

_METRICS = ("variant", "metric", "value (95 %)", "drop (90 %)", "examples", "remark")
_MOVED = ("variant", "agreement (95 %)", "right to wrong", "wrong to right", "wrong to another", "examples")
_DIVERGED = ("variant", "kind", "mean (95 %)", "99th percentile")
_EXEMPLARS = ("variant", "example", "label", "dense", "here", "confidence", "lost by", "remark")


def detail_tables_of(results: Sequence[QualityResult], metric: str, where: str) -> Iterator[Table]:
    """The tables of one device; those that would be empty are left out. `metric`: the one that slices are of."""
    found = (
        Table(f"All metrics: {where}", (), _METRICS, tuple(_metrics(results))),
        Table(f"Answers against the baseline's: {where}", (), _MOVED, tuple(_moved(results))),
        Table(f"Outputs against the baseline's: {where}", (), _DIVERGED, tuple(_diverged(results))),
        *(_slice_table(result, metric, where) for result in results),
        Table(f"Examples that are lost: {where}", _lost(results), _EXEMPLARS, tuple(_exemplars(results))),
    )
    yield from (table for table in found if table.rows)


_Rows = Iterator[tuple[str, ...]]


def _metrics(results: Sequence[QualityResult]) -> _Rows:
    for result in results:
        for one in result.metrics:
            drop = estimate_text(one.drop)
            lower = ("lower is better",) if one.better == "lower" else ()
            remark = "; ".join([*lower, *([one.note] if one.note else [])])
            value = with_interval(one.value, one.interval)
            yield result.variant, one.metric, value, drop, f"{one.examples:,}", remark


def _moved(results: Sequence[QualityResult]) -> _Rows:
    for result in results:
        if (flips := result.flips) is not None:
            one = flips.agreement
            interval = f" ({percent(one.low)} to {percent(one.high)})" if one.usable else ""
            counts = (flips.right_to_wrong, flips.wrong_to_right, flips.wrong_to_other_wrong, flips.examples)
            yield (result.variant, percent(one.point) + interval, *(f"{count:,}" for count in counts))


def _diverged(results: Sequence[QualityResult]) -> _Rows:
    names = {"kl": "KL divergence, nats", "cosine": "1 - cosine"}
    for result in results:
        if (one := result.divergence) is not None:
            yield result.variant, names[one.kind], with_interval(one.mean, one.interval), figure(one.p99)


def _slice_table(result: QualityResult, metric: str, where: str) -> Table:
    columns = ("slice or class", "examples", metric, "drop (90 %)", "flips", "adjusted p", "remark")
    rows = tuple(_slice(one, metric) for one in result.slices)
    return Table(f"Slices and classes of {result.variant}: {where}", (), columns, rows)


def _slice(one: SliceResult, metric: str) -> tuple[str, ...]:
    value = from_to(one) or (figure(one.value) if one.value is not None else NOTHING)
    p = p_text(one.adjusted_p) if one.adjusted_p is not None else NOTHING
    other = metric_name(one, metric)
    remarks = ("alarm" if one.alarm else "", f"figures of {other}" if other != metric else "", one.note)
    remark = "; ".join(text for text in remarks if text)
    return slice_name(one), f"{one.examples:,}", value, estimate_text(one.drop), flips_text(one.flips), p, remark


def _lost(results: Sequence[QualityResult]) -> tuple[str, ...]:
    """How many there are where not all of them are recorded."""
    return tuple(
        f"{one.variant}: the first {len(one.exemplars)} of {one.exemplar_count:,}"
        for one in results
        if one.exemplar_count > len(one.exemplars)
    )


def _exemplars(results: Sequence[QualityResult]) -> _Rows:
    for result in results:
        for one in result.exemplars:
            sure = [f"{value:.2f}" for value in (one.dense_confidence, one.confidence) if value is not None]
            lost_by = f"{one.lost_by} variant" + ("" if one.lost_by == 1 else "s")
            names = (short(text) for text in (one.id, one.label, one.dense, one.answer))
            told = " -> ".join(sure) if len(sure) == 2 else NOTHING
            yield result.variant, *names, told, lost_by, ", ".join(short(name) for name in one.slices)
