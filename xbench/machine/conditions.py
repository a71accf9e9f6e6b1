"""What the machine does while a block is timed: who else runs, what is taken away, what slows the clock.

All files are those of Linux (proc(5); Documentation/scheduler/sched-stats.rst of the kernel for schedstat).
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from ..errors import UnavailableError
from ..records.measurement import Conditions
from .energy import EnergyReader
from .kernelfile import KernelFile

_T = TypeVar("_T")
_TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
# How far the ticks of all CPUs may lag behind this process's own CPU time before the rest is forgotten.
# It is rounding that is carried over from block to block; more than this is another way of counting.
_MOST_OWED_NS = 10 * _TICK_NS

_WAIT = "time waited for a CPU"
_TICKS = "CPU time of others and of the hypervisor"
_RUNNABLE = "length of the run queues"
_FREQUENCY = "frequency"
_THROTTLED = "throttle events"
_ENERGY = "energy"


class _Threads:
    """How long each thread of this process could have run and waited for a CPU."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, KernelFile] = {}

    def waited_ns(self) -> dict[str, int]:
        """Nanoseconds since each thread's start, by thread. What a thread waited that has ended is lost."""
        with os.scandir(self._folder) as entries:
            threads = [entry.name for entry in entries]
        waited, ran = {}, 0
        for thread in threads:
            file = self._files.get(thread) or KernelFile(self._folder / thread / "schedstat")
            try:
                run_ns, wait_ns = file.first_line().split()[:2]
            except (FileNotFoundError, ProcessLookupError):
                continue  # It ended after it was listed; or a thread of its number lives, and is taken up next time.
            waited[thread] = int(wait_ns)
            ran += int(run_ns)
            self._files[thread] = file
        self._files = {thread: self._files[thread] for thread in waited}
        if not ran:  # Not even the thread that reads this.
            raise ValueError("the kernel does not count it (built without CONFIG_SCHED_INFO)")
        return waited


@dataclass(frozen=True, slots=True)
class _Ticks:
    """CPU time of all CPUs together, in nanoseconds since boot, rounded to ticks."""

    busy_ns: int
    steal_ns: int


def _read_ticks(stat: KernelFile) -> _Ticks:
    # cpu user nice system idle iowait irq softirq steal ...; guest time is in user already
    name, *fields = stat.first_line().split()
    ticks = [int(field) for field in fields[:8]]
    if name != b"cpu" or len(ticks) < 8 or not sum(ticks):
        raise ValueError(f"the first line of {stat.path} does not count it")
    user, nice, system, _, _, irq, softirq, steal = ticks
    return _Ticks((user + nice + system + irq + softirq) * _TICK_NS, steal * _TICK_NS)


def _read_runnable(loadavg: KernelFile) -> int:
    # 0.20 0.18 0.12 RUNNABLE/ALL LAST_PID. The same count as `procs_running`, which stands at the end of the
    # long /proc/stat.
    runnable = int(loadavg.first_line().split()[3].partition(b"/")[0])
    if runnable < 1:  # The thread that reads this runs.
        raise ValueError(f"{loadavg.path} does not count it")
    return runnable


@dataclass(frozen=True, slots=True)
class _Counters:
    """What only grows. None where it cannot be had."""

    waited_ns: dict[str, int] | None
    ticks: _Ticks | None
    throttled: int | None
    energy_uj: int | None
    cpu_ns: int
    usage: resource.struct_rusage


class ConditionsProbe:
    """Made once in a worker; `begin` right before each timed block, and `end` right after it.

    `cpus` are those that the worker is pinned to, at least one. Each of both takes some tens of microseconds,
    more with many threads, and none of it lies inside the block. What cannot be read is None from then on,
    and `notes` says why. `proc` and `sys` are for tests.
    """

    def __init__(
        self,
        cpus: Sequence[int],
        energy: EnergyReader | None = None,
        proc: Path = Path("/proc"),
        sys: Path = Path("/sys"),
    ) -> None:
        folders = [sys / f"devices/system/cpu/cpu{cpu}" for cpu in cpus]
        self._threads = _Threads(proc / "self/task")
        self._stat = KernelFile(proc / "stat")
        self._loadavg = KernelFile(proc / "loadavg")
        self._frequency = KernelFile(folders[0] / "cpufreq/scaling_cur_freq")
        self._throttles = [KernelFile(folder / "thermal_throttle/core_throttle_count") for folder in folders]
        self._energy = energy
        self._missing: dict[str, str] = {}
        self._owed_ns = 0
        self._had(_RUNNABLE, lambda: _read_runnable(self._loadavg))
        self._had(_FREQUENCY, self._frequency.number)
        self.begin()

    @property
    def notes(self) -> tuple[str, ...]:
        """What cannot be had here, and why."""
        return tuple(f"{what}: {why}" for what, why in self._missing.items())

    def begin(self) -> None:
        """Note where all counters stand; the clock comes last."""
        self._before = self._counters()
        self._begin_ns = time.perf_counter_ns()

    def end(self) -> Conditions:
        """What went on since `begin`; the clock comes first."""
        wall_ns = time.perf_counter_ns() - self._begin_ns
        # Before anything else is read, which has faults and switches of its own.
        usage, was = resource.getrusage(resource.RUSAGE_SELF), self._before.usage
        now = self._counters()
        steal_ns, others_ns = self._taken(now)
        return Conditions(
            wall_ns=wall_ns,
            wait_ns=self._waited(now),
            steal_ns=steal_ns,
            others_ns=others_ns,
            runnable=self._had(_RUNNABLE, lambda: _read_runnable(self._loadavg)),
            frequency_khz=self._had(_FREQUENCY, self._frequency.number),
            throttled=self._grown(_THROTTLED, self._before.throttled, now.throttled),
            minor_faults=usage.ru_minflt - was.ru_minflt,
            major_faults=usage.ru_majflt - was.ru_majflt,
            voluntary_switches=usage.ru_nvcsw - was.ru_nvcsw,
            involuntary_switches=usage.ru_nivcsw - was.ru_nivcsw,
            energy_uj=self._grown(_ENERGY, self._before.energy_uj, now.energy_uj),
        )

    def _counters(self) -> _Counters:
        reader = self._energy
        return _Counters(
            energy_uj=None if reader is None else self._had(_ENERGY, reader.read_uj),
            throttled=self._had(_THROTTLED, lambda: sum(file.number() for file in self._throttles)),
            ticks=self._had(_TICKS, lambda: _read_ticks(self._stat)),
            waited_ns=self._had(_WAIT, self._threads.waited_ns),
            cpu_ns=time.process_time_ns(),
            usage=resource.getrusage(resource.RUSAGE_SELF),
        )

    def _had(self, what: str, read: Callable[[], _T]) -> _T | None:
        """What `read` gives, or None, now and ever after, if it once could not be read."""
        if what in self._missing:
            return None
        try:
            return read()
        except OSError as error:
            self._missing[what] = ": ".join(str(part) for part in (error.filename, error.strerror) if part)
        except UnavailableError as error:
            self._missing[what] = error.reason
        except (ValueError, IndexError) as error:
            self._missing[what] = f"what the kernel shows cannot be understood: {error}"
        return None

    def _grown(self, what: str, before: int | None, now: int | None) -> int | None:
        """By how much a counter grew. One that went back is not believed any more."""
        if before is None or now is None:
            return None
        if now < before:
            self._missing[what] = f"the counter went back from {before} to {now}"
            return None
        return now - before

    def _waited(self, now: _Counters) -> int | None:
        before, waited = self._before.waited_ns, now.waited_ns
        if before is None or waited is None:
            return None
        # Of a thread that began in the block all counts; of one that ended in it nothing is known.
        return self._grown(_WAIT, sum(before.get(thread, 0) for thread in waited), sum(waited.values()))

    def _taken(self, now: _Counters) -> tuple[int | None, int | None]:
        """Nanoseconds that went to the hypervisor's other guests, and to other processes."""
        before, ticks = self._before.ticks, now.ticks
        if before is None or ticks is None:
            return None, None
        steal_ns = self._grown(_TICKS, before.steal_ns, ticks.steal_ns)
        busy_ns = self._grown(_TICKS, before.busy_ns, ticks.busy_ns)
        if steal_ns is None or busy_ns is None:
            return None, None
        # Ticks less exact time: in a block of one tick that is often below 0, by rounding alone. What is below 0
        # is owed to the next block, so that the sum over blocks is right, where cutting it off would add up.
        balance = self._owed_ns + busy_ns - (now.cpu_ns - self._before.cpu_ns)
        self._owed_ns = max(-_MOST_OWED_NS, min(0, balance))
        return steal_ns, max(0, balance)
