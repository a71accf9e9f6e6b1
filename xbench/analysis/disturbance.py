"""Which blocks were disturbed by something that is not the model, and by what."""

from __future__ import annotations

import math
from collections.abc import Sequence

from ..records.measurement import Block, Conditions, DisturbanceSummary

# The share of a block's time or CPU time from which it counts as disturbed. Seen on two CPUs: left alone, the
# threads of a worker waited for less than 1.5 % of the time, with calls of 12 us too; beside one busy process
# they waited for 30 to 70 %.
_SHARE = 0.05
# /proc/stat counts in USER_HZ (proc(5)), which is 100 on every architecture that ONNX Runtime is made for.
_TICK_NS = 10_000_000


def disturbed(conditions: Conditions, cpus: int) -> str:
    """What disturbed a block, in words; empty if nothing did, or if the kernel does not tell.

    `cpus` is how many CPUs steal is counted over: all of the machine (`cpus_online` of the fingerprint). What
    other processes used is no cause of its own: where they were in the worker's way, the worker waited.
    """
    wait, steal = _wait_share(conditions), _least_steal_share([conditions], cpus)
    causes = (
        f"waited for a CPU {_per_cent(wait)} of the time" if wait >= _SHARE else "",
        f"the hypervisor took at least {_per_cent(steal)}" if steal >= _SHARE else "",
        "throttled" if conditions.throttled else "",
    )
    return ", ".join(cause for cause in causes if cause)


def summarise_disturbance(blocks: Sequence[Block], cpus: int) -> DisturbanceSummary | None:
    """How much the blocks of a case were disturbed; None where none of them has conditions.

    `cpus` as in `disturbed`. A block is marked for what marks it alone; where the hypervisor took too much
    over all blocks, which ticks tell far better than of one, also each block in which it took any.
    """
    known = [(block.conditions, len(block.samples_ns)) for block in blocks if block.conditions is not None]
    if not known:
        return None
    every = [conditions for conditions, _ in known]
    calls = [count for _, count in known]
    walls = [one.wall_ns for one in every]
    capacity = [wall * cpus for wall in walls]
    waited, stolen, throttled = _waited(every), _stolen(every, cpus), {i for i, c in enumerate(every) if c.throttled}
    steal_share = _share([c.steal_ns for c in every], capacity)
    frequency_khz = _ratio([c.frequency_khz for c in every], [1] * len(every))
    return DisturbanceSummary(
        disturbed_share=len(waited | stolen | throttled) / len(every),
        causes=_causes(every, waited, stolen, throttled, steal_share),
        wait_share=_share([_capped_wait(c) for c in every], walls),
        steal_share=steal_share,
        others_cpu_share=_share([c.others_ns for c in every], capacity),
        runnable_mean=_ratio([c.runnable for c in every], [1] * len(every)),
        frequency_mhz=None if frequency_khz is None else frequency_khz / 1000,
        throttled=_total([c.throttled for c in every]),
        major_faults_per_call=_ratio([c.major_faults for c in every], calls),
        minor_faults_per_call=_ratio([c.minor_faults for c in every], calls),
        involuntary_switches_per_call=_ratio([c.involuntary_switches for c in every], calls),
    )


def _capped_wait(conditions: Conditions) -> int | None:
    # The waits of several threads at once add up to more than the time: then some thread waited all of it.
    return None if conditions.wait_ns is None else min(conditions.wait_ns, conditions.wall_ns)


def _wait_share(conditions: Conditions) -> float:
    return _ratio([_capped_wait(conditions)], [conditions.wall_ns]) or 0.0


def _least_steal_share(conditions: Sequence[Conditions], cpus: int) -> float:
    """The least share of the CPU time of these blocks that the hypervisor can have taken.

    The count of one block is wrong by less than a tick, by where the block begins and ends in the ticks: one
    tick in a block of 10 ms can be all of it or next to nothing. Over n blocks these errors are independent,
    each with a standard deviation of at most half a tick: the sum is wrong by less than sqrt(n) ticks, which is
    two of its standard deviations, and for n = 1 the bound above.
    """
    known = [(one.steal_ns, one.wall_ns * cpus) for one in conditions if one.steal_ns is not None]
    capacity = sum(whole for _, whole in known)
    least = sum(steal for steal, _ in known) - math.sqrt(len(known)) * _TICK_NS
    return min(1.0, least / capacity) if capacity and least > 0 else 0.0


def _waited(every: Sequence[Conditions]) -> set[int]:
    return {index for index, one in enumerate(every) if _wait_share(one) >= _SHARE}


def _stolen(every: Sequence[Conditions], cpus: int) -> set[int]:
    throughout = _least_steal_share(every, cpus) >= _SHARE
    return {
        index
        for index, one in enumerate(every)
        if (throughout and one.steal_ns) or _least_steal_share([one], cpus) >= _SHARE
    }


def _causes(
    every: Sequence[Conditions],
    waited: set[int],
    stolen: set[int],
    throttled: set[int],
    steal_share: float | None,
) -> tuple[str, ...]:
    wait = _share([_capped_wait(every[index]) for index in waited], [every[index].wall_ns for index in waited])
    found = (
        (waited, f"waited for a CPU {_per_cent(wait or 0)} of their time"),
        (stolen, f"the hypervisor took {_per_cent(steal_share or 0)} of all CPU time"),
        (throttled, "throttled"),
    )
    return tuple(f"{len(which)} of {len(every)} blocks: {words}" for which, words in found if which)


def _ratio(values: Sequence[int | None], weights: Sequence[int]) -> float | None:
    """Sum of the known values over the sum of their weights; None where none is known."""
    known = [(value, weight) for value, weight in zip(values, weights, strict=True) if value is not None]
    whole = sum(weight for _, weight in known)
    return sum(value for value, _ in known) / whole if whole else None


def _share(values: Sequence[int | None], wholes: Sequence[int]) -> float | None:
    """The same, and at most 1: ticks round up too."""
    ratio = _ratio(values, wholes)
    return None if ratio is None else min(1.0, ratio)


def _total(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %"
