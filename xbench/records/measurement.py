"""What was measured: raw samples of one process, never only averages, and what belongs to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from .base import Record
from .estimate import Estimate

Samples = NDArray[np.int64]
"""Durations of single calls in nanoseconds, shape (calls,), in the order in which they were made."""


class MemoryUse(Record):
    """Peak memory of a fresh process, less what it held before the model was loaded; MiB.

    The peak while running is None where the kernel does not let the peak be reset (`reason` says so); then
    `load_peak_mib` holds the peak of both. `device_mib` is the device's memory that the process held at its
    end; None where it cannot be had, and `device_reason` says why.
    """

    before_model_mib: float
    load_peak_mib: float
    run_peak_mib: float | None
    reason: str = ""
    device_mib: float | None = None
    device_reason: str = ""

    @property
    def peak_mib(self) -> float:
        """The higher of the two peaks: what a deployment has to have free."""
        return max(self.load_peak_mib, self.run_peak_mib or 0.0)


class WarmUp(Record):
    """What a process needs before its series of calls is steady, found apart from the timed processes.

    `calls` is the index of the first call of the steady tail among the `tried` ones. Where `settled` is
    False, `reason` says what the series does instead.
    """

    calls: int
    tried: int
    settled: bool
    reason: str = ""


class CacheUse(Record):
    """What a session's creation did with a cache of built engines.

    `none`: the target has no such cache; `built`: an engine was built, and its time is in the session's;
    `hit`: one that was there was used; `stale`: one was there, did not fit, and another was built.
    """

    kind: Literal["none", "built", "hit", "stale"] = "none"
    proof: str = ""


class ColdStart(Record):
    """What it costs to come up once, in a process that had the machine to itself; ms.

    The model's file lies in the page cache, so disks are left out. The second session is created in the same
    process after the first one was closed: `second_cache` tells whether it was served from a cache.
    """

    process_start_ms: float
    import_ms: float
    session_creation_ms: float
    first_inference_ms: float
    second_session_creation_ms: float
    cache: CacheUse = CacheUse()
    second_cache: CacheUse = CacheUse()


class OperatorTime(Record):
    """Kernel time of all nodes of one operator type on one provider, in one profiled inference.

    Profiling slows each node by a few microseconds: shares and differences count, not sums.
    """

    operator: str
    provider: str
    nodes: int
    time_ms: float


class NodeTime(Record):
    """Kernel time of one node of the main graph as the runtime optimised it, in one profiled inference.

    `node` is the name that the runtime gives it: a fused or reordered node has another one than in the file. What a
    node runs in graphs of its own, such as the body of a loop, is its own time here.

    `layer` is the layer of the file that the node computes, with what the runtime fused into it, by the name of its
    `LayerWork`; empty where it computes none, several, or it cannot be told for sure. Several nodes may be one
    layer's.
    """

    node: str
    operator: str
    provider: str
    time_ms: float
    layer: str = ""


class NodeCost(Record):
    """What a node costs on a target that computes next to nothing: products of 1x8 by 8x8 in a chain.

    `timed_us`, microseconds, is by how much a call takes longer for each node more, timed as any call is, without a
    profiler. `profiled_us` is what the profiler shows for such a node, in the middle of all: where it is more, that
    much of *each* node's profiled time is the profiler's own, and is to be taken off before a node of some
    microseconds is said to take any.
    """

    timed_us: float
    profiled_us: float
    nodes: int


class Placement(Record):
    """Where the nodes of a session really are. Times come from a profiled run apart from the timed ones."""

    asked: str
    providers: tuple[str, ...]
    nodes: dict[str, int]
    time_share: dict[str, float] = {}


@dataclass(frozen=True, slots=True)
class Conditions:
    """What the machine did while a block was measured; None where the kernel does not tell it.

    `wall_ns` is the length of the block. `wait_ns` is the time that the worker's threads could have run and
    waited for a CPU, summed over threads. `steal_ns` went to other guests of the hypervisor, `others_ns` to
    other processes, both over all CPUs and in ticks of 10 ms. `runnable` tasks were on all run queues at the
    end, the worker's own thread among them. `throttled` counts throttle events of the CPUs; `energy_uj` is what
    the package or the device used meanwhile.
    """

    wall_ns: int
    wait_ns: int | None = None
    steal_ns: int | None = None
    others_ns: int | None = None
    runnable: int | None = None
    frequency_khz: int | None = None
    throttled: int | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    energy_uj: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive calls of one variant. `position` is its place in the random order of its round.

    A sample is the time of one call; in the scenarios MultiStream and Server the latency of one query.
    `offered_per_s` is the rate of arrivals in the scenario Server. `conditions` is None in records of
    schema `xbench.samples/1`.
    """

    round: int
    position: int
    samples_ns: Samples
    cpu_ns: int
    conditions: Conditions | None = None
    offered_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class Run:
    """All that one process measured of one variant. Frozen.

    `settled` tells whether the warm-up ended in a steady state, `clock_tick_ns` the smallest step of the clock;
    None where that could not be told, and in records of schema `xbench.samples/1`. `energy_reason` says why the
    conditions of the blocks hold no energy, and `notes` what else of them cannot be had here. Where variants do
    not fit into memory together, a run is made of two processes, one after the other; what it cost to start is
    that of the first.
    """

    label: str
    process_set: int
    session_ns: int
    first_inference_ns: int
    warmup_ns: Samples
    blocks: tuple[Block, ...]
    memory: MemoryUse
    placement: Placement
    settled: bool | None = None
    clock_tick_ns: int | None = None
    energy_reason: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ProcessSet:
    """One fresh process for each variant, measured in turn; the unit that a run is saved and resumed by.

    `failures` names the variants whose process failed, with the reason.
    """

    number: int
    runs: tuple[Run, ...]
    failures: dict[str, str]
    seconds: float
    steal_share: float | None
    load_average: float

    def run_of(self, label: str) -> Run | None:
        """The run of one variant, or None if it failed in this set."""
        return next((run for run in self.runs if run.label == label), None)


class DisturbanceSummary(Record):
    """What else the machine did while a case was measured. Shares are between 0 and 1.

    `disturbed_share` is that of the blocks that are marked as disturbed, `causes` say by what.
    """

    disturbed_share: float
    causes: tuple[str, ...] = ()
    wait_share: float | None = None
    steal_share: float | None = None
    others_cpu_share: float | None = None
    runnable_mean: float | None = None
    frequency_mhz: float | None = None
    throttled: int | None = None
    major_faults_per_call: float | None = None
    minor_faults_per_call: float | None = None
    involuntary_switches_per_call: float | None = None


class CaseSummary(Record):
    """The figures of one case, all computed from raw samples. Times of single calls are in milliseconds.

    `latency_p50_*` are the median latency and its 95 % interval over processes and blocks; the interval is
    None where there are too few of them for one. A higher percentile is None below LoadGen's floor of samples
    (rule 9 of the design), and `percentile_note` says what it needs.

    `device_memory_mib`, `energy_per_inference_j` (joules) and `cost_per_million_inferences` (of one sample each,
    in the profile's currency) are None where they cannot be had, and their notes say why. In the scenario Server
    throughput is the highest rate that holds the objective, `max_rate_per_s` that rate in queries, and latencies
    are those of the highest rate that was tried and held; both are None where none was found.
    `unsettled_processes` never reached a steady state while warming up; `drift` is how much faster the last third
    of a process's rounds is than the first (1.0: not at all); `shape_note` tells of two modes, and of times that
    depend on what is fed.
    """

    samples: int
    processes: int
    latency_p50_ms: float
    latency_p50_low_ms: float | None
    latency_p50_high_ms: float | None
    latency_p90_ms: float | None = None
    latency_p90_low_ms: float | None = None
    latency_p90_high_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_p99_low_ms: float | None = None
    latency_p99_high_ms: float | None = None
    percentile_note: str = ""
    throughput_samples_per_s: float | None
    cpu_time_per_call_ms: float
    session_creation_ms: float
    first_inference_ms: float
    peak_memory_mib: float
    load_peak_memory_mib: float
    run_peak_memory_mib: float | None
    memory_note: str = ""
    device_memory_mib: float | None = None
    device_memory_note: str = ""
    energy_per_inference_j: float | None = None
    energy_note: str = ""
    cost_per_million_inferences: float | None = None
    max_rate_per_s: Estimate | None = None
    max_rate_note: str = ""
    disturbance: DisturbanceSummary | None = None
    unsettled_processes: int = 0
    drift: Estimate | None = None
    shape_note: str = ""
    cold_start: ColdStart | None = None
    placement: Placement
