"""What a run uses, and what it costs: energy of the CPU and of a GPU, memory that is left, money."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from stand_ins import nvml_builder

from xbench.analysis.cost import cost_per_million
from xbench.errors import InvalidError, UnavailableError
from xbench.machine.available import available_memory_mib
from xbench.machine.energy import cpu_energy
from xbench.machine.gpu import gpu
from xbench.machine.kernelfile import KernelFile

MIB = 1024 * 1024


def tree(root, files):
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{text}\n")
    return root


def powercap(root, **energy):
    """Two packages, a part of one, and two more views of what the packages use already."""
    names = {"intel-rapl:0": "package-0", "intel-rapl:1": "package-1", "intel-rapl:0:0": "core"}
    names |= {"intel-rapl:2": "psys", "intel-rapl-mmio:0": "package-0"}
    files = {}
    for zone, name in names.items():
        files |= {f"{zone}/name": name, f"{zone}/max_energy_range_uj": 1000, f"{zone}/energy_uj": 900}
    tree(root / "class/powercap", files | {f"{zone}/energy_uj": value for zone, value in energy.items()})
    return root


def test_packages_are_added_up_once_and_counted_on_when_a_counter_starts_again(tmp_path):
    reader, reason = cpu_energy(powercap(tmp_path))
    assert reason == ""
    first = reader.read_uj()
    others = {"intel-rapl:0:0": 940, "intel-rapl:2": 990, "intel-rapl-mmio:0": 950}
    powercap(tmp_path, **{"intel-rapl:0": 950, "intel-rapl:1": 30}, **others)
    assert reader.read_uj() - first == 50 + 130
    powercap(tmp_path, **{"intel-rapl:0": 951, "intel-rapl:1": 30})
    assert reader.read_uj() - first == 50 + 130 + 1
    powercap(tmp_path, **{"intel-rapl:0": "none"})
    with pytest.raises(UnavailableError, match="'none', which is no number"):
        reader.read_uj()


def test_no_energy_of_the_cpu_has_a_reason(tmp_path, monkeypatch):
    assert cpu_energy(tmp_path) == (None, cpu_energy(tmp_path)[1])
    assert "no energy counter" in cpu_energy(tmp_path)[1]
    powercap(tmp_path, **{"intel-rapl:1": "none"})
    assert "no number" in cpu_energy(tmp_path)[1]
    powercap(tmp_path)
    opened = os.open

    def for_root_only(path, *more):
        if os.fspath(path).endswith("energy_uj") and "range" not in os.fspath(path):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return opened(path, *more)

    monkeypatch.setattr(os, "open", for_root_only)
    reader, reason = cpu_energy(tmp_path)
    assert reader is None
    assert "only root" in reason
    assert "chmod a+r" in reason


def handles(path):
    return [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink() and link.resolve() == path]


def test_a_file_of_the_kernel_is_read_anew_and_closed_with_its_reader(tmp_path):
    path = tree(tmp_path.resolve(), {"count": 1}) / "count"
    file = KernelFile(path)
    assert file.number() == 1
    tree(tmp_path, {"count": 2})
    assert file.number() == 2
    assert len(handles(path)) == 1
    del file
    assert not handles(path)
    clock = KernelFile(Path("/proc/uptime"))
    first = clock.first_line()
    time.sleep(0.05)
    assert clock.first_line() != first


def test_no_gpu_has_a_reason():
    device, reason = gpu(0, library="libno-such-driver.so.1")
    assert device is None
    assert reason.startswith("NVIDIA's driver is not here: ")
    assert "libno-such-driver.so.1" in reason


# Written after the NVML API Reference Guide, not after xbench. Card 0 is a new one, card 1 cannot count energy.
NVML = """
#include <stddef.h>
typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct {
    unsigned int pid; unsigned long long usedGpuMemory;
    unsigned int gpuInstanceId; unsigned int computeInstanceId;
} nvmlProcessInfo_t;
#define CARD(n) ((nvmlDevice_t)(0x7f00deadbeef0000ULL + (n)))
#define KNOWN(d) if (!ready) return 1; if ((d) != CARD(0) && (d) != CARD(1)) return 2;
static int ready = 0;
nvmlReturn_t nvmlInit_v2(void) {
#ifdef NO_DRIVER
    return 9;
#endif
    ready = 1; return 0;
}
const char *nvmlErrorString(nvmlReturn_t code) {
    switch (code) {
        case 2: return "Invalid Argument";
        case 3: return "Not Supported";
        case 7: return "Insufficient Size";
        case 9: return "Driver Not Loaded";
        default: return "Unknown Error";
    }
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    if (!ready) return 1;
    if (index > 1) return 2;
    *device = CARD(index); return 0;
}
nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t device, unsigned long long *energy) {
    KNOWN(device)
    if (device == CARD(1)) return 3;
    *energy = 5000000123ULL; return 0;
}
nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t d, unsigned int *count, nvmlProcessInfo_t *infos) {
    nvmlProcessInfo_t all[] = {{41, 7ULL << 30, 1, 2}, {42, 300ULL << 20, ~0u, ~0u}, {43, ~0ULL, 0, 0}};
    KNOWN(d)
    if (*count < 3 || infos == NULL) { *count = 3; return 7; }
    for (int i = 0; i < 3; i++) infos[i] = all[i];
    *count = 3; return 0;
}
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long *reasons) {
    KNOWN(device)
    *reasons = device == CARD(0) ? 0x1 : (0x1 | 0x4 | 0x40 | (1ULL << 40)); return 0;
}
#ifndef OLD_DRIVER
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, int type, unsigned int *clock) {
    unsigned int clocks[] = {1410, 1980, 2619, 1500};
    KNOWN(device)
    if (type < 0 || type > 3) return 2;
    *clock = clocks[type]; return 0;
}
#endif
"""


@pytest.fixture(scope="module")
def nvml(tmp_path_factory):
    """Builds the stand-in of NVIDIA's library."""
    return nvml_builder(tmp_path_factory.mktemp("nvml"), NVML)


def test_what_a_gpu_tells_is_read_in_its_units(nvml):
    library = nvml()
    new, reason = gpu(0, library)
    assert reason == ""
    assert new.read_uj() == 5_000_000_123_000
    assert new.clock_mhz() == 1980
    assert new.used_mib(41) == 7 * 1024
    assert new.used_mib(42) == 300
    assert new.used_mib(43) is None, "listed, and its memory is not told"
    assert new.used_mib(44) is None, "not listed"
    assert new.throttle_reasons() == ()
    assert new.slowed_down() == 0
    old, _ = gpu(1, library)
    assert old.throttle_reasons() == ("power cap", "hardware thermal slowdown", "reason 0x10000000000")
    assert old.slowed_down() == 1, "the cap is a setting, the heat is not"
    with pytest.raises(UnavailableError, match="TotalEnergyConsumption\nNot Supported"):
        old.read_uj()


def test_a_gpu_that_cannot_be_had_has_nvmls_reason(nvml):
    assert gpu(2, nvml()) == (None, "NVML was asked for nvmlDeviceGetHandleByIndex_v2: Invalid Argument")
    assert gpu(0, nvml("-DNO_DRIVER")) == (None, "NVML was asked for nvmlInit_v2: Driver Not Loaded")
    old, _ = gpu(0, nvml("-DOLD_DRIVER"))
    with pytest.raises(UnavailableError, match="no such function"):
        old.clock_mhz()


FREE = {"proc/meminfo": f"MemTotal: 99999999 kB\nMemFree: 1 kB\nMemAvailable:   {8000 * 1024} kB"}


def v2(folder, limit, held, idle):
    texts = {"memory.max": limit, "memory.current": held * MIB, "memory.stat": f"anon 5\ninactive_file {idle * MIB}"}
    return {f"cgroup{folder}/{name}": text for name, text in texts.items()}


def v1(folder, limit, held, idle):
    stat = f"inactive_file 0\ntotal_inactive_file {idle * MIB}"
    texts = {"limit_in_bytes": limit, "usage_in_bytes": held * MIB, "stat": stat}
    return {f"cgroup/memory{folder}/memory.{name}": text for name, text in texts.items()}


@pytest.mark.parametrize(
    ("files", "available"),
    [
        ({}, 8000),
        (v2("", "max", 100, 0), 8000),
        (v2("", 1000 * MIB, 300, 0), 700),
        (v2("", 1000 * MIB, 300, 120), 820),
        (v2("", 20_000 * MIB, 300, 0), 8000),
        (v2("", 1000 * MIB, 1100, 0), 0),
        (v1("", 2**63 - 4096, 300, 0), 8000),
        (v1("", 1000 * MIB, 300, 120), 820),
        # Its own group and those above it bind; the neighbour's does not.
        ({"proc/self/cgroup": "0::/a/b", **v2("/a", 1000 * MIB, 300, 0), **v2("/a/b", "max", 200, 0)}, 700),
        ({"proc/self/cgroup": "0::/a/b", **v2("/a", 1000 * MIB, 300, 0), **v2("/a/b", 250 * MIB, 200, 0)}, 50),
        ({"proc/self/cgroup": "0::/a", **v2("/b", 1000 * MIB, 300, 0)}, 8000),
        ({"proc/self/cgroup": "4:cpu,memory:/a\n0::/x", **v1("/a", 500 * MIB, 100, 0)}, 400),
        # A container that sees the host's name of its group, and its own group as the top.
        ({"proc/self/cgroup": "4:memory:/docker/1f", **v1("", 500 * MIB, 100, 0)}, 400),
    ],
)
def test_memory_is_what_is_free_within_the_tightest_limit(tmp_path, files, available):
    root = tree(tmp_path, FREE | files)
    assert available_memory_mib(root / "cgroup", root / "proc") == available


def test_memory_that_is_left_is_not_guessed(tmp_path):
    with pytest.raises(InvalidError, match="MemAvailable"):
        available_memory_mib(tmp_path, tree(tmp_path, {"proc/meminfo": "MemTotal: 5 kB"}) / "proc")
    assert 0 < available_memory_mib() < os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / MIB


def test_cost_of_a_million():
    assert cost_per_million(1000.0, 3.6) == pytest.approx(1.0)
    assert cost_per_million(1000.0, None) is None
    for throughput, price in ((0.0, 1.0), (float("nan"), 1.0), (1.0, -1.0), (1.0, float("inf"))):
        with pytest.raises(ValueError, match="must be"):
            cost_per_million(throughput, price)
