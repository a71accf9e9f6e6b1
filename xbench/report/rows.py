"""The rows of a device's table: plain text out of a record, before any markup."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..gate.deciding import worst
from ..records.artifact import Artifact
from ..records.comparison import Comparison
from ..records.measurement import CaseSummary
from ..records.quality import QualityResult
from ..records.run_record import DeviceState, GroupState, RunRecord, VariantState

_MIB = 1024 * 1024
NOTHING = "-"
_FIGURES = ("variant", "sparsity", "ideal", "speedup (95 %)", "p50 ms", "samples/s", "peak MiB", "file MiB")


@dataclass(frozen=True, slots=True)
class Table:
    """A device and workload: a title, remarks below it, columns and rows of text."""

    title: str
    remarks: tuple[str, ...]
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def tables(record: RunRecord) -> list[Table]:
    """One table for each device and workload. A device that is not here has a row that says so."""
    found = []
    for device in record.devices:
        groups = [group for group in record.groups if group.hardware == device.profile.name]
        if not device.availability.available:
            found.append(_absent(device))
        elif not groups:
            found.append(_unmeasured(record, device))
        found.extend(_measured(record, device, group) for group in groups)
    return found


def metric_of(record: RunRecord) -> str | None:
    """The metric that tables show: the first one that was scored."""
    return next((result.metrics[0].metric for result in record.quality if result.metrics), None)


def _title(device: DeviceState) -> str:
    return f"{device.profile.name}: {device.profile.title}"


def _absent(device: DeviceState) -> Table:
    state = device.availability
    row = (device.profile.name, "unavailable", state.reason, state.remedy)
    return Table(_title(device), (), ("device", "state", "reason", "remedy"), (row,))


def _unmeasured(record: RunRecord, device: DeviceState) -> Table:
    rows = tuple((v.name, v.failure or "not measured yet") for v in record.variants)
    return Table(_title(device), (), ("variant", "state"), rows)


def _measured(record: RunRecord, device: DeviceState, group: GroupState) -> Table:
    metric = metric_of(record)
    columns = (*_FIGURES, *([metric] if metric else []), "verdict", "reason")
    rows = [_row(record, group, state, metric) for state in record.variants]
    return Table(_title(device), _remarks(group, record.baseline), columns, tuple(rows))


def _remarks(group: GroupState, baseline: str) -> tuple[str, ...]:
    floor = f"{group.noise_floor * 100:.1f} %" if group.noise_floor is not None else "not known"
    stopped = {
        "precision": "stopped when precise enough",
        "budget": "stopped at the end of the budget",
        "failed": "stopped because nothing was left to compare",
    }.get(group.stopped, "not finished")
    first = (
        f"workload {group.workload}; baseline {baseline}; noise floor (A/A) {floor}; "
        f"{group.sets} process sets in {group.seconds:.0f} s, {stopped}"
    )
    return first, "fed: " + "; ".join(group.inputs)


def _row(record: RunRecord, group: GroupState, state: VariantState, metric: str | None) -> tuple[str, ...]:
    artifact = state.artifact
    comparison = next((c for c in group.comparisons if c.candidate == state.name), None)
    summary = next((c.summary for c in group.cases if c.variant == state.name), None)
    base = next(v.artifact for v in record.variants if v.baseline)
    cells = [state.name, _sparsity(artifact, base), _ideal(state, comparison), _speedup(state, comparison)]
    cells += _figures(summary)
    cells.append(f"{artifact.size_bytes / _MIB:.1f}" if artifact else NOTHING)
    if metric:
        cells.append(_quality(record.quality_of(state.name, group.hardware), metric))
    return (*cells, *_verdict(record, group, state, comparison))


def _sparsity(artifact: Artifact | None, base: Artifact | None) -> str:
    """Zeros among the weights that are there, and the share of the baseline's weights that is gone."""
    if artifact is None or base is None or not base.audit.elements:
        return NOTHING
    gone = 1 - artifact.audit.elements / base.audit.elements
    parts = [f"{artifact.audit.sparsity * 100:.0f} % zero"]
    if abs(gone) >= 0.005:
        parts.append(f"{gone * 100:.0f} % removed" if gone > 0 else f"{-gone * 100:.0f} % added")
        parts = parts[1:] if artifact.audit.sparsity < 0.005 else parts
    return ", ".join(parts)


def _ideal(state: VariantState, comparison: Comparison | None) -> str:
    if state.baseline:
        return "1.00x"
    if comparison is None or comparison.ideal_speedup is None:
        return NOTHING
    return f"{comparison.ideal_speedup:.2f}x"


def speedup_text(comparison: Comparison) -> str:
    """Such as `1.93x (1.90 to 1.96)`: with as many digits as its interval makes sense of."""
    if comparison.speedup is None:
        return NOTHING
    one = comparison.speedup
    return f"{one.point:.2f}x ({one.low:.2f} to {one.high:.2f})"


def _speedup(state: VariantState, comparison: Comparison | None) -> str:
    if state.baseline:
        return "1 (baseline)"
    return NOTHING if comparison is None else speedup_text(comparison)


def _figures(summary: CaseSummary | None) -> list[str]:
    if summary is None:
        return [NOTHING, NOTHING, NOTHING]
    return [
        f"{summary.latency_p50_ms:.3g}",
        f"{summary.throughput_samples_per_s:.3g}" if summary.throughput_samples_per_s < 1000
        else f"{summary.throughput_samples_per_s:.0f}",
        f"{summary.peak_memory_mib:.0f}",
    ]  # fmt: skip


def _quality(result: QualityResult | None, metric: str) -> str:
    found = result.metric(metric) if result else None
    if found is None:
        return NOTHING
    if found.drop is None:
        return f"{found.value:.3f}"
    return f"{found.value:.3f} ({-found.drop.point:+.3f})"


def _verdict(
    record: RunRecord, group: GroupState, state: VariantState, comparison: Comparison | None
) -> tuple[str, str]:
    """The gate's verdict where there is a gate, else the comparison's; with the reason behind it."""
    if state.baseline:
        failure = next((c.failure for c in group.cases if c.variant == state.name), "")
        return ("invalid", failure) if failure else ("baseline", "")
    gates = [
        v
        for v in record.verdicts
        if v.variant == state.name and v.hardware == group.hardware and v.workload in ("", group.workload)
    ]
    outcome = worst(v.outcome for v in gates)
    if state.failure:
        return outcome or "invalid", state.failure
    speed = comparison.verdict if comparison else "not measured yet"
    if outcome is None:
        return speed, "; ".join(comparison.reasons) if comparison else ""
    deciding = list(_unique(v.reason for v in gates if v.outcome == outcome))
    return f"{outcome} ({speed})", "; ".join(deciding)


def _unique(texts: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text
