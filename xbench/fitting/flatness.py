"""Says where a table is flat: where a narrower layer is no faster, beyond what noise can hide."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, pairwise

from ..records.latency import LatencyPoint, LatencyTable
from ..stats.median import median_interval

FLAT = 0.25
"""A stretch is flat where the time changes by less than this share of what the width does, both as logarithms.

Time that follows the width has 1, time that does not look at it 0. The upper end of the interval must be below it:
a noisy table is not flat but cannot be told.
"""


def stretches_of(table: LatencyTable) -> tuple[str, ...]:
    """A line for each flat stretch along the outputs and along the inputs, at the widest of the other side.

    A line more says where noise is too large to tell steps of neighbouring widths apart from a flat stretch.
    """
    lines: list[str] = []
    for side, line in _sides(table):
        found = flat_runs(line, _width(side), table.noise)
        lines += [f"{table.signature.words()}: flat {_words(line[a], line[b], side)}" for a, b in found]
        unclear = sum(_too_noisy(_width(side)(a), _width(side)(b), table.noise) for a, b in pairwise(line))
        if unclear:
            lines.append(
                f"{table.signature.words()}: {unclear} of {len(line) - 1} steps of {side} are too small to tell "
                f"beside the noise of {table.noise:.1%}"
            )
    return tuple(lines)


def flat_runs(
    line: Sequence[LatencyPoint], width: Callable[[LatencyPoint], int], noise: float
) -> tuple[tuple[int, int], ...]:
    """(first, last) place of each longest flat stretch, none within another, along points of rising width.

    `noise` is the share by which two copies of one layer were seen to differ: a stretch whose limit is below it
    cannot be told.
    """
    found: list[tuple[int, int]] = []
    start = 0
    while start < len(line) - 1:
        ends = [end for end in range(start + 1, len(line)) if _flat(line[start : end + 1], width, noise)]
        if ends:
            found.append((start, ends[-1]))
        start = ends[-1] if ends else start + 1
    return tuple(found)


def _flat(window: Sequence[LatencyPoint], width: Callable[[LatencyPoint], int], noise: float) -> bool:
    limit = _limit(width(window[0]), width(window[-1]))
    if math.log1p(noise) >= limit:
        return False
    return all(_largest_difference(a, b) < limit for a, b in combinations(window, 2))


def _limit(narrow: int, wide: int) -> float:
    return FLAT * math.log(wide / narrow)


def _too_noisy(narrow: int, wide: int, noise: float) -> bool:
    return math.log1p(noise) >= _limit(narrow, wide)


def _largest_difference(one: LatencyPoint, other: LatencyPoint) -> float:
    """The farther end of the interval of |ln(one / other)|, by process where both were measured in the same ones."""
    paired = one.batch == other.batch and len(one.process_latencies_us) == len(other.process_latencies_us)
    if not paired:
        ends = (one.latency_low_us, other.latency_low_us)
        if min(ends) <= 0:
            return math.inf
        return max(math.log(one.latency_high_us / ends[1]), math.log(other.latency_high_us / ends[0]))
    pairs = list(zip(one.process_latencies_us, other.process_latencies_us, strict=True))
    if any(a <= 0 or b <= 0 for a, b in pairs):
        return math.inf
    found = median_interval([math.log(a / b) for a, b in pairs])
    return max(abs(found.low), abs(found.high))


def _sides(table: LatencyTable) -> Iterator[tuple[str, list[LatencyPoint]]]:
    """Points along one side, the widths rising, at the widest width of the other that has a whole line."""
    if table.signature.depthwise:
        yield "channels", sorted(table.points, key=lambda one: one.inputs)
        return
    for side, other in (("outputs", "inputs"), ("inputs", "outputs")):
        at = max((_width(other)(one) for one in table.points), default=0)
        line = [one for one in table.points if _width(other)(one) == at]
        if len(line) > 1:
            yield side, sorted(line, key=_width(side))


def _width(side: str) -> Callable[[LatencyPoint], int]:
    return (lambda one: one.outputs) if side == "outputs" else (lambda one: one.inputs)


def _words(narrow: LatencyPoint, wide: LatencyPoint, side: str) -> str:
    width = _width(side)
    at = {"channels": "", "outputs": f" at {wide.inputs} inputs", "inputs": f" at {wide.outputs} outputs"}[side]
    return (
        f"between {width(narrow)} and {width(wide)} {side}{at} ({narrow.latency_us:.3g} and {wide.latency_us:.3g} us)"
    )
