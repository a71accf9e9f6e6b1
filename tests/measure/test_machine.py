"""What is said of the machine: read right, and nothing private."""

from __future__ import annotations

import getpass
import math
import os
import platform
import re
from pathlib import Path

import pytest

from xbench.machine.cpus import CpuTimes, cgroup_cpu_limit, cpu_times, steal_share, usable_cpus
from xbench.machine.fingerprint import fingerprint, memory_limit_mib
from xbench.machine.memory import peak_mib, reset_peak, resident_mib


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"cpu.max": "max 100000\n"}, None),
        ({"cpu.max": "150000 100000\n"}, 1.5),
        ({"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"}, None),
        ({"cpu/cpu.cfs_quota_us": "50000\n", "cpu/cpu.cfs_period_us": "100000\n"}, 0.5),
    ],
)
def test_the_limit_of_a_container_on_cpus(tmp_path, files, limit):
    assert cgroup_cpu_limit(written(tmp_path, files)) == limit


@pytest.mark.parametrize(
    ("files", "limit"),
    [
        ({}, None),
        ({"memory.max": "max\n"}, None),
        ({"memory.max": "536870912\n"}, 512),
        ({"memory/memory.limit_in_bytes": "9223372036854771712\n"}, None),
        ({"memory/memory.limit_in_bytes": "1073741824\n"}, 1024),
    ],
)
def test_the_limit_of_a_container_on_memory(tmp_path, files, limit):
    assert memory_limit_mib(written(tmp_path, files)) == limit


def test_usable_cpus_are_those_of_the_affinity(monkeypatch):
    monkeypatch.setattr("os.sched_getaffinity", lambda _: {0, 1, 2, 3})
    for limit, expected in ((None, 4), (2.5, 2), (0.5, 1), (64.0, 4)):
        monkeypatch.setattr("xbench.machine.cpus.cgroup_cpu_limit", lambda limit=limit: limit)
        assert usable_cpus() == expected


def test_steal_is_a_share_of_what_went_by():
    assert steal_share(CpuTimes(10, 100), CpuTimes(15, 200)) == 0.05
    assert steal_share(None, CpuTimes(1, 2)) is None
    assert steal_share(CpuTimes(1, 2), CpuTimes(1, 2)) is None
    now = cpu_times()
    assert now is None or 0 <= now.steal <= now.total


def test_the_peak_of_memory_starts_again_after_a_reset():
    held = bytearray(os.urandom(1)) * (80 * 2**20)
    high = peak_mib()
    assert resident_mib() > 80
    del held
    # The kernel counts in batches: its figures may be some MiB late.
    assert peak_mib() > high - 10 > resident_mib() + 50
    reason = reset_peak()
    if reason:
        pytest.skip(reason)
    assert peak_mib() < high - 60


def test_a_fingerprint_is_stable_true_and_tells_nothing_private():
    one = fingerprint()
    assert one == fingerprint()
    assert one.differences(fingerprint()) == []
    assert one.differences(one.model_copy(update={"governor": "warp"})) == [f"governor: {one.governor!r} and 'warp'"]
    assert 1 <= one.cpus_usable <= one.cpus_online
    assert one.memory_mib > 100
    assert one.max_frequency_mhz is None or math.isfinite(one.max_frequency_mhz)
    assert {"xbench", "numpy", "onnx"} <= one.libraries.keys()
    # The environment holds what users set, of a few variables; they are numbers and not looked at here.
    text = one.model_copy(update={"environment": {}}).model_dump_json()
    assert not re.search(r"(?<![\w.+-])/(home|root|tmp|usr|etc|work|var)\b", text)
    words = set(re.findall(r"[\w.-]+", text))
    assert platform.node() not in words
    assert getpass.getuser() not in words
