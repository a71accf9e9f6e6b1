"""What a target can gain at best, against figures worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from inspect_kit import fact, layer, profile

from xbench.records.ceilings import Ceilings, MeasuredRate
from xbench.records.work import Ceiling
from xbench.worth.bounding import bound, ceiling_of, layer_seconds
from xbench.worth.exploiting import ALL, Left

CARD = Ceiling(peak_tops=100, memory_gb_per_s=1000, measured=False, source="by hand")
HALF = Left(macs=0.5, weights=0.5)
# 2e9 operations at 100 TOPS: 20 us; 1.5e6 elements of 2 bytes at 1000 GB/s: 3 us.
COMPUTING = layer(macs=1_000_000_000, activations=500_000)
# 2e6 operations: 0.02 us; 1.001e6 elements of 2 bytes: 2.002 us.
WAITING = layer(macs=1_000_000, activations=1_000)


def test_a_layer_takes_as_long_as_the_slower_of_computing_and_moving():
    assert layer_seconds(COMPUTING, ALL, CARD, 2) == pytest.approx(20e-6)
    assert layer_seconds(WAITING, ALL, CARD, 2) == pytest.approx(2.002e-6)
    assert layer_seconds(WAITING, HALF, CARD, 2) == pytest.approx(1.002e-6)
    assert layer_seconds(WAITING, ALL, CARD, 4) == pytest.approx(4.004e-6)


def test_the_bound_of_both_layers():
    found = bound([COMPUTING, WAITING], [HALF, HALF], CARD, "fp16")
    assert found.roofline_speedup == pytest.approx(22.002 / 11.002)
    assert found.macs_ratio == pytest.approx(2.0)
    assert found.speedup == max(found.roofline_speedup, found.macs_ratio)


def test_the_bound_of_one_layer_of_two_is_amdahls():
    found = bound([COMPUTING, WAITING], [HALF, ALL], CARD, "fp16")
    assert found.roofline_speedup == pytest.approx(22.002 / 12.002)
    assert found.macs_ratio == pytest.approx(1.001e9 / 0.501e9)


def test_nothing_saved_is_one_with_no_figure_of_the_target():
    assert bound([COMPUTING], [ALL], "the profile has no peak rate", "fp16").speedup == 1.0


def test_without_rates_only_the_work_is_compared():
    found = bound([COMPUTING], [HALF], "the profile has no peak rate", "fp16")
    assert (found.speedup, found.roofline_speedup, found.macs_ratio) == (None, None, 2.0)
    assert found.missing == "the profile has no peak rate"


def test_unknown_work_gives_no_figure():
    unknown = layer(macs=None, activations=None, missing="the shape of 'x' is not known")
    found = bound([COMPUTING, unknown], [HALF, ALL], CARD, "fp16")
    assert found.speedup is None
    assert found.macs_ratio is None
    assert "the shape of 'x'" in found.missing


shares = st.floats(min_value=0.05, max_value=1)


@given(st.lists(st.tuples(st.integers(1, 10**12), st.integers(0, 10**9), shares, shares), min_size=1, max_size=5))
def test_no_bound_is_below_one_or_above_the_best_layers(drawn):
    layers = [layer(macs=macs, activations=moved) for macs, moved, _, _ in drawn]
    left = [Left(macs, weights) for _, _, macs, weights in drawn]
    found = bound(layers, left, CARD, "fp16")
    best = max(1 / min(one.macs, one.weights) for one in left)
    assert found.speedup is not None
    assert found.speedup * (1 + 1e-9) >= 1
    assert found.speedup <= best * (1 + 1e-9)


def measured(**more):
    rate = {"spread": 0.0, "repeats": 5, "what": "by hand"}
    values = {
        "profile": "card",
        "runner": "tensorrt",
        "options": {},
        "precision": "fp16",
        "threads": "all",
        "fingerprint_sha256": "0" * 64,
        "measured_at": "2026-11-22T00:00:00+00:00",
        "xbench_version": "0",
        "memory_copy_gb_per_s": MeasuredRate(best=800, median=800, **rate),
        "matmul_tops": {"fp16": MeasuredRate(best=80, median=80, **rate)},
    }
    return Ceilings(**values | more)


def test_rates_that_were_measured_here_come_first():
    found = ceiling_of(profile(), measured())
    assert isinstance(found, Ceiling)
    assert (found.peak_tops, found.memory_gb_per_s, found.sparse_peak_tops, found.measured) == (80, 800, 160, True)


@pytest.mark.parametrize("lacking", [{"simulated": True}, {"matmul_tops": {}}, {"memory_copy_gb_per_s": None}])
def test_a_rate_that_was_measured_is_never_mixed_with_one_that_was_read(lacking):
    found = ceiling_of(profile(), measured(**lacking))
    assert isinstance(found, Ceiling)
    assert (found.peak_tops, found.memory_gb_per_s, found.measured) == (100, 1000, False)
    assert found.source == "by hand"


def test_a_missing_rate_is_named():
    one = profile(rates=False)
    assert ceiling_of(one, None) == "the profile has no peak rate in fp16 and no memory bandwidth"
    half = one.model_copy(update={"facts": one.facts.model_copy(update={"memory_gb_per_s": fact(5)})})
    assert ceiling_of(half, None) == "the profile has no peak rate in fp16"
