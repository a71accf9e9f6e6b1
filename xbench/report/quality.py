"""The quality of a device's variants: a table of figures, and lines on what stands behind them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..records.quality import MetricResult, QualityResult
from ..records.run_record import RunRecord
from .figures import NOTHING, estimate_text, examples, figure, flips_text, percent, with_interval
from .losses import loss_lines
from .quality_details import detail_tables_of
from .table import Table
from .words import EMULATED, SIMULATED

_DIVERGENCES = {"kl": "KL", "cosine": "1 - cosine"}
_DIVERGENCE_WORDS = {
    "kl": "KL: mean Kullback-Leibler divergence from the baseline, in nats",
    "cosine": "1 - cosine: mean distance from the baseline's embedding",
}
_FIRST_ERRORS = 3


def quality_tables(record: RunRecord, hardware: str, details: bool = False) -> Iterator[Table]:
    """What was found on one device: one table, with `details` more; none where scores are all that is recorded."""
    states = record.states_on(hardware)
    results = [found for state in states if (found := record.quality_of(state.name, hardware)) is not None]
    metric = metric_of(record)
    if metric is None or not any(_has_more(result) for result in results):
        return
    baseline = record.baseline_on(hardware)
    title = f"Quality: {hardware}{_label(record, hardware)}"
    remarks = (
        _legend(results, baseline),
        *_unscored(results),
        *loss_lines(record.id, results, metric, details),
    )
    kind = next((result.divergence.kind for result in results if result.divergence is not None), None)
    columns = (
        "variant",
        f"{metric} (95 %)",
        "drop (90 %)",
        *(("flips", "agree") if any(result.flips is not None for result in results) else ()),
        *((_DIVERGENCES[kind],) if kind is not None else ()),
    )
    rows = tuple(_row(result, metric, baseline, columns) for result in results)
    yield Table(title, remarks, columns, rows)
    if details:
        yield from detail_tables_of(results, metric, f"{hardware}{_label(record, hardware)}")


def quality_lines(record: RunRecord, details: bool = False) -> Iterator[str]:
    """What was scored on, and gates that the data cannot decide, or hardly; with `details` the others too."""
    if record.data is not None:
        data = record.data
        version = f", version {data.version}" if data.version else ""
        yield f"Data: {data.source}{version}, {data.examples:,} examples, SHA-256 {data.sha256[:12]}..."
    if metric_of(record) is None:
        yield from (f"No quality of {one.variant} on {one.hardware}: {one.failure}" for one in record.quality)
    for plan in record.quality_plan:
        if not plan.decidable:
            yield f"Too few examples: {plan.text}"
        elif details or (plan.needed is not None and plan.needed > plan.examples):
            yield f"Plan: {plan.text}"


def metric_of(record: RunRecord) -> str | None:
    """The metric that tables show: the first one that was scored."""
    return next((result.metrics[0].metric for result in record.quality if result.metrics), None)


def _has_more(result: QualityResult) -> bool:
    """Whether there is more to say than values and drops, which the table of speeds shows."""
    return any(
        (
            result.failure,
            result.flips,
            result.divergence,
            result.slices,
            result.error_count,
            result.exemplar_count,
            result.reused,
            *(metric.interval or metric.note for metric in result.metrics),
        )
    )


def _label(record: RunRecord, hardware: str) -> str:
    device = next((one for one in record.devices if one.profile.name == hardware), None)
    if device is None:
        return ""
    return (EMULATED if device.profile.emulation is not None else "") + (SIMULATED if device.simulated else "")


def _legend(results: Sequence[QualityResult], baseline: str) -> str:
    parts = [f"against {baseline}, example by example; a positive drop is worse"]
    if any(result.flips is not None for result in results):
        parts.append("flips: right to wrong/wrong to right/wrong to another wrong; agree: the same answer")
    elif any(one.drop is not None for result in results for one in result.metrics):
        parts.append("no flips: the task has no answers that are right or wrong")
    kinds = {result.divergence.kind: None for result in results if result.divergence is not None}
    return "; ".join([*parts, *(_DIVERGENCE_WORDS[kind] for kind in kinds)])


def _row(result: QualityResult, metric: str, baseline: str, columns: tuple[str, ...]) -> tuple[str, ...]:
    found = result.metric(metric)
    moved = result.divergence.mean if result.divergence is not None else None
    cells = [result.variant, *_value_and_drop(found, result.variant == baseline)]
    if "flips" in columns:
        flips = result.flips
        cells += [flips_text(flips), percent(flips.agreement.point) if flips is not None else NOTHING]
    if len(cells) < len(columns):
        cells.append(NOTHING if moved is None else figure(moved))
    return tuple(cells)


def _value_and_drop(found: MetricResult | None, is_baseline: bool) -> tuple[str, str]:
    if found is None:
        return NOTHING, NOTHING
    return with_interval(found.value, found.interval), "baseline" if is_baseline else estimate_text(found.drop)


def _unscored(results: Sequence[QualityResult]) -> Iterator[str]:
    """What is missing and why, and what was not scored in this run."""
    for result in results:
        name = result.variant
        if result.failure:
            yield f"{name}: no quality: {result.failure}"
        if result.reused:
            yield f"{name}: not scored again: from the recorded baseline {result.reused}"
        yield from (f"{name}: {one.note}" for one in result.metrics if one.note)
        if result.error_count:
            first = [f"{error.id} ({error.reason})" for error in result.errors[:_FIRST_ERRORS]]
            more = result.error_count - len(first)
            told = "; ".join([*first, *([f"and {more:,} more"] if more else [])])
            yield f"error, {name}: {examples(result.error_count)} could not be scored and are left out: {told}"
