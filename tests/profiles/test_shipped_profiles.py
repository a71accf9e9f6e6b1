"""The profiles that come with xbench: that the list is whole, and that each says nothing that cannot be."""

from __future__ import annotations

import re

import pytest

from xbench.machine.described import Machine
from xbench.machine.gpus import GpuDescription
from xbench.plugins import RUNNERS, runner_class
from xbench.profiles.finding import shipped_profiles
from xbench.profiles.matching import machine_differences

SHIPPED = shipped_profiles()
SETUPS = {
    "cuda-fp32",
    "cuda-tf32",
    "cuda-fp16",
    "cuda-int8",
    "cuda-fp32-bound",
    "cuda-tf32-bound",
    "cuda-fp16-bound",
    "cuda-fp16-graph",
    *(f"tensorrt-{precision}" for precision in ("fp32", "tf32", "fp16", "int8")),
    *(f"tensorrt-{precision}-sparse" for precision in ("tf32", "fp16", "int8")),
}
NOT_TURING = {name for name in SETUPS if "tf32" in name or "sparse" in name}
GPUS = {
    "t4": "Tesla T4",
    "a10": "NVIDIA A10",
    "l4": "NVIDIA L4",
    "a100-40gb": "NVIDIA A100-SXM4-40GB",
    "a100-80gb": "NVIDIA A100-SXM4-80GB",
    "a100-80gb-pcie": "NVIDIA A100 80GB PCIe",
    "h100": "NVIDIA H100 80GB HBM3",
    "h100-pcie": "NVIDIA H100 PCIe",
    "h200": "NVIDIA H200",
}
"""Machines, each with the name by which NVIDIA's driver calls its GPU."""
OTHERS = {
    "cpu",
    "cpu-1thread",
    "cpu-int8",
    "tensorrt-fp32-sparse",
    "tensorrt-fp16-bound",
    "tensorrt-fp16-sparse-bound",
    *(f"x86-{cpu}-{setup}" for cpu in ("avx2", "avx512-vnni", "amx") for setup in ("cpu-fp32", "cpu-int8")),
    "x86-amx-openvino-native-bf16",
    "arm64-cpu-fp32",
    "arm64-cpu-int8",
    *(f"jetson-orin-{name}" for name in SETUPS if name.startswith("tensorrt")),
    *(f"openvino{way}-{kind}" for way in ("", "-native") for kind in ("f32", "bf16", "int8")),
    "openvino-native-int8-sparse",
    "torch-eager",
    "torch-compiled",
    "coreml",
    "directml",
    "qnn",
    "xnnpack",
    "migraphx",
    "webgpu",
}
# Runners of ONNX Runtime, in which nodes may fall to another provider.
PLACED = {"cpu", "cuda", "tensorrt", "openvino", "ort"}


def test_the_list_is_whole():
    products = {f"{machine}-{setup}" for machine in GPUS for setup in SETUPS}
    products -= {f"t4-{setup}" for setup in NOT_TURING}
    assert SETUPS | OTHERS | products <= set(SHIPPED)
    assert {p.name for p in SHIPPED.values() if p.auto} == {"cpu", "cuda-fp32", "tensorrt-tf32"}


def test_a_t4_is_asked_for_nothing_that_it_cannot_do():
    names = [name for name in SHIPPED if name.startswith("t4-")]
    assert {name.removeprefix("t4-") for name in names} == SETUPS - NOT_TURING
    for name in names:
        profile = SHIPPED[name]
        assert profile.precision not in ("tf32", "bf16")
        assert not profile.options.get("trt_sparsity_enable")
        assert not profile.facts.sparsity
        assert not profile.facts.sparse_peak_tops


def test_each_profile_says_what_it_is():
    for name, profile in SHIPPED.items():
        assert profile.runner in RUNNERS, name
        assert profile.evidence.strip(), name
        assert profile.precision in profile.title, f"{name}: the precision is named where people look"
        assert (profile.placement is not None) == (profile.runner in PLACED), name
        assert bool(profile.cost_source) == (profile.cost_per_hour is not None), name
        assert "sparse" in profile.title or not profile.options.get("trt_sparsity_enable"), name


def test_nothing_but_the_cpu_is_said_to_have_run():
    ran = {name for name, profile in SHIPPED.items() if profile.evidence != "never run"}
    assert "cpu" in ran
    assert not {name for name in ran if SHIPPED[name].requires.gpus or SHIPPED[name].facts.peak_tops}


@pytest.mark.parametrize("runner", sorted({profile.runner for profile in SHIPPED.values()}))
def test_runners_take_the_options_and_the_precision(runner):
    """`check_options` raises for an option that the runner does not know, and for another precision than its own."""
    for profile in (one for one in SHIPPED.values() if one.runner == runner):
        runner_class(runner).check_options(profile)


def test_figures_are_dense_and_in_their_units():
    for name, profile in SHIPPED.items():
        facts = profile.facts
        peak, sparse = facts.peak_tops, facts.sparse_peak_tops
        order = [peak[kind].value for kind in ("fp32", "tf32", "fp16", "int8") if kind in peak]
        assert order == sorted(order), f"{name}: narrower is not slower"
        for kind, fact in sparse.items():
            assert fact.value == pytest.approx(2 * peak[kind].value, rel=0.002), f"{name}: half of the products"
        assert "fp32" not in sparse, name
        assert facts.sparsity or not sparse, name
        assert all(1 <= fact.value <= 100 for kind, fact in peak.items() if kind == "fp32"), f"{name}: 10^12/s"
        assert facts.memory_gb_per_s is None or 100 <= facts.memory_gb_per_s.value <= 10_000, name
        assert facts.cache_mib is None or 1 <= facts.cache_mib.value <= 512, name


def test_each_gpu_has_its_figures_with_their_sources():
    for machine in (*GPUS, "jetson-orin"):
        facts = SHIPPED[f"{machine}-tensorrt-fp16"].facts
        told = [*facts.peak_tops.values(), *facts.sparse_peak_tops.values(), facts.memory_gb_per_s, facts.cores]
        assert facts.peak_tops, machine
        for fact in filter(None, told):
            assert re.search(r"20\d\d", fact.source), f"{machine}: {fact.source} has no date"


@pytest.mark.parametrize("card", GPUS)
def test_each_gpu_is_found_by_its_drivers_name_and_taken_for_no_other(card):
    capability = SHIPPED[f"{card}-cuda-fp32"].requires.compute_capability
    here = Machine(
        architecture="x86_64",
        system="linux",
        gpus=(GpuDescription(name=GPUS[card], compute_capability=capability, memory_mib=1),),
        driver="580.65.06",
    )
    found = [other for other in GPUS if not machine_differences(SHIPPED[f"{other}-cuda-fp32"], here)]
    assert found == [card]
