"""What a performance engineer asks next: latency and cost, what coming up takes, and how the machine behaved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ..records.estimate import Estimate
from ..records.measurement import CacheUse, CaseSummary, ColdStart, WarmUp
from ..records.run_record import GroupState, RunRecord
from .figures import NOTHING
from .operators import operator_tables, without_operators
from .rows import three_figures
from .table import Table

_LATENCY = (
    "variant",
    "highest rate (95 %)",
    "p50 ms (95 %)",
    "p90 ms (95 %)",
    "p99 ms (95 %)",
    "CPU ms a call",
    "J a call",
    "device MiB",
    "cost of a million",
)
_COMING_UP = ("variant", "process ms", "import ms", "session ms", "first inference ms", "second session ms", "cache")
_MACHINE = (
    "variant",
    "warm-up calls",
    "drift within a process",
    "disturbed blocks",
    "waited",
    "steal",
    "others' CPU",
    "MHz",
    "faults a call",
    "remark",
)

_ZEROS = ("variant", "weights with zeros", "found again", "their zeros in the file", "kept", "remark")


def detail_tables(record: RunRecord) -> Iterator[Table]:
    """Five tables for each device and workload that was measured: the last one is the time by operator.

    The one of zeros is left out where nothing is computed, and in older records.
    """
    for group in record.groups:
        measured = [(case.variant, case.summary) for case in group.cases if case.summary is not None]
        if measured:
            where = f"{group.hardware}, {group.workload}"
            missing = _latency_remarks(measured)
            yield _table(f"Latency and cost: {where}", _LATENCY, measured, group, _latency, missing)
            yield _table(f"Coming up: {where}", _COMING_UP, measured, group, _coming_up, (_WHERE_COLD,))
            yield _table(f"The machine meanwhile: {where}", _MACHINE, measured, group, _machine, ())
            if group.optimised:
                title = f"Zeros in the optimised graph: {where}"
                yield _table(title, _ZEROS, measured, group, _zeros, (_WHAT_ZEROS,))
    yield from operator_tables(record)


def detail_lines(record: RunRecord) -> list[str]:
    """What was seen when the files were made, and what these tables cannot show, and why."""
    return [*_of_files(record), *without_operators(record)]


def _of_files(record: RunRecord) -> Iterator[str]:
    for variant in record.variants:
        if variant.artifact is None:
            continue
        yield from (f"{variant.name}: {note}" for note in variant.artifact.notes)
        if missing := variant.artifact.audit.missing_modules:
            yield f"{variant.name}: not in the file as weights of their own: {', '.join(missing)}"


_WHAT_ZEROS = "weights of the file that hold zeros, found again in the graph that the runtime made of it"
_WHERE_COLD = "each in a process that had the machine to itself, with the file in the page cache"

_Measured = Sequence[tuple[str, CaseSummary]]
_Row = Callable[[GroupState, str, CaseSummary], tuple[str, ...]]


def _table(
    title: str, columns: tuple[str, ...], measured: _Measured, group: GroupState, row: _Row, remarks: tuple[str, ...]
) -> Table:
    rows = tuple((name, *row(group, name, summary)) for name, summary in measured)
    return Table(title, remarks, columns, rows)


def _latency(group: GroupState, name: str, one: CaseSummary) -> tuple[str, ...]:
    return (
        _rate(one),
        _with_interval(one.latency_p50_ms, one.latency_p50_low_ms, one.latency_p50_high_ms),
        _with_interval(one.latency_p90_ms, one.latency_p90_low_ms, one.latency_p90_high_ms),
        _with_interval(one.latency_p99_ms, one.latency_p99_low_ms, one.latency_p99_high_ms),
        three_figures(one.cpu_time_per_call_ms),
        _figure(one.energy_per_inference_j),
        _figure(one.device_memory_mib),
        _figure(one.cost_per_million_inferences),
    )


def _rate(one: CaseSummary) -> str:
    rate = one.max_rate_per_s
    return _with_interval(rate.point, rate.low, rate.high) if rate is not None else one.max_rate_note or NOTHING


def _latency_remarks(measured: _Measured) -> tuple[str, ...]:
    """Why figures are missing: each reason once."""
    reasons = {
        "percentiles": [one.percentile_note for _, one in measured],
        "energy": [one.energy_note for _, one in measured],
        "device memory": [one.device_memory_note for _, one in measured],
        "memory": [one.memory_note for _, one in measured],
    }
    found = {f"{what}: {note}": None for what, notes in reasons.items() for note in notes if note}
    if all(one.cost_per_million_inferences is None for _, one in measured):
        found["cost: the profile names no cost_per_hour"] = None
    return tuple(found)


def _coming_up(group: GroupState, name: str, one: CaseSummary) -> tuple[str, ...]:
    cold = one.cold_start
    if cold is None:
        return (NOTHING,) * (len(_COMING_UP) - 1)
    return (
        three_figures(cold.process_start_ms),
        three_figures(cold.import_ms),
        three_figures(cold.session_creation_ms),
        three_figures(cold.first_inference_ms),
        three_figures(cold.second_session_creation_ms),
        _cache(cold),
    )


def _cache(cold: ColdStart) -> str:
    """Only a proven hit is a warm cache (rule 6 of the design)."""
    if cold.cache.kind == cold.second_cache.kind == "none":
        return "none is kept"
    return f"first {_use(cold.cache)}, second {_use(cold.second_cache)}"


def _use(cache: CacheUse) -> str:
    return f"{cache.kind} ({cache.proof})" if cache.proof else cache.kind


def _machine(group: GroupState, name: str, one: CaseSummary) -> tuple[str, ...]:
    seen = one.disturbance
    remarks = [*(seen.causes if seen else ()), *([one.shape_note] if one.shape_note else [])]
    if one.unsettled_processes:
        remarks.append(f"{one.unsettled_processes} of {one.processes} processes were not steady when warm-up ended")
    return (
        _warmup(group.warmups.get(name)),
        _drift(one.drift),
        _share(seen.disturbed_share if seen else None),
        _share(seen.wait_share if seen else None),
        _share(seen.steal_share if seen else None),
        _share(seen.others_cpu_share if seen else None),
        _figure(seen.frequency_mhz if seen else None),
        _figure(seen.minor_faults_per_call if seen else None, zero=True),
        "; ".join(remarks),
    )


def _zeros(group: GroupState, name: str, one: CaseSummary) -> tuple[str, ...]:
    found = group.optimised.get(name)
    if found is None:
        return (NOTHING,) * (len(_ZEROS) - 1)
    looked_at = found.followed or found.unfollowed
    return (
        str(found.weights),
        str(found.followed) if looked_at else NOTHING,
        str(found.file_zeros),
        str(found.zeros) if looked_at else NOTHING,
        "; ".join([*([found.note] if found.note else []), *found.unfollowed]),
    )


def _warmup(found: WarmUp | None) -> str:
    if found is None:
        return NOTHING
    return f"{found.calls} of {found.tried} tried" if found.settled else f"never steady in {found.tried}"


def _drift(found: Estimate | None) -> str:
    """How much faster the last third of a process's rounds is than the first."""
    if found is None:
        return NOTHING
    return f"{found.point - 1:+.1%} ({found.low - 1:+.1%} to {found.high - 1:+.1%})"


def _with_interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return NOTHING
    interval = "" if low is None or high is None else f" ({three_figures(low)} to {three_figures(high)})"
    return three_figures(value) + interval


def _figure(value: float | None, *, zero: bool = False) -> str:
    if zero and value == 0:
        return "0"
    return NOTHING if value is None else three_figures(value)


def _share(value: float | None) -> str:
    return NOTHING if value is None else f"{value * 100:.1f} %"
