"""Where the time is: profiled kernel times by operator, dense against pruned, as tables of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..explaining.thresholds import AGREE_WITHIN, LEAST_NODE_MS
from ..explaining.times import added_ms
from ..records.run_record import GroupState, RunRecord
from .rows import three_figures
from .table import Table

ABSENT = "none"
"""Stands where a variant has no node of an operator; it is no missing figure."""

_ROWS = 6
_Key = tuple[str, str]  # operator, provider


class _Time(NamedTuple):
    ms: float
    nodes: int


def operator_tables(record: RunRecord) -> list[Table]:
    """One table for each device and workload whose record holds times by operator; of valid variants only."""
    return [
        _table(record, group)
        for group in record.groups
        if record.baseline_on(group.hardware) in _valid(record, group)
    ]


def without_operators(record: RunRecord) -> list[str]:
    """One sentence for each device and workload whose record holds none: older records do not, nor do GPUs."""
    return [
        f"There are no times by operator on {group.hardware}, workload {group.workload}: they are taken where each "
        "kernel is waited for, as on the CPU, and since records of schema xbench.run/2."
        for group in record.groups
        if not group.operators and record.baseline_on(group.hardware) not in group.failures
    ]


def _valid(record: RunRecord, group: GroupState) -> list[str]:
    """The variants that have times and did not fail, the baseline first."""
    invalid = {comparison.candidate for comparison in group.comparisons if comparison.verdict == "invalid"}
    invalid |= group.failures.keys()
    base = record.baseline_on(group.hardware)
    names = sorted((state.name for state in record.states_on(group.hardware)), key=lambda name: name != base)
    return [name for name in names if group.operators.get(name) and name not in invalid]


def _table(record: RunRecord, group: GroupState) -> Table:
    names = _valid(record, group)
    times = [{(t.operator, t.provider): _Time(t.time_ms, t.nodes) for t in group.operators[name]} for name in names]
    providers = sorted({provider for of_variant in times for _, provider in of_variant})
    # By the longest time that any variant spends there: what only a candidate has, such as a fused operator, may
    # be where its time is.
    found = {key for of_variant in times for key in of_variant}
    keys = sorted(found, key=lambda key: (-max(_sum(one, [key]).ms for one in times), key))
    doubts = {name: _doubt(group, (names[0], name), times[0], one) for name, one in zip(names, times, strict=True)}
    shown = [not doubts[name] for name in names]
    rows = [(_name(key, providers), *_cells(times, [key], shown)) for key in keys[:_ROWS]]
    if rest := keys[_ROWS:]:
        rows.append((f"others ({len(rest)})", *_cells(times, rest, shown)))
    rows.append(("all", *_cells(times, keys, shown)))
    simulated = "SIMULATED, " if group.simulated else ""
    title = f"Where the time is (profiled apart): {simulated}{group.hardware}, workload {group.workload}"
    columns = ("operator", *(f"{name} ms" for name in names))
    told = _remarks(names[0], providers, added_ms(group.node_cost))
    remarks = (*told, *(doubt for doubt in doubts.values() if doubt))
    return Table(title, remarks, columns, tuple(rows))


def _remarks(base: str, providers: Sequence[str], added: float) -> tuple[str, ...]:
    slows = f"adds about {1000 * added:.2g} us to each node" if added else "slows small nodes"
    least = f"{LEAST_NODE_MS * 1000:.0f} us"
    return (
        f"kernel time of one inference, on {', '.join(providers)}; in brackets how many times as fast as {base}, "
        f"where nodes take {least} or more on average: kernel times come in whole microseconds",
        f"each variant was profiled once, in a session of its own, one after the other: profiling {slows}, "
        "so sums differ from latencies, and a few per cent (more on a busy machine) are no difference",
    )


def _doubt(group: GroupState, pair: tuple[str, str], base: dict[_Key, _Time], candidate: dict[_Key, _Time]) -> str:
    """Why a candidate's times are not set against the baseline's; empty where they may be."""
    name = pair[1]
    timed = next((c.speedup for c in group.comparisons if (c.baseline, c.candidate) == pair), None)
    sums = [sum(time.ms for time in of_variant.values()) for of_variant in (base, candidate)]
    if timed is None or not all(sums):
        return ""
    profiled = sums[0] / sums[1]
    if 1 / AGREE_WITHIN <= profiled / timed.point <= AGREE_WITHIN:
        return ""
    return (
        f"no speedups of {name}: by the sum of its kernel times it is {profiled:.2f}x as fast, and timed it is "
        f"{timed.point:.2f}x: one of the profiles was disturbed, or most of the time is what profiling adds"
    )


def _name(key: _Key, providers: Sequence[str]) -> str:
    operator, provider = key
    return operator if len(providers) == 1 else f"{operator} on {provider}"


def _sum(times: dict[_Key, _Time], keys: Sequence[_Key]) -> _Time:
    found = [times[key] for key in keys if key in times]
    return _Time(sum(one.ms for one in found), sum(one.nodes for one in found))


def _cells(times: Sequence[dict[_Key, _Time]], keys: Sequence[_Key], shown: Sequence[bool]) -> list[str]:
    """The baseline's time, and that of each candidate with its speedup where that is `shown`."""
    base, *others = (_sum(of_variant, keys) for of_variant in times)
    speedups = (_speedup(base, one) if show else "" for one, show in zip(others, shown[1:], strict=True))
    return [_milliseconds(base), *(_milliseconds(one) + ratio for one, ratio in zip(others, speedups, strict=True))]


def _milliseconds(time: _Time) -> str:
    """Three figures, but nothing finer than a microsecond."""
    if not time.nodes:
        return ABSENT
    if time.ms < 0.0005:
        return "<0.001"
    return f"{time.ms:.3f}" if time.ms < 1 else three_figures(time.ms)


def _speedup(base: _Time, candidate: _Time) -> str:
    """Such as ` (1.93x)`; nothing where one of the two times is too short to tell."""
    if not (_told(base) and _told(candidate)):
        return ""
    return f" ({base.ms / candidate.ms:.2f}x)"


def _told(time: _Time) -> bool:
    return time.nodes > 0 and time.ms >= LEAST_NODE_MS * time.nodes
