"""How the zeros of one weight lie: N:M, blocks, whole channels.

A weight comes as booleans, True where it is not zero, in rows [outputs, others, reduced]: all of one output, with the
reduced axis last (see `weights.as_rows`).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..records.audit import Pattern

Rows = npt.NDArray[np.bool_]

DENSE_BELOW = 0.05
"""Fewer zeros than this are nobody's pruning: rounding to int8 alone makes one to three in a hundred of a bell
curve's weights zero (those below half a step, with steps of the largest over 127)."""
EXPLAINED = 0.99
"""So many of the zeros must lie in a pattern for the pattern to be the weight's."""
NAMED_N_M = ((1, 2), (1, 4), (2, 4), (4, 8))
"""Those of hardware and of the literature; 2:4 is that of sparse tensor cores (Mishra et al., arXiv 2104.08378)."""
_LARGEST_M = 64
_FILLED = 0.9
"""An N:M mask fills its groups; zeros by chance that happen to leave at most N in each do not."""
_FEWEST_GROUPS = 32
"""In fewer groups a pattern may hold by chance."""
_BLOCK_SIDES = (1, 4, 8, 16, 32, 64)
_SAMPLE = 2**16
_MOST_IN_PATTERN_STRAY = 0.01


class Widths(NamedTuple):
    """The channels or neurons on both sides, and how many of them have no weight that is not zero."""

    outputs: int
    inputs: int
    zero_outputs: int
    zero_inputs: int


def widths(rows: Rows, groups: int = 1) -> Widths:
    """`groups` equal runs of outputs each have inputs of their own, as in a grouped convolution."""
    split = rows.reshape(groups, -1, *rows.shape[1:])
    outputs, inputs = split.any(axis=(2, 3)), split.any(axis=(1, 2))
    return Widths(
        outputs.size,
        inputs.size,
        int(outputs.size - np.count_nonzero(outputs)),
        int(inputs.size - np.count_nonzero(inputs)),
    )


def zeros_in_channels(rows: Rows, groups: int = 1) -> int:
    """Zeros that lie in an output or an input of zeros alone."""
    split = rows.reshape(groups, -1, *rows.shape[1:])
    live_outputs = np.count_nonzero(split.any(axis=(2, 3)), axis=1)
    live_inputs = np.count_nonzero(split.any(axis=(1, 2)), axis=1)
    return int(rows.size - (live_outputs * live_inputs).sum() * rows.shape[1])


def alignment(width: int) -> int:
    """The largest power of two, up to 64, that divides a width; 0 for a width of 0."""
    return min(width & -width, 64)


def most_in_groups(rows: Rows, m: int) -> int:
    """The most weights that are not zero in any group of `m` along the reduced axis, which `m` must divide."""
    counts = _counts(rows, m)
    return int(counts.max(initial=0))


def holds(rows: Rows, n: int, m: int) -> bool | None:
    """Whether at most `n` of each `m` consecutive weights along the reduced axis are not zero.

    None where `m` does not divide that axis, or there are no weights.
    """
    if not rows.size or rows.shape[-1] % m:
        return None
    return most_in_groups(_sample(rows), m) <= n and most_in_groups(rows, m) <= n


def named_n_m(rows: Rows) -> tuple[str, ...]:
    """Those of 1:2, 1:4, 2:4 and 4:8 that hold."""
    return tuple(f"{n}:{m}" for n, m in NAMED_N_M if holds(rows, n, m))


def recognised_n_m(rows: Rows) -> tuple[int, int] | None:
    """The smallest N:M that holds and whose groups are full; None where there is none.

    Groups in outputs or inputs of zeros alone do not count. M is at most 64, as in recipes.
    """
    sample = _sample(rows)
    for m in range(2, min(_LARGEST_M, rows.shape[-1]) + 1):
        if rows.shape[-1] % m or most_in_groups(sample, m) >= m:
            continue
        counts = _counts(rows, m)
        n = int(counts.max(initial=0))
        live = counts.astype(bool)
        groups = np.count_nonzero(live.any(axis=(1, 2))) * np.count_nonzero(live.any(axis=0))
        if 0 < n < m and groups >= _FEWEST_GROUPS and counts.sum(dtype=np.int64) >= _FILLED * n * groups:
            return n, m
    return None


def recognised_block(rows: Rows) -> tuple[int, int] | None:
    """The largest block, outputs x inputs at one place of the kernel, in which the zeros come; None for none.

    Blocks are aligned, and their sides divide the widths. In other blocks at most one weight of a hundred is zero.
    """
    if not rows.size:
        return None
    sides = [(r, c) for r in _BLOCK_SIDES for c in _BLOCK_SIDES if r * c > 1]
    fitting = [(r, c) for r, c in sides if not rows.shape[0] % r and not rows.shape[2] % c]
    sample = rows[: max(64, _SAMPLE // (rows.shape[1] * rows.shape[2]) // 64 * 64)]
    for r, c in sorted(fitting, key=lambda sides: (-sides[0] * sides[1], abs(sides[0] - sides[1]))):
        if _strays(sample, r, c) <= 5 * _MOST_IN_PATTERN_STRAY and _in_blocks(rows, r, c):
            return r, c
    return None


def pattern(rows: Rows, zeros: int, in_channels: int, n_m: str, block: tuple[int, int] | None, heads: int) -> Pattern:
    """The name of how the zeros lie; `in_channels` of them in outputs or inputs of zeros alone.

    Outputs and inputs of zeros explain a weight where `EXPLAINED` of its zeros lie in them, `heads` of zeros being
    the better name where there are any. `mixed`: beside them, or beside an N:M pattern, there are other zeros.
    """
    if not zeros:
        return "dense"
    if in_channels >= EXPLAINED * zeros:
        return "heads" if heads else "channels"
    if n_m:
        return "mixed" if in_channels else "n:m"
    if zeros < DENSE_BELOW * rows.size:
        return "dense"
    if block:
        return "block"
    return "mixed" if in_channels >= DENSE_BELOW * rows.size else "unstructured"


def pattern_of_all(found: Iterable[tuple[Pattern, int]]) -> Pattern:
    """The pattern of a file, from the pattern and the zeros of each weight: one that holds `EXPLAINED` of the zeros
    outside of dense weights, else `mixed`; `dense` where there are no others."""
    zeros: dict[Pattern, int] = {}
    for kind, count in found:
        if kind != "dense":
            zeros[kind] = zeros.get(kind, 0) + count
    largest = max(zeros, key=lambda kind: zeros[kind], default=None)
    if largest is None:
        return "dense"
    return largest if zeros[largest] >= EXPLAINED * sum(zeros.values()) else "mixed"


def _sample(rows: Rows) -> Rows:
    """Some first outputs: enough to see that a pattern does not hold, which spares the whole weight's count."""
    return rows[: max(1, _SAMPLE // max(1, rows.shape[1] * rows.shape[2]))]


def _counts(rows: Rows, m: int) -> npt.NDArray[np.uint8]:
    """[outputs, others, groups]: how many of each group are not zero. Slices are added: no larger type is made."""
    as_bytes = rows.view(np.uint8)
    counts = as_bytes[..., 0::m].copy()
    for place in range(1, m):
        counts += as_bytes[..., place::m]
    return counts


def _live_blocks(rows: Rows, r: int, c: int) -> int:
    """How many blocks have a weight that is not zero."""
    narrow = rows[..., 0::c].copy()
    for place in range(1, c):
        narrow |= rows[..., place::c]
    low = narrow[0::r].copy()
    for place in range(1, r):
        low |= narrow[place::r]
    return int(np.count_nonzero(low))


def _strays(rows: Rows, r: int, c: int) -> float:
    """The share of zeros in blocks that are not all zero."""
    inside = _live_blocks(rows, r, c) * r * c
    return 1 - np.count_nonzero(rows) / inside if inside else 0.0


def _in_blocks(rows: Rows, r: int, c: int) -> bool:
    return rows.size > _live_blocks(rows, r, c) * r * c and _strays(rows, r, c) <= _MOST_IN_PATTERN_STRAY
