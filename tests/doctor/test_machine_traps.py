"""Traps of a container's limits, memory, temporary files and pinning: planted and found, else let be."""

from __future__ import annotations

import os
from pathlib import Path

from xbench.doctor.traps_machine import (
    LEAST_MEMORY_MIB,
    cpu_quota,
    memory_limit,
    pin_to_own_cpus,
    pinning,
    temporary_folder,
    threads_above_cpus,
)


def test_a_quota_below_the_cpus_that_are_seen(tmp_path):
    assert not cpu_quota(range(8), tmp_path).sprung, "no cgroup"
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert not cpu_quota(range(8), tmp_path).sprung
    (tmp_path / "cpu.max").write_text("800000 100000\n")
    assert not cpu_quota(range(8), tmp_path).sprung, "a quota of all of them takes nothing away"
    (tmp_path / "cpu.max").write_text("250000 100000\n")
    (tmp_path / "cpu.stat").write_text("usage_usec 7\nnr_periods 90\nnr_throttled 41\n")
    trap = cpu_quota([4, 5, 6, 7], tmp_path)
    assert trap.sprung
    assert "2.5 CPUs" in trap.found
    assert "held back 41 times" in trap.found
    assert "--cpuset-cpus 4,5 " in trap.remedy, "whole CPUs, of those that it may use"
    assert not cpu_quota([4, 5], tmp_path).sprung, "pinned to as many as the quota allows"


def test_a_quota_in_the_first_version_of_cgroups(tmp_path):
    folder = tmp_path / "cpu"
    folder.mkdir()
    (folder / "cpu.cfs_period_us").write_text("100000")
    (folder / "cpu.cfs_quota_us").write_text("50000")
    assert "--cpuset-cpus 0 " in cpu_quota(range(2), tmp_path).remedy
    (folder / "cpu.cfs_quota_us").write_text("-1")
    assert not cpu_quota(range(2), tmp_path).sprung


def test_more_threads_than_cpus():
    trap = threads_above_cpus({"one": 1, "many": 16}, range(4))
    assert trap.sprung
    assert trap.found == "many (16 threads); 4 CPUs"
    assert not threads_above_cpus({"one": 1, "four": 4}, range(4)).sprung


def test_little_memory_left(tmp_path):
    proc, cgroup = tmp_path / "proc", tmp_path / "cgroup"
    (proc / "self").mkdir(parents=True)
    cgroup.mkdir()
    (proc / "self/cgroup").write_text("0::/\n")
    (proc / "meminfo").write_text(f"MemAvailable: {64 * 1024 * 1024} kB\n")
    assert not memory_limit(cgroup, proc).sprung
    mib = 1024 * 1024
    (cgroup / "memory.max").write_text(str(2 * LEAST_MEMORY_MIB * mib))
    (cgroup / "memory.current").write_text(str(100 * mib))
    (cgroup / "memory.stat").write_text("inactive_file 0\n")
    assert not memory_limit(cgroup, proc).sprung
    (cgroup / "memory.current").write_text(str((LEAST_MEMORY_MIB + 1) * mib))
    trap = memory_limit(cgroup, proc)
    assert trap.sprung
    assert trap.found.startswith(f"{LEAST_MEMORY_MIB - 1} MiB can be taken")


def test_a_temporary_folder_that_is_full_or_noexec():
    def status(free_mib, flags):
        return os.statvfs_result((4096, 1 << 20, 9, 9, free_mib, 9, 9, 9, flags, 255))

    folder = Path("/tmp")  # noqa: S108 - a name to show, nothing is written
    assert not temporary_folder(folder, status(9000, 0)).sprung
    assert "noexec" in temporary_folder(folder, status(9000, os.ST_NOEXEC)).found
    full = temporary_folder(folder, status(3, 0))
    assert full.sprung
    assert "3 MiB are free" in full.found
    assert "TMPDIR" in full.remedy


def test_threads_that_cannot_be_pinned():
    def refused():
        raise PermissionError(1, "Operation not permitted")

    trap = pinning(refused)
    assert trap.sprung
    assert "Operation not permitted" in trap.found
    before = os.sched_getaffinity(0)
    assert not pinning(pin_to_own_cpus).sprung
    assert os.sched_getaffinity(0) == before
