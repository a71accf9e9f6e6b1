"""One case of a run as one flat row: what an index holds, and what tables of many runs are made of."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from .base import Record
from .estimate import GateOutcome, SpeedVerdict
from .quality import Better

Count = Annotated[int, Field(ge=0, lt=2**63)]
"""A whole number that a table of a database can hold."""


class CaseRow(Record):
    """One variant on one device and workload. A figure that is None is not known; `reason` says why.

    `model` is what the suite prunes: the package or the last part of a folder, a factory, or a file's name.
    `machine` is the CPU, and the GPUs where there are some; `fingerprint_sha256` is of all that the run was made on.
    `baseline`: the others on that device are compared with it. `against` is the variant that `speedup` is over: dense
    in the same precision. `simulated`: the times are scripted.

    Latencies are of one query (milliseconds), with their 95 % intervals, as that of `speedup` is; memory is in MiB,
    energy in joules for one inference, cost for a million inferences of one sample in the device's currency.
    `sparsity` is the share of zeros among the weights that are there, `removed` the share of the weights of dense
    that are gone; `noise_floor` is relative (0.006 is 0.6 %).

    `metric` is the first metric of the evaluation, `better` which values of it are the better ones; `value` has its
    95 % interval, `drop` (positive is worse) its two-sided 90 % interval, both in the metric's own units, on the data
    of `dataset_sha256`. `outcome` is that of the variant's gates on the device, `ships` whether it may ship there,
    `waived` whether it does so by a waiver, `historical` whether a gate was held against another run; None without a
    gate. `run_outcome` is the outcome of the whole run.
    """

    model_config = ConfigDict(allow_inf_nan=False)

    run: str
    created: str
    status: Literal["running", "complete", "failed"]
    run_outcome: GateOutcome | None = None
    suite: str
    suite_sha256: str
    policy_sha256: str = ""
    model: str
    xbench_version: str
    fingerprint_sha256: str
    machine: str
    variant: str
    baseline: bool
    precision: str
    hardware: str
    workload: str
    batch: Count | None = None
    scenario: str = ""
    inputs_sha256: str = ""
    simulated: bool = False
    artifact_sha256: str = ""
    size_bytes: Count | None = None
    sparsity: float | None = None
    removed: float | None = None
    latency_p50_ms: float | None = None
    latency_p50_low_ms: float | None = None
    latency_p50_high_ms: float | None = None
    latency_p90_ms: float | None = None
    latency_p99_ms: float | None = None
    latency_p99_low_ms: float | None = None
    latency_p99_high_ms: float | None = None
    throughput_samples_per_s: float | None = None
    peak_memory_mib: float | None = None
    device_memory_mib: float | None = None
    energy_per_inference_j: float | None = None
    cost_per_million_inferences: float | None = None
    noise_floor: float | None = None
    against: str = ""
    speed_verdict: SpeedVerdict | None = None
    speedup: float | None = None
    speedup_low: float | None = None
    speedup_high: float | None = None
    ideal_speedup: float | None = None
    metric: str = ""
    better: Better = "higher"
    dataset_sha256: str = ""
    value: float | None = None
    value_low: float | None = None
    value_high: float | None = None
    drop: float | None = None
    drop_low: float | None = None
    drop_high: float | None = None
    outcome: GateOutcome | None = None
    ships: bool | None = None
    waived: bool = False
    historical: bool = False
    reason: str = ""


class RunRow(Record):
    """A run in a list of runs. One that cannot be read has the status `unreadable`, and `reason` says why.

    `variants` and `groups` (devices x workloads) are how many were measured, `cases` how many rows it has. `sealed`:
    its rows are those that its manifest vouches for.
    """

    run: str
    created: str = ""
    status: Literal["running", "complete", "failed", "unreadable"]
    outcome: GateOutcome | None = None
    suite: str = ""
    model: str = ""
    machine: str = ""
    fingerprint_sha256: str = ""
    xbench_version: str = ""
    variants: int = 0
    groups: int = 0
    cases: int = 0
    sealed: bool = False
    reason: str = ""
