"""Searches an order of columns in which N:M pruning loses less."""

from __future__ import annotations

import torch

WORK = 1_000_000_000
"""Comparisons of scores that one search may spend, at most; a count, not a time, so that results repeat."""

_CHUNK = 1 << 20
"""Comparisons held in memory at once: about what a cache holds."""

_LEVELS = 1 << 40
"""What the highest score is as an integer: sums of integers are the same with any number of threads."""


def kept(scores: torch.Tensor, n: int, m: int) -> float:
    """The sum of the N highest of each M consecutive scores: `scores` is [rows, columns], M divides columns."""
    groups = scores.reshape(scores.shape[0], -1, m)
    return float(groups.topk(n, dim=2).values.sum(dtype=torch.float64))


def better_order(scores: torch.Tensor, n: int, m: int, generator: torch.Generator) -> torch.Tensor:
    """An order of the columns that keeps more: place p gets column order[p]. `scores` is [rows, columns].

    The search is a greedy one of swaps, as in Pool and Yu, "Channel Permutations for N:M Sparsity" (NeurIPS 2021):
    stripes of M columns are paired by chance, and in each pair the one swap is made that gains most, until no
    pairing of a whole round trip gains anything or the work is spent. It starts from the order that is there, and
    each swap gains, by scores rounded to 2^-40 of the highest.
    """
    scale = _LEVELS / max(float(scores.max()), torch.finfo(torch.float64).tiny)
    columns = (scores.detach().double() * scale).round_().long().t().contiguous()
    stripes, rows = len(columns) // m, columns.shape[1]
    order = torch.arange(len(columns)).reshape(stripes, m)
    values = columns[order]
    thresholds = _thresholds(values, n)
    rounds = min(WORK // (len(columns) * m * rows), 4 * stripes)
    idle = 0
    for _ in range(rounds):
        pairs = torch.randperm(stripes, generator=generator)[: stripes // 2 * 2].reshape(2, -1)
        gains = _swap_gains(values, thresholds, pairs)
        best, place = gains.flatten(1).max(1)
        chosen = best > 0
        idle = 0 if chosen.any() else idle + 1
        if idle > 2 * stripes:
            break
        first, second = pairs[:, chosen]
        i, j = place[chosen] // m, place[chosen] % m
        for tensor in (order, values):
            held = tensor[first, i].clone()
            tensor[first, i] = tensor[second, j]
            tensor[second, j] = held
        changed = pairs[:, chosen].flatten()
        thresholds[changed] = _thresholds(values[changed], n)
    return order.flatten()


def _thresholds(values: torch.Tensor, n: int) -> torch.Tensor:
    """For each score of [stripes, M, rows], what it must exceed to stay: the best of those that go, if it is one
    of the N that stay; the worst of those that stay, if it goes.
    """
    top = values.topk(n + 1, dim=1).indices
    stays = torch.zeros_like(values, dtype=torch.bool).scatter_(1, top[:, :n], True)
    last, first_out = (values.gather(1, top[:, k : k + 1]) for k in (n - 1, n))
    return torch.where(stays, first_out, last)


def _swap_gains(values: torch.Tensor, thresholds: torch.Tensor, pairs: torch.Tensor) -> torch.Tensor:
    """What swapping column i of the one stripe with column j of the other adds to what is kept: [pairs, M, M].

    Where x takes the place of s, the N highest of that stripe grow by max(x, t) - max(s, t), with t the threshold
    of s.
    """
    m, rows = values.shape[1], values.shape[2]
    step = max(_CHUNK // (m * m * rows), 1)
    gains = []
    for start in range(0, pairs.shape[1], step):
        one, two = pairs[:, start : start + step]
        gains.append(
            _gains(values[one], thresholds[one], values[two]) + _gains(values[two], thresholds[two], values[one]).mT
        )
    return torch.cat(gains)


def _gains(values: torch.Tensor, thresholds: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """[pairs, i, j]: what the stripe gains when its column i is replaced by column j of the other one."""
    now = torch.maximum(values, thresholds).sum(2)
    then = torch.maximum(others.unsqueeze(1), thresholds.unsqueeze(2)).sum(3)
    return then - now.unsqueeze(2)
