"""How many CPUs this process may use, and how busy the machine is."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

CGROUP = Path("/sys/fs/cgroup")


def cgroup_cpu_limit(cgroup: Path = CGROUP) -> float | None:
    """CPUs that the container may use, by cgroup v2 (cpu.max) or v1 (cpu.cfs_*); None where not limited."""
    v2 = cgroup / "cpu.max"
    v1 = cgroup / "cpu/cpu.cfs_quota_us"
    if v2.is_file():
        quota, period = v2.read_text().split()[:2]
        return None if quota == "max" else int(quota) / int(period)
    if v1.is_file():
        micros = int(v1.read_text())
        return None if micros < 0 else micros / int(v1.with_name("cpu.cfs_period_us").read_text())
    return None


def usable_cpus() -> int:
    """CPUs in this process's affinity, capped by the container's limit; at least 1."""
    limit = cgroup_cpu_limit()
    mine = len(os.sched_getaffinity(0))
    return mine if limit is None else max(1, min(mine, math.floor(limit)))


def thread_count(threads: int | Literal["all"]) -> int:
    """How many threads a profile's `threads` comes to here; `all`: one for each CPU that this process may use."""
    return usable_cpus() if threads == "all" else threads


@dataclass(frozen=True, slots=True)
class CpuTimes:
    """Ticks of all CPUs together since boot."""

    steal: int
    total: int


def cpu_times() -> CpuTimes | None:
    """The first line of /proc/stat (proc(5)); None where there is none."""
    stat = Path("/proc/stat")
    if not stat.is_file():
        return None
    # user nice system idle iowait irq softirq steal; guest time is in user already
    fields = [int(field) for field in stat.read_text().split("\n", 1)[0].split()[1:9]]
    return CpuTimes(steal=fields[7] if len(fields) > 7 else 0, total=sum(fields))


def steal_share(before: CpuTimes | None, after: CpuTimes | None) -> float | None:
    """Share of all CPU time that the hypervisor gave to others between two readings, 0 to 1."""
    if before is None or after is None or after.total <= before.total:
        return None
    return (after.steal - before.steal) / (after.total - before.total)
