"""Traps of the machine and of the container around it: CPUs, memory, temporary files."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from ..machine.available import available_memory_mib
from ..machine.cpus import CGROUP, cgroup_cpu_limit
from .record import Trap

_MIB = 1024 * 1024
# A run holds three processes at a time (the baseline, its copy and a candidate); each takes some 150 to 250 MiB
# before its model.
LEAST_MEMORY_MIB = 1024
# Inputs and outputs are handed over in files; so much is little for one image batch.
LEAST_TEMPORARY_MIB = 256


def cpu_quota(cpus: Collection[int], cgroup: Path = CGROUP) -> Trap:
    """A quota of CPU time below the CPUs that are seen; `cpus` are those that this process may run on."""
    matters = (
        "libraries start a thread for each CPU that they see; the kernel then stops all of them for the rest of each "
        "period (cgroup-v2.rst, cpu.max), which shows as latencies of tens of milliseconds"
    )
    quota = cgroup_cpu_limit(cgroup)
    if quota is None or quota >= len(cpus):
        found = f"no quota below the {len(cpus)} CPUs that are seen"
        return Trap(name="cpu-quota", sprung=False, found=found, matters=matters)
    whole = max(1, int(quota))
    return Trap(
        name="cpu-quota",
        sprung=True,
        found=f"time of {quota:g} CPUs, and {len(cpus)} are seen{_throttled(cgroup)}",
        matters=matters,
        remedy=f"docker run --cpuset-cpus {_listed(sorted(cpus)[:whole])} ...  # instead of --cpus",
    )


def _throttled(cgroup: Path) -> str:
    """How often the kernel held this cgroup back (cpu.stat of v2, or of v1)."""
    for stat in (cgroup / "cpu.stat", cgroup / "cpu/cpu.stat"):
        if stat.is_file():
            counts = dict(line.split()[:2] for line in stat.read_text().splitlines() if " " in line)
            return f"; held back {counts.get('nr_throttled', '0')} times so far"
    return ""


def _listed(cpus: Collection[int]) -> str:
    return ",".join(map(str, cpus))


def threads_above_cpus(threads: Mapping[str, int], cpus: Collection[int]) -> Trap:
    """Profiles that name more threads than there are CPUs for this process. `threads`: by profile."""
    matters = "threads that share a CPU wait for each other, and cannot be pinned to one of their own"
    above = {name: count for name, count in threads.items() if count > len(cpus)}
    if not above:
        found = f"no profile that can run here names more threads than the {len(cpus)} CPUs of this process"
        return Trap(name="threads-above-cpus", sprung=False, found=found, matters=matters)
    name, most = max(above.items(), key=lambda item: item[1])
    return Trap(
        name="threads-above-cpus",
        sprung=True,
        found=f"{', '.join(f'{one} ({count} threads)' for one, count in above.items())}; {len(cpus)} CPUs",
        matters=matters,
        remedy=f"docker run --cpuset-cpus 0-{most - 1} ...  # or lower `threads` in the profile {name}",
    )


def memory_limit(cgroup: Path = CGROUP, proc: Path = Path("/proc")) -> Trap:
    """Too little memory left, by the machine or by the container's limit."""
    matters = "the kernel kills the worker that goes over it, and a machine that swaps measures its disk"
    room = available_memory_mib(cgroup, proc)
    sprung = room < LEAST_MEMORY_MIB
    return Trap(
        name="memory-limit",
        sprung=sprung,
        found=f"{room} MiB can be taken"
        + (f", and a run wants {LEAST_MEMORY_MIB} MiB beside its models" if sprung else ""),
        matters=matters,
        remedy="docker run --memory 8g ...  # or end what else holds memory" if sprung else "",
    )


def temporary_folder(folder: Path, status: os.statvfs_result) -> Trap:
    """A folder for temporary files that is full, or from which nothing may be executed; `status` is of statvfs."""
    matters = (
        "inputs and outputs travel in files there, and compiled models (torch, TensorRT) are loaded from there as "
        "libraries, which noexec forbids"
    )
    free = status.f_bavail * status.f_frsize // _MIB
    wrong = []
    if status.f_flag & os.ST_NOEXEC:
        wrong.append("it is mounted noexec")
    if free < LEAST_TEMPORARY_MIB:
        wrong.append(f"{free} MiB are free, and {LEAST_TEMPORARY_MIB} MiB are wanted")
    return Trap(
        name="temporary-folder",
        sprung=bool(wrong),
        found=f"{folder}: {'; '.join(wrong) or f'{free} MiB free, and programs may run from it'}",
        matters=matters,
        remedy="mkdir -p ~/.cache/xbench-tmp && export TMPDIR=~/.cache/xbench-tmp" if wrong else "",
    )


def temporary_status() -> tuple[Path, os.statvfs_result]:
    """The folder for temporary files, and what its file system tells."""
    folder = Path(tempfile.gettempdir())
    return folder, os.statvfs(folder)


def pinning(pin: Callable[[], object]) -> Trap:
    """A sandbox that does not let threads be pinned. `pin` pins this thread to where it may run already."""
    matters = "a thread that wanders from CPU to CPU is another speed each time"
    try:
        pin()
    except OSError as error:
        return Trap(
            name="pinning",
            sprung=True,
            found=f"sched_setaffinity: {error.strerror}",
            matters=matters,
            remedy="docker run --security-opt seccomp=unconfined ...  # or affinity: false in the profile's options",
        )
    return Trap(name="pinning", sprung=False, found="threads can be pinned", matters=matters)


def pin_to_own_cpus() -> None:
    """Ask for the CPUs that this process has already: nothing changes, and a refusal is seen."""
    os.sched_setaffinity(0, os.sched_getaffinity(0))
