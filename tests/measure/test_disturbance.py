"""Which blocks count as disturbed: thresholds, ticks that are too coarse for a block, and sums by hand."""

from __future__ import annotations

import numpy as np
import pytest

from xbench.analysis.disturbance import disturbed, summarise_disturbance
from xbench.records.measurement import Block, Conditions

MS = 1_000_000
TICK = 10 * MS


def block(calls=4, **known):
    conditions = Conditions(**{"wall_ns": 10 * MS, **known}) if known else None
    return Block(0, 0, np.full(calls, MS), cpu_ns=MS, conditions=conditions)


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({}, ""),
        ({"wait_ns": 0, "steal_ns": 0, "throttled": 0}, ""),
        ({"wait_ns": 4 * MS // 10}, ""),
        ({"wait_ns": 31 * MS // 10}, "waited for a CPU 31 % of the time"),
        ({"wait_ns": 35 * MS}, "waited for a CPU 100 % of the time"),
        ({"steal_ns": TICK}, ""),
        ({"steal_ns": 2 * TICK}, "the hypervisor took at least 50 %"),
        ({"wall_ns": 1000 * MS, "steal_ns": 10 * TICK}, ""),
        ({"wall_ns": 1000 * MS, "steal_ns": 11 * TICK}, "the hypervisor took at least 5 %"),
        ({"throttled": 2, "wait_ns": 5 * MS}, "waited for a CPU 50 % of the time, throttled"),
        ({"others_ns": 20 * MS, "runnable": 9, "major_faults": 3}, ""),
    ],
)
def test_a_block_is_disturbed_from_five_per_cent_that_are_certain(known, words):
    assert disturbed(Conditions(**{"wall_ns": 10 * MS, **known}), cpus=2) == words


def stolen_blocks(random, share, count=300, cpus=2):
    """Blocks of 10 ms at any place in the ticks; the hypervisor takes `share`, in slices of about 4 ms."""
    starts = random.uniform(0, TICK, count)
    slices = random.poisson(share * cpus * 10 / 4, count)
    taken = np.array([random.exponential(4 * MS, slice_count).sum() for slice_count in slices])
    ticks = (np.floor((starts + taken) / TICK)).astype(int)
    return [block(steal_ns=int(tick) * TICK) for tick in ticks]


def test_steal_is_found_over_many_blocks_where_no_block_can_tell_it():
    random = np.random.default_rng(7)
    little = [summarise_disturbance(stolen_blocks(random, 0.02), 2) for _ in range(40)]
    much = [summarise_disturbance(stolen_blocks(random, 0.15), 2) for _ in range(40)]
    assert np.mean([one.steal_share for one in little]) == pytest.approx(0.02, abs=0.002)
    assert np.mean([one.steal_share for one in much]) == pytest.approx(0.15, abs=0.01)
    assert np.mean([one.disturbed_share for one in little]) < 0.02, "a burst of two ticks is one even then"
    assert min(one.disturbed_share for one in much) > 0.15
    assert all("the hypervisor took" in one.causes[0] for one in much)


def test_a_case_is_summed_over_its_blocks():
    blocks = [
        block(
            calls=2, wait_ns=5 * MS, steal_ns=0, others_ns=10 * MS, runnable=3, frequency_khz=2_000_000, throttled=0
        ),
        block(calls=6, wait_ns=0, steal_ns=TICK, others_ns=0, runnable=2, frequency_khz=3_000_000, throttled=2),
        block(calls=2, wait_ns=30 * MS, minor_faults=8, major_faults=1, involuntary_switches=4),
        block(calls=8, wait_ns=0, minor_faults=2, major_faults=0, involuntary_switches=1),
        block(calls=9),
    ]
    found = summarise_disturbance(blocks, cpus=2)
    assert found.disturbed_share == 3 / 4, "the block without conditions is not among them"
    assert found.causes == ("2 of 4 blocks: waited for a CPU 75 % of their time", "1 of 4 blocks: throttled")
    assert found.wait_share == (5 + 0 + 10 + 0) / 40
    assert (found.steal_share, found.others_cpu_share) == (10 / 40, 10 / 40)
    assert (found.runnable_mean, found.frequency_mhz, found.throttled) == (2.5, 2500.0, 2)
    assert (found.minor_faults_per_call, found.major_faults_per_call) == (1.0, 0.1)
    assert found.involuntary_switches_per_call == 0.5


def test_what_no_block_knows_is_none():
    assert summarise_disturbance([], 2) is None
    assert summarise_disturbance([block()], 2) is None
    found = summarise_disturbance([block(wall_ns=MS)], 2)
    assert (found.disturbed_share, found.causes) == (0.0, ())
    assert {value for name, value in found if name not in ("disturbed_share", "causes")} == {None}
