"""Process sets: rounds, random order, and variants that fail alone."""

from __future__ import annotations

import itertools
import os
from dataclasses import replace

import numpy as np
import psutil
import pytest
from measure_models import scripted

from xbench.analysis.ratios import log_ratios
from xbench.errors import InputError, InvalidError
from xbench.measure.exchange import read_arrays, write_arrays, write_inputs
from xbench.measure.inspection import check_placement
from xbench.measure.interleave import measure_set
from xbench.measure.plan import Entry, MeasurePlan
from xbench.measure.timing import time_calls
from xbench.measure.worker import Worker
from xbench.records.measurement import Placement
from xbench.records.profile import PlacementRule

LABELS = ("base", "base (A/A)", "pruned")


def planned(folder, scripts, seed=3):
    write_inputs(folder / "inputs.npz", [{"x": np.ones(2, np.float32)}])
    plan = MeasurePlan(
        scripted(scripts),
        folder / "inputs.npz",
        budget_seconds=1,
        time_limit=5,
        seed=seed,
        planned_sets=1,
        min_rounds=8,
        max_rounds=8,
    )
    return [Entry(label, label, folder / "any.onnx") for label in LABELS], plan


def order_of(one):
    """For each round, the labels in the order in which they had their block."""
    placed = sorted((b.round, b.position, run.label) for run in one.runs for b in run.blocks)
    return [[label for _, _, label in group] for _, group in itertools.groupby(placed, lambda item: item[0])]


def test_every_round_has_a_block_of_each_in_an_order_that_the_seed_decides(tmp_path):
    entries, plan = planned(tmp_path, {})
    first, again = (order_of(measure_set(entries, plan, 0, lambda _: None)) for _ in range(2))
    assert len(first) == 8
    assert all(sorted(one) == sorted(LABELS) for one in first)
    assert len({tuple(one) for one in first}) > 1
    assert first == again
    assert order_of(measure_set(entries, plan, 1, lambda _: None)) != first


@pytest.mark.parametrize("kind", ["die", "hang", "refuse"])
def test_a_variant_that_fails_is_left_out_and_the_others_go_on(tmp_path, kind):
    entries, plan = planned(tmp_path, {"pruned": {"fault": {"kind": kind, "at_call": 900}}})
    # The fault comes after warm-up (at most 202 calls of 1 ms) and before the last block (call 1060 at least).
    quick = MeasurePlan(
        **{f: getattr(plan, f) for f in plan.__slots__}
        | {"time_limit": 1.0, "warmup_seconds": 0.1, "block_seconds": 0.12}
    )
    one = measure_set(entries, quick, 0, lambda _: None)
    assert list(one.failures) == ["pruned"]
    assert [run.label for run in one.runs] == ["base", "base (A/A)"]
    assert all(len(run.blocks) == 8 for run in one.runs)
    assert not [c for c in psutil.Process(os.getpid()).children() if "xbench.measure.worker" in c.cmdline()]


def test_variants_that_do_not_fit_together_are_visited_forward_and_back_one_process_at_a_time(tmp_path):
    entries, plan = planned(tmp_path, {"pruned": {"latency_us": 500}})
    seen = []
    one = measure_set(
        entries,
        replace(plan, resident=False),
        0,
        lambda _: seen.append([c for c in psutil.Process().children() if "xbench.measure.worker" in c.cmdline()]),
    )
    assert seen == [[]] * 6, "two visits of each, and no process lives between them"
    visits = {run.label: [run.blocks[0].position, run.blocks[10].position] for run in one.runs}
    assert sorted(visits) == list(LABELS)
    assert sorted(first for first, _ in visits.values()) == [0, 1, 2]
    assert all(first + second == 2 for first, second in visits.values()), "ABC, then CBA"
    for run in one.runs:
        assert [block.round for block in run.blocks] == list(range(20))
    ratios = log_ratios([one], "base", "pruned")[0]
    assert np.exp(np.median(ratios)) == pytest.approx(2, rel=0.05)


def test_a_variant_that_dies_on_its_second_visit_has_failed(tmp_path):
    entries, plan = planned(tmp_path, {"pruned": {"fault": {"kind": "die", "at_call": 10}}})
    one = measure_set(entries, replace(plan, resident=False), 0, lambda _: None)
    assert list(one.failures) == ["pruned"]
    assert [run.label for run in one.runs] == ["base", "base (A/A)"]


def test_times_are_those_of_the_clock_and_inputs_take_turns():
    now, seen = [0], []

    def call(name, ns):
        def timed():
            seen.append(name)
            now[0] += ns

        return timed

    def clock():
        now[0] += 1  # reading it costs a nanosecond
        return now[0]

    samples, _ = time_calls([call("a", 100), call("b", 200), call("c", 300)], 7, clock)
    assert seen == list("abcabca")
    assert samples.tolist() == [101, 201, 301, 101, 201, 301, 101]
    assert samples.dtype == np.int64
    assert time_calls([call("a", 1)], 0, clock)[0].shape == (0,)


def test_blocks_of_one_call_still_try_all_inputs(tmp_path):
    worker = Worker(str(tmp_path / "any.onnx"), "m", scripted({}))
    seen = []
    worker.calls = [lambda i=i: seen.append(i) for i in range(4)]
    for number in range(6):
        worker.block(1, first=number, calls_per_query=1)
    assert seen == [0, 1, 2, 3, 0, 1]


@pytest.mark.parametrize(
    "dtype",
    [
        "bool",
        "int8",
        "uint64",
        "float16",
        "float64",
        "complex64",
        "bfloat16",
        "float8_e4m3fn",
        "float8_e5m2",
        "int4",
        "<U5",
    ],
)
def test_arrays_keep_name_dtype_shape_and_bits_on_their_way(tmp_path, dtype):
    import ml_dtypes

    kind = np.dtype(getattr(ml_dtypes, dtype, dtype))
    arrays = {
        "0/a/b": np.array([[1, 0, 1], [0, 1, 1]]).astype(kind),
        "1/ü names": np.asarray(1).astype(kind),
        "2/empty": np.zeros((0, 3), kind),
        "3/turned": np.array([[1, 0, 1], [0, 1, 1]]).astype(kind).T,
    }
    write_arrays(tmp_path / "a.npz", arrays)
    back = read_arrays(tmp_path / "a.npz")
    assert list(back) == list(arrays)
    for name, array in arrays.items():
        assert (back[name].dtype, back[name].shape) == (array.dtype, array.shape)
        assert back[name].tobytes() == array.tobytes()


def test_placement_is_judged_by_time_and_told_in_shares():
    profile = scripted({}, placement=PlacementRule(provider="GPU", min_time_share=0.95))
    placement = Placement(asked="GPU", providers=("GPU", "CPU"), nodes={"GPU": 1, "CPU": 99})
    shares = check_placement(placement, {"GPU": 960, "CPU": 40}, profile).time_share
    assert shares == {"GPU": 0.96, "CPU": 0.04}
    with pytest.raises(
        InvalidError, match=r"GPU spent 94% of the kernel time, and sim asks for 95%\nthe rest: CPU 6%"
    ):
        check_placement(placement, {"GPU": 940, "CPU": 60}, profile)
    with pytest.raises(InvalidError, match="GPU spent 0%"):
        check_placement(placement, {"CPU": 1000}, profile)
    with pytest.raises(InvalidError, match="nothing was profiled"):
        check_placement(placement, {}, profile)
    whole = placement.model_copy(update={"nodes": {"GPU": 3}})
    assert check_placement(whole, {"GPU": 0}, profile).time_share == {}
    # Without a rule, the runner's own provider must have the default share; a rule cannot name another one.
    with pytest.raises(InvalidError, match="GPU spent 0%"):
        check_placement(placement, {"CPU": 1}, scripted({}))
    other = scripted({}, placement=PlacementRule(provider="CPU"))
    with pytest.raises(InputError, match="its runner 'fake' runs on GPU"):
        check_placement(placement, {"CPU": 1}, other)
