"""Series of times that fool a figure: small differences, two modes, outliers, no steady state, times by value."""

from __future__ import annotations

import numpy as np
import pytest
from planted_kit import halted, scripted, travelled
from road.road_kit import write_suite
from scipy import stats

from xbench.analysis.comparing import analyse
from xbench.analysis.pairing import Pairing
from xbench.errors import InvalidError
from xbench.records.measurement import Block, MemoryUse, Placement, ProcessSet, Run
from xbench.records.run_record import GroupState

CALM = {"noise": 0.01, "process_noise": 0.001}
NOISY = {"noise": 0.02, "process_noise": 0.01}
MACHINE = "The machine meanwhile: sim, default"


def test_twice_as_fast_is_found_as_that(planted):
    scripts = {"dense": {"latency_us": 1000, **NOISY}, "half": {"latency_us": 500, **NOISY}}
    found = planted(scripts, gate={"min_speedup": 1.5})
    half = found.comparison("half")
    assert half.verdict == "faster"
    assert half.speedup.low < 2.0 < half.speedup.high
    assert (found.record.outcome, found.record.exit_code) == ("pass", 0)


def test_two_per_cent_slower_is_found(planted):
    scripts = {"dense": {"latency_us": 1000, **CALM}, "worse": {"latency_us": 1020, **CALM}}
    found = planted(scripts, gate={"min_speedup": 1.0})
    worse = found.comparison("worse")
    assert worse.verdict == "slower"
    assert worse.speedup.low <= 1 / 1.02 <= worse.speedup.high
    assert "below 1 by more than the noise floor" in worse.reasons[0]
    assert (found.record.outcome, found.record.exit_code) == ("fail", 1)


@pytest.mark.parametrize("seed", range(10))
def test_a_copy_is_never_called_faster_or_slower(planted, seed):
    scripts = {"dense": {"latency_us": 1000, **NOISY}, "copy": {"latency_us": 1000, **NOISY}}
    assert planted(scripts, seed=seed).comparison("copy").verdict in ("same", "inconclusive")


def a_set(number, latencies_ns):
    """A process set in which every call of a label takes the same time, but for a little noise of each block."""
    generator = np.random.default_rng(number)
    runs = []
    for label, latency in latencies_ns.items():
        blocks = [
            Block(i, 0, np.full(20, latency * (1 + 0.001 * generator.standard_normal())).astype(np.int64), 1)
            for i in range(8)
        ]
        memory = MemoryUse(before_model_mib=0, load_peak_mib=0, run_peak_mib=0)
        placement = Placement(asked="", providers=(), nodes={})
        runs.append(Run(label, number, 1, 1, np.zeros(1, np.int64), tuple(blocks), memory, placement))
    return ProcessSet(number, tuple(runs), {}, 1.0, None, 0.0)


@pytest.mark.parametrize(("copy", "verdict"), [(1_000_000, "faster"), (1_040_000, "inconclusive")])
def test_what_the_baseline_does_to_its_own_copy_is_no_speedup(copy, verdict):
    """A candidate 3 % faster says nothing on a machine where the baseline itself differs from its copy by 4 %."""
    group = GroupState(hardware="h", workload="w", batch=1, inputs=(), inputs_sha256="")
    sets = [a_set(i, {"dense": 1_000_000, "dense (A/A)": copy, "pruned": 970_000}) for i in range(6)]
    alone = Pairing("dense", (("dense", "pruned"),), {"fp32": "dense"}, dict.fromkeys(("dense", "pruned"), "fp32"))
    result = analyse(group, sets, alone, margin=0.02, seed=0)
    assert result.comparisons[0].verdict == verdict
    assert result.comparisons[0].speedup.low > 1.02


@pytest.mark.parametrize("flips", [25, 1_000_000], ids=["in turns", "by process"])
def test_two_modes_are_told_and_are_no_difference(planted, flips):
    """Whether each process goes back and forth, or stays in the mode that it began in."""
    scripts = {name: {**CALM, "rhythm": {"flips": flips, "flip_factor": 1.5}} for name in ("dense", "copy")}
    found = planted(scripts)
    assert found.comparison("copy").verdict in ("same", "inconclusive")
    for variant in scripts:
        assert "two modes: 1.01 ms and 1.51 ms" in found.summary(variant).shape_note
        assert "two modes: 1.01 ms and 1.51 ms" in found.row(MACHINE, variant)["remark"]


def test_a_mode_of_the_process_would_fool_a_plain_test(planted):
    """Welch's t on the calls of two equal models, one process each: what a loop that starts each once concludes."""
    scripts = {name: {**CALM, "rhythm": {"flips": 1_000_000}} for name in ("dense", "copy")}
    found = planted(scripts)
    each_set = [slice(number, number + 1) for number in range(len(found.sets))]
    plain = [stats.ttest_ind(found.samples("dense", one), found.samples("copy", one)).pvalue for one in each_set]
    assert min(plain) < 1e-9
    assert found.comparison("copy").verdict in ("same", "inconclusive")


def test_a_candidate_that_goes_on_getting_faster_is_not_decided_upon(planted):
    """Its figure would be whatever the run happened to be long enough for."""
    scripts = {"dense": CALM, "falling": {"latency_us": 900, **CALM, "rhythm": {"trend": -0.0002}}}
    found = planted(scripts, gate={"min_speedup": 1.0})
    falling = found.comparison("falling")
    assert falling.verdict == "inconclusive"
    assert falling.speedup.low > 1 + falling.noise_floor, "the interval alone would say faster"
    assert (found.record.outcome, found.record.exit_code) == ("inconclusive", 3)
    told = found.sentence("falling")
    assert "the speedup rises by" in told
    assert "one of the two never reached a steady state" in told
    assert "falling did not reach a steady state in" in told
    assert "the calls still get faster" in told
    assert "never steady in" in found.row(MACHINE, "falling")["warm-up calls"]


def test_a_pair_that_never_warms_up_is_compared_with_a_caution(planted):
    """What both do alike is no difference between them: but it must be told."""
    found = planted({name: {**CALM, "rhythm": {"trend": -0.0002}} for name in ("dense", "copy")})
    assert found.comparison("copy").verdict in ("same", "inconclusive")
    told = found.sentence("copy")
    assert "dense did not reach a steady state" in told
    assert "copy did not reach a steady state" in told


def test_an_outlier_of_a_hundred_times_moves_no_verdict(planted):
    scripts = {
        "dense": {"latency_us": 1000, **CALM},
        "half": {"latency_us": 500, **CALM, "rhythm": {"outlier_every": 37}},
        "copy": {"latency_us": 1000, **CALM, "rhythm": {"outlier_every": 41}},
    }
    found = planted(scripts)
    half = found.comparison("half")
    assert half.verdict == "faster"
    assert half.speedup.low <= 2.0 <= half.speedup.high
    assert half.speedup.relative_half_width < 0.01
    assert found.comparison("copy").verdict == "same"
    assert found.summary("half").latency_p50_ms == pytest.approx(0.5, rel=0.02)
    plain = found.samples("dense").mean() / found.samples("half").mean()
    assert plain < 1, "by the mean of all calls it is slower"
    assert found.samples("half").max() > 45e6, "and the outliers are in the record"


@pytest.mark.parametrize("slower", [1, 100], ids=["many calls a block", "fewer calls than inputs"])
def test_a_time_that_depends_on_the_values_meets_the_same_values_everywhere(planted, slower):
    """Without noise, each call of the candidate takes half of what the baseline's takes in the same place."""
    by_value = {"noise": 0.0, "rhythm": {"per_value": 2.0}}
    scripts = {name: {"latency_us": us * slower, **by_value} for name, us in {"dense": 1000, "half": 500}.items()}
    found = planted(scripts)
    for one in found.sets:
        for dense, half in zip(one.run_of("dense").blocks, one.run_of("half").blocks, strict=True):
            fewest = min(len(dense.samples_ns), len(half.samples_ns))
            assert dense.round == half.round
            assert half.samples_ns[:fewest] * 2 == pytest.approx(dense.samples_ns[:fewest], abs=2)
    half = found.comparison("half")
    assert half.verdict == "faster"
    assert half.speedup.point == pytest.approx(2.0, rel=0.005)
    levels = np.unique(found.samples("dense"))
    assert len(levels) == found.group.input_sets == 4
    told = f"the time depends on what is fed: {levels[-1] / levels[0] - 1:.0%} between sets of inputs"
    for variant in scripts:
        assert found.summary(variant).shape_note == told, "and the inputs are not taken for modes"
        assert told in found.row(MACHINE, variant)["remark"]


def test_other_values_are_not_gone_on_with(tmp_path, monkeypatch):
    scripted(monkeypatch)
    suite = write_suite(tmp_path, {"dense": {}, "pruned": {}})
    halted(suite, monkeypatch)
    np.savez(tmp_path / "others.npz", x=np.ones((1, 4), np.float32))
    with pytest.raises(InvalidError, match="The inputs of default are not the ones that the run was begun with"):
        travelled(suite, resume=True, inputs=(tmp_path / "others.npz",))
