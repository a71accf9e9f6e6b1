"""What a machine says of itself: an ARM CPU by its codes, GPUs by a stand-in of NVIDIA's library."""

from __future__ import annotations

import platform

import pytest
from stand_ins import nvml_builder

from xbench.errors import UnavailableError
from xbench.machine import described
from xbench.machine.described import this_machine
from xbench.machine.gpu import Gpu, load_nvml
from xbench.machine.gpus import GpuDescription, find_gpus

H100 = GpuDescription("NVIDIA H100 80GB HBM3", "9.0", 81559)
SLICED = GpuDescription("NVIDIA A100-SXM4-80GB", "8.0", 81920, partitioned=True)

# Written after the NVML API Reference Guide, not after xbench. Card 1 is in MIG mode, card 0 knows none.
NVML = """
#include <stdio.h>
typedef int nvmlReturn_t;
typedef struct nvmlDevice_st *nvmlDevice_t;
typedef struct { unsigned long long total, free, used; } nvmlMemory_t;
#define CARD(n) ((nvmlDevice_t)(0x7f00deadbeef0000ULL + (n)))
#ifndef CARDS
#define CARDS 2
#endif
nvmlReturn_t nvmlInit_v2(void) { return 0; }
const char *nvmlErrorString(nvmlReturn_t code) { return code == 3 ? "Not Supported" : "Unknown Error"; }
nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count) { *count = CARDS; return 0; }
nvmlReturn_t nvmlSystemGetDriverVersion(char *version, unsigned int length) {
    snprintf(version, length, "580.65.06"); return 0;
}
nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t *device) {
    *device = CARD(index); return 0;
}
nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char *name, unsigned int length) {
    snprintf(name, length, device == CARD(0) ? "NVIDIA H100 80GB HBM3" : "NVIDIA A100-SXM4-80GB"); return 0;
}
#ifndef OLD_DRIVER
nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int *major, int *minor) {
    *major = device == CARD(0) ? 9 : 8; *minor = 0; return 0;
}
#endif
nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t device, nvmlMemory_t *memory) {
    memory->total = (device == CARD(0) ? 81559ULL : 81920ULL) << 20; memory->free = 5; return 0;
}
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int *current, unsigned int *pending) {
    if (device == CARD(0)) return 3;
    *current = 1; *pending = 0; return 0;
}
"""


@pytest.fixture(scope="module")
def nvml(tmp_path_factory):
    """Builds the stand-in of NVIDIA's library."""
    return nvml_builder(tmp_path_factory.mktemp("nvml"), NVML)


def test_gpus_are_those_that_cuda_can_see(nvml):
    library = nvml()
    found = find_gpus({}, library)
    assert (found.cards, found.driver, found.reason) == ((H100, SLICED), "580.65.06", "")
    in_bus_order = {"CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    for visible, cards in (("1", (SLICED,)), ("1,0", (SLICED, H100)), ("", ()), ("-1", ()), ("7", ())):
        found = find_gpus(in_bus_order | {"CUDA_VISIBLE_DEVICES": visible}, library)
        assert found.cards == cards
        assert bool(found.reason) == (not cards)
    for unclear in ("1", "GPU-8932f937"):
        assert find_gpus({"CUDA_VISIBLE_DEVICES": unclear}, library).cards == (H100, SLICED), (
            "any of them may be meant"
        )


def test_no_gpu_has_a_reason(nvml):
    found = find_gpus({}, "libno-such-driver.so.1")
    assert (found.cards, found.driver, found.reason) == ((), "", "NVIDIA's driver is not here")
    assert find_gpus({}, nvml("-DCARDS=0")).reason == "NVIDIA's driver tells of no GPU"
    old = nvml("-DOLD_DRIVER")
    assert "no such function" in find_gpus({}, old).reason
    with pytest.raises(UnavailableError, match="no such function"):
        Gpu(load_nvml(old), 0).compute_capability()


def test_an_arm_cpu_is_named_by_its_implementer(monkeypatch):
    monkeypatch.setattr(described, "cpu_info", lambda: {"CPU implementer": "0x41", "CPU part": "0xd40"})
    assert (this_machine().cpu_vendor, this_machine().cpu_model) == ("ARM", "0xd40")
    monkeypatch.setattr(described, "cpu_info", lambda: {"CPU implementer": "0x99"})
    assert this_machine().cpu_vendor == "0x99"


def test_this_machine(monkeypatch):
    here = this_machine(["numpy", "no-such-package"])
    assert (here.architecture, here.system) == (platform.machine(), platform.system().lower())
    assert set(here.packages) == {"numpy"}
    versions = {"onnxruntime-gpu": "1.31.1"}
    monkeypatch.setattr(described, "installed", lambda names: {n: versions[n] for n in names if n in versions})
    assert this_machine(["onnxruntime"]).packages == {"onnxruntime": "1.31.1"}, "another build of the same"
