"""The rows of a device's table: plain text out of a record, before any markup."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from ..explaining import explain
from ..records.artifact import Artifact
from ..records.comparison import Comparison, GateVerdict
from ..records.estimate import interval_text, worst
from ..records.load import Load
from ..records.measurement import CaseSummary, Placement
from ..records.quality import QualityResult
from ..records.run_record import DeviceState, GroupState, RunRecord, VariantState
from .expected import expectations
from .figures import NOTHING
from .quality import metric_of, quality_tables
from .table import Table
from .words import waiver_text

_MIB = 1024 * 1024
# Below this share of CPU time, steal is not worth a line.
_NOTABLE_STEAL = 0.01
_SPEEDUP = "speedup (95 %)"
_FIGURES = (
    "variant",
    "sparsity",
    "ideal speedup",
    _SPEEDUP,
    "by CPU time",
    "p50 ms",
    "samples/s",
    "peak MiB",
    "file MiB",
)


def tables(record: RunRecord, details: bool = False) -> list[Table]:
    """One table for each device and workload, then the device's quality; those that are not here share one.

    With `details`, quality has several. The tables of `details.detail_tables` are beside these.
    """
    here = [device for device in record.devices if device.availability.available]
    absent = [device for device in record.devices if not device.availability.available]
    found: list[Table] = []
    for device in here:
        groups = [group for group in record.groups if group.hardware == device.profile.name]
        found.extend(_measured(record, device, group) for group in groups)
        if not groups:
            found.append(_unmeasured(record, device))
        found.extend(quality_tables(record, device.profile.name, details))
    return [*found, *([_absent(absent)] if absent else [])]


def _title(device: DeviceState) -> str:
    profile = device.profile
    label = "EMULATED, nothing was timed: " if profile.emulation is not None else ""
    label = "SIMULATED, nothing was computed: " if device.simulated else label
    return f"{profile.name}: {label}{profile.title} (runner {profile.runner}, {profile.precision})"


def _not_measured(record: RunRecord) -> str:
    return "not measured yet" if record.status == "running" else "not measured"


def _absent(devices: Sequence[DeviceState]) -> Table:
    states = ((device.profile.name, device.availability) for device in devices)
    rows = tuple((name, "unavailable", state.reason, state.remedy) for name, state in states)
    return Table("Not on this machine", (), ("device", "state", "reason", "remedy"), rows)


def _unmeasured(record: RunRecord, device: DeviceState) -> Table:
    rows = tuple((v.name, v.failure or _not_measured(record)) for v in record.states_on(device.profile.name))
    return Table(_title(device), (), ("variant", "state"), rows)


def _measured(record: RunRecord, device: DeviceState, group: GroupState) -> Table:
    metric = metric_of(record)
    figures = list(_FIGURES)
    others = _has_second(group)
    if others:
        figures.insert(figures.index(_SPEEDUP) + 1, f"against {record.baseline_on(group.hardware)}")
    columns = (*figures, *([f"{metric} (change)"] if metric else []), "verdict", "reason")
    rows = [_row(record, group, state, metric, others) for state in record.states_on(group.hardware)]
    expected = (one.text for one in expectations(record, group))
    remarks = _remarks(group, record.baseline_on(group.hardware))
    return Table(_title(device), (*remarks, *expected, *_whys(record, group)), columns, tuple(rows))


def _remarks(group: GroupState, baseline: str) -> tuple[str, ...]:
    if group.untimed:
        unknown = (f"ideal speedup of {name} not known: {note}" for name, note in group.ideal_notes.items())
        first = f"workload {group.workload}{_scenario(group.load)}; baseline {baseline}; {group.untimed}"
        played = (group.played,) if group.played else ()
        return first, *played, _fed(group), *unknown, *_apart(group), *_told(group)
    floor = f"{group.noise_floor * 100:.1f} %" if group.noise_floor is not None else "not known"
    stopped = {
        "precision": "stopped when precise enough",
        "budget": "stopped at the end of the budget",
        "failed": "stopped because nothing was left to compare",
    }.get(group.stopped, "not finished")
    first = (
        f"workload {group.workload}{_scenario(group.load)}; baseline {baseline}; noise floor (A/A) {floor}; "
        f"{group.sets} process {'set' if group.sets == 1 else 'sets'} in {group.seconds:.0f} s, {stopped}"
    )
    steal = group.steal_share or 0.0
    taken = (f"the hypervisor took up to {steal:.0%} of the CPU meanwhile",) if steal >= _NOTABLE_STEAL else ()
    where = next((c.summary.placement for c in group.cases if c.variant == baseline and c.summary), None)
    placed = (f"placed: {_placement(where)}",) if where is not None else ()
    unknown = (f"ideal speedup of {name} not known: {note}" for name, note in group.ideal_notes.items())
    turns = () if group.schedule == "interleaved" else ("loaded in turns (ABBA): they do not fit in memory together",)
    return first, *_looks(group), _fed(group), *placed, *turns, *taken, *unknown, *_told(group)


def _looks(group: GroupState) -> Iterator[str]:
    """How often inconclusive gates were measured again, and of which variants."""
    for number, look in enumerate(group.looks, 2):
        ended = {"precision": "when precise enough", "budget": "at the end of its budget"}.get(look.stopped, "early")
        told = f"{look.sets - look.first_set} process sets more in {look.seconds:.0f} s, stopped {ended}"
        who = ", ".join(look.variants)
        yield f"measured again for its gates, look {number}: {who}: {told if look.stopped else 'not finished'}"


def _whys(record: RunRecord, group: GroupState) -> Iterator[str]:
    """Why variants fell short of their ideals, each in one line; nothing where times are scripted."""
    first = _first(group)
    short = False
    for comparison in group.comparisons:
        if comparison.simulated:
            continue
        found = explain(record, group, comparison)
        if found.outcome == "not reached" or (found.outcome == "nothing to reach" and found.reasons):
            short = True
            second = "" if comparison is first[comparison.candidate] else f", against {comparison.baseline}"
            yield f"why{second}: {found.summary}"
    if short:
        yield f"more on this: `xbench explain {record.id}`"


def _first(group: GroupState) -> dict[str, Comparison]:
    """The comparison of each variant that is told without its baseline."""
    return {comparison.candidate: comparison for comparison in reversed(group.comparisons)}


def _apart(group: GroupState) -> Iterator[str]:
    """How far outputs of an emulated target are from this machine's own: what stands behind why it is not timed."""
    for comparison in group.comparisons:
        if comparison.verdict == "untimed":
            yield from (f"{comparison.candidate}: {line}" for line in comparison.reasons[1:])


def _scenario(load: Load) -> str:
    """What is put on the model, where it is not one call after the other; and what the figures then are."""
    if load.scenario == "MultiStream":
        return f" (MultiStream: queries of {load.calls_per_query} calls, and p50 is theirs)"
    if load.scenario == "Offline":
        return " (Offline: the speedup is that of whole blocks)"
    if load.scenario == "Server":
        within = f"p{load.percentile * 100:g} within {load.objective_ns / 1e6:g} ms"
        return f" (Server: {within}; samples/s and speedup are of the highest rate that holds it)"
    return ""


def _fed(group: GroupState) -> str:
    sets = f" ({group.input_sets} sets of them take turns)" if group.input_sets > 1 else ""
    return "fed: " + "; ".join(group.inputs) + sets


def _told(group: GroupState) -> Iterator[str]:
    """What was proven of the variants, alike ones in one line; and what else than pruning a speedup may come from."""
    whose: dict[str, list[str]] = {}
    for variant, lines in group.notes.items():
        for line in lines:
            whose.setdefault(line, []).append(variant)
    yield from (f"{', '.join(variants)}: {line}" for line, variants in whose.items())
    first = _first(group)
    warned: dict[str, list[str]] = {}
    for comparison in group.comparisons:
        who = comparison.candidate
        if comparison is not first[who]:
            who = f"{who} against {comparison.baseline}"
        for line in comparison.cautions:
            warned.setdefault(line, []).append(who)
    yield from (f"caution, {', '.join(variants)}: {line}" for line, variants in warned.items())


def _placement(where: Placement) -> str:
    """By node and by time (rule 5 of the design): shape arithmetic may sit elsewhere, and cost nothing."""
    nodes = ", ".join(f"{count} nodes on {name}" for name, count in where.nodes.items())
    shares = ", ".join(f"{share:.0%} of the time on {name}" for name, share in where.time_share.items())
    return f"{nodes}; {shares or 'time not profiled'}"


def _has_second(group: GroupState) -> bool:
    """Whether a variant is compared with two: dense in its own precision, and what all others are compared with."""
    return len({comparison.candidate for comparison in group.comparisons}) < len(group.comparisons)


def _row(
    record: RunRecord, group: GroupState, state: VariantState, metric: str | None, others: bool
) -> tuple[str, ...]:
    artifact = state.artifact
    base_name = record.baseline_on(group.hardware)
    mine = [c for c in group.comparisons if c.candidate == state.name]
    comparison = mine[0] if mine else None
    summary = next((c.summary for c in group.cases if c.variant == state.name), None)
    base = next(v.artifact for v in record.variants if v.name == base_name)
    is_base = state.name == base_name
    cells = [state.name, _sparsity(artifact, base), _ideal(is_base, comparison)]
    cells.append(_speedup(is_base, comparison, base_name))
    if others:
        cells.append(speedup_text(mine[1]) if len(mine) > 1 else NOTHING)
    cells.append(_by_cpu_time(is_base, comparison))
    cells += _figures(summary)
    cells.append(_size(artifact))
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


def _size(artifact: Artifact | None) -> str:
    """In MiB; a small file is not 0.0."""
    if artifact is None:
        return NOTHING
    size = artifact.size_bytes / _MIB
    return f"{size:.1f}" if size >= 0.05 else "<0.1"


def _ideal(is_base: bool, comparison: Comparison | None) -> str:
    if is_base:
        return "1.00x"
    if comparison is None or comparison.ideal_speedup is None:
        return NOTHING
    return f"{comparison.ideal_speedup:.2f}x"


def speedup_text(comparison: Comparison) -> str:
    """Such as `1.93x (1.90 to 1.96)`: with as many digits as tell the ends apart; never of an invalid one."""
    one = comparison.speedup
    if comparison.verdict == "untimed":
        return "emulated: not timed"
    if one is None or comparison.verdict == "invalid":
        return NOTHING
    return interval_text(one)


def _speedup(is_base: bool, comparison: Comparison | None, base_name: str) -> str:
    """The baseline is named where it is not the one that all others are compared with."""
    if is_base:
        return "1 (baseline)"
    if comparison is None:
        return NOTHING
    text = speedup_text(comparison)
    return text if comparison.baseline == base_name or text == NOTHING else f"{text} over {comparison.baseline}"


def _by_cpu_time(is_base: bool, comparison: Comparison | None) -> str:
    """The ratio of CPU times: it holds where others take the CPU away, and tells where a speedup is parallelism."""
    if is_base:
        return "1"
    one = None if comparison is None or comparison.verdict == "invalid" else comparison.cpu_time_speedup
    return NOTHING if one is None else f"{one.point:.2f}x"


def _figures(summary: CaseSummary | None) -> list[str]:
    if summary is None:
        return [NOTHING, NOTHING, NOTHING]
    return [
        three_figures(summary.latency_p50_ms),
        NOTHING if summary.throughput_samples_per_s is None else three_figures(summary.throughput_samples_per_s),
        f"{summary.peak_memory_mib:.0f}",
    ]


def three_figures(value: float) -> str:
    """Such as 0.0123, 12.3, 123 and 12345: three significant figures, and never an exponent."""
    if not (math.isfinite(value) and value > 0):
        return NOTHING
    rounded = float(f"{value:.2e}")
    return f"{value:.{max(0, 2 - math.floor(math.log10(rounded)))}f}"


def _quality(result: QualityResult | None, metric: str) -> str:
    """The value, how far it went from the baseline's, and how many examples it is without."""
    found = result.metric(metric) if result else None
    if result is None or found is None or found.value is None:
        return NOTHING
    errors = f", {result.error_count:,} failed" if result.error_count else ""
    if found.drop is None:
        return f"{found.value:.3f}{errors}"
    change = found.drop.point if found.better == "lower" else -found.drop.point
    return f"{found.value:.3f} ({change:+.3f}){errors}"


def _verdict(
    record: RunRecord, group: GroupState, state: VariantState, comparison: Comparison | None
) -> tuple[str, str]:
    """The gate's verdict where there is a gate, else the comparison's; with the reason behind it."""
    if state.name == record.baseline_on(group.hardware):
        broken = group.failures.get(state.name, "")
        failure = next((c.failure for c in group.cases if c.variant == state.name), "")
        return ("invalid", broken) if broken else ("baseline", failure)
    gates = [
        v
        for v in record.verdicts
        if v.variant == state.name and v.hardware == group.hardware and v.workload in ("", group.workload)
    ]
    outcome = worst(v.outcome for v in gates)
    if state.failure:
        return outcome or "invalid", state.failure
    speed = comparison.verdict if comparison else _not_measured(record)
    if outcome is None:
        return speed, "; ".join(comparison.reasons) if comparison else ""
    deciding = [v for v in gates if v.outcome == outcome]
    waived = "; waived" if all(v.outcome == "pass" or v.waiver is not None for v in gates) else ""
    waived = waived if outcome != "pass" else ""
    return f"{outcome} ({speed}{waived})", "; ".join(_unique(_reason(v) for v in deciding))


def _reason(verdict: GateVerdict) -> str:
    """With the waiver that holds, wherever the verdict is shown."""
    return verdict.reason + (f" ({waiver_text(verdict.waiver)})" if verdict.waiver is not None else "")


def _unique(texts: Iterator[str]) -> Iterator[str]:
    seen: set[str] = set()
    for text in texts:
        if text not in seen:
            seen.add(text)
            yield text
