"""Timed gates against the version in production: of the same run, and of another one with an equal fingerprint."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from records_by_hand import device, variant
from scipy import stats
from timed_kit import MACHINE, numbered, planted, question, source_of

from xbench.analysis.estimating import speedup_of
from xbench.errors import StoreError
from xbench.gate.measured import find
from xbench.gate.question import Reference, Source
from xbench.gate.timed import timed_evidence
from xbench.records.load import Load

TRUTH = {"dense": 10.0, "pruned": 5.0, "live": 8.0}
OLD = "20250101T000000Z-old-1"
CALM = {"drift": 0.005, "process": 0.003, "noise": 0.02, "calls": 100}


def in_production(source, variant="live", *, of=None):
    reference = Reference(variant, of if of is not None else source, historical=of is not None)
    return replace(source, production={"cpu": reference})


def told(source, gate="min_speedup", **rule):
    return timed_evidence(source, question(source, gate, against="production", **rule))


@pytest.fixture
def here(tmp_path):
    peaks = [{"dense": 200.0, "pruned": 100.0 + n, "live": 150.0 + n % 2} for n in range(6)]
    return source_of(tmp_path, numbered(planted(np.random.default_rng(8), TRUTH, **CALM), peaks))


@pytest.fixture
def old(tmp_path):
    """Another run of the same dense model, on a machine that was a third slower then."""
    times = planted(np.random.default_rng(9), {"dense": 10.0, "live": 8.0}, sets=8, machine=1.33, **CALM)
    peaks = [{"dense": 200.0, "live": 150.0 + n % 2} for n in range(8)]
    return source_of(tmp_path, numbered(times, peaks), names=("dense", "live"), run=OLD)


def test_in_the_same_run_the_pair_is_taken_from_the_same_sets(here):
    one = told(in_production(here), confidence=0.99)
    pair = find(here, "pruned", "cpu", "w").pair("live", "pruned")
    assert one.estimate == speedup_of(pair, one.estimate.confidence)
    assert one.estimate.low < 1.6 < one.estimate.high
    assert (one.reference, one.historical, one.floor) == ("live", False, here.record.groups[0].noise_floor)
    assert one.samples[0].count == 6


def test_dense_in_production_is_dense(here):
    one = told(in_production(here, "dense"))
    assert one.estimate == here.record.groups[0].comparisons[0].speedup


def test_levels_against_production_in_the_same_run(here):
    latency = told(in_production(here), "max_latency_p99_ms")
    assert latency.estimate.low < 5 / 8 < latency.estimate.high
    assert latency.floor > 0
    memory = told(in_production(here), "max_memory_mib")
    logs = np.log([(100 + n) / (150 + n % 2) for n in range(6)])
    assert memory.estimate.high == pytest.approx(math.exp(stats.t.interval(0.95, 5, logs.mean(), stats.sem(logs))[1]))


def test_a_neighbour_that_hit_one_of_the_two_is_a_doubt(here, monkeypatch):
    monkeypatch.setattr("xbench.gate.timed_speed.scrutinise", lambda *_: type("S", (), {"doubts": ("hit",)}))
    assert told(in_production(here)).doubts == ("hit",)
    assert told(in_production(here, "dense")).doubts == ()


def test_another_run_goes_by_way_of_dense(here, old):
    one = told(in_production(here, of=old))
    ours = here.record.groups[0].comparisons[0]
    its = old.record.groups[0].comparisons[0]
    assert one.estimate.point == pytest.approx(ours.speedup.point / its.speedup.point)
    half = math.hypot(*(math.log(c.speedup.high / c.speedup.point) for c in (ours, its)))
    assert math.log(one.estimate.high / one.estimate.point) == pytest.approx(half)
    assert one.estimate.low < 1.6 < one.estimate.high
    assert one.floor == pytest.approx((1 + ours.noise_floor) * (1 + its.noise_floor) - 1)
    assert (one.reference, one.historical) == ("live", True)
    assert [(sample.run, sample.count) for sample in one.samples] == [("", 6), (OLD, 8)]


def test_at_the_confidence_of_tables_the_older_record_is_enough(here, old):
    alone = Source(old.record, old.suite)
    assert told(in_production(here, of=alone)).estimate == told(in_production(here, of=old)).estimate
    surer = told(in_production(here, of=alone), confidence=0.99)
    assert (surer.estimate, surer.missing) == (None, "invalid")
    assert surer.reason.startswith(f"in {OLD}: the raw samples")


def test_p99_and_memory_of_another_run(here, old):
    latency = told(in_production(here, of=old), "max_latency_p99_ms")
    assert latency.estimate.low < 5 / 8 < latency.estimate.high
    memory = told(in_production(here, of=old), "max_memory_mib")
    ours, its = (np.log([base + step for step in steps]) for base, steps in ((100, range(6)), (150, [0, 1] * 4)))
    half = math.hypot(*(stats.t.ppf(0.975, len(x) - 1) * stats.sem(x) for x in (ours, its)))
    assert memory.estimate.point == pytest.approx(math.exp(ours.mean() - its.mean()))
    assert math.log(memory.estimate.high / memory.estimate.point) == pytest.approx(half)
    assert (memory.highest, memory.historical) == (None, True)


def test_the_dense_model_of_another_run_is_the_one_measured_here(here, old):
    one = told(in_production(here, "dense", of=old))
    assert one.estimate == here.record.groups[0].comparisons[0].speedup
    assert one.historical


def test_doubts_and_gaps_of_the_other_run_are_told_as_its(here, old):
    first = old.record.groups[0].comparisons[0]

    def with_(**changes):
        group = old.record.groups[0].model_copy(update={"comparisons": (first.model_copy(update=changes),)})
        return replace(old, record=old.record.model_copy(update={"groups": (group,)}))

    assert told(in_production(here, of=with_(doubts=("a neighbour",)))).doubts == (f"in {OLD}: a neighbour",)
    few = told(in_production(here, of=with_(speedup=None, reasons=("2 sets",))))
    assert (few.missing, few.reason) == ("inconclusive", f"in {OLD}: 2 sets")
    lost = told(in_production(here, of=with_(verdict="invalid", reasons=("NaN",))))
    assert (lost.missing, lost.reason) == ("invalid", f"live, the version in production, in {OLD}: NaN")
    assert lost.historical


@pytest.mark.parametrize("gate", ["min_speedup", "max_latency_p99_ms", "max_memory_mib"])
@pytest.mark.parametrize(
    ("changes", "what"),
    [
        (
            {"fingerprint": MACHINE.model_copy(update={"kernel": "5", "libc": "musl"})},
            "kernel: '6' and '5'",
        ),
        (
            {"fingerprint": MACHINE.model_copy(update={"libraries": {"onnxruntime": "1.30"}})},
            "libraries.onnxruntime: '1.31.1' and '1.30'",
        ),
        ({"batch": 8}, "batch: 1 and 8"),
        ({"inputs_sha256": "9" * 64}, "inputs_sha256"),
        ({"load": Load(scenario="Offline")}, "load"),
        ({"schedule": "reloaded"}, "schedule: 'interleaved' and 'reloaded'"),
        (
            {
                "devices": (
                    device().model_copy(update={"profile": device().profile.model_copy(update={"threads": 7})}),
                )
            },
            "profile.threads: ",
        ),
        (
            {
                "variants": (
                    variant("dense", baseline=True).model_copy(
                        update={
                            "artifact": variant("dense").artifact.model_copy(
                                update={"sha256": "a" * 64, "graph_sha256": "b" * 64}
                            )
                        }
                    ),
                    variant("live"),
                )
            },
            "the dense model: sha256 000000000000 and aaaaaaaaaaaa",
        ),
    ],
)
def test_unlike_runs_are_not_set_against_each_other(tmp_path, here, gate, changes, what):
    times = planted(np.random.default_rng(9), {"dense": 10.0, "live": 8.0}, **CALM)
    other = source_of(tmp_path, numbered(times), names=("dense", "live"), run=OLD, **changes)
    one = told(in_production(here, of=other), gate)
    assert (one.estimate, one.missing, one.reference, one.historical) == (None, "invalid", "live", True)
    assert f"under other terms: {what}" in one.reason
    assert "put the version in production into the suite" in one.reason


def test_a_dense_model_that_was_exported_again_is_the_same_one(tmp_path, here):
    again = variant("dense").artifact.model_copy(update={"sha256": "a" * 64})
    states = (variant("dense", baseline=True).model_copy(update={"artifact": again}), variant("live"))
    times = planted(np.random.default_rng(9), {"dense": 10.0, "live": 8.0}, **CALM)
    other = source_of(tmp_path, numbered(times), names=("dense", "live"), run=OLD, variants=states)
    assert told(in_production(here, of=other)).estimate is not None


def test_samples_of_another_run_that_are_damaged_are_a_reason_and_no_error(here, old, monkeypatch):
    def broken(group):
        raise StoreError("samples/g00-set000.npz is cut off")

    monkeypatch.setattr(old.folder, "sets", broken)
    one = told(in_production(here, of=old))
    assert (one.estimate, one.missing) == (None, "invalid")
    assert "cut off" in one.reason


@pytest.mark.parametrize("gate", ["min_speedup", "max_latency_p99_ms", "max_memory_mib"])
def test_production_that_nobody_named_or_measured_is_invalid(here, gate):
    nobody = told(here, gate)
    assert (nobody.estimate, nobody.missing) == (None, "invalid")
    assert "under `production` of the policy" in nobody.reason
    gone = told(replace(here, production={"cpu": "the run is not here"}), gate)
    assert (gone.missing, gone.reason) == ("invalid", "the run is not here")
    unmeasured = told(in_production(here, "other"), gate)
    assert unmeasured.reason == "other, the version in production: it was not measured"
    alone = told(in_production(Source(here.record, here.suite)), gate)
    assert (alone.estimate, alone.missing) == (None, "invalid")
    assert "folder" in alone.reason


def test_both_ways_cover_and_a_straight_ratio_takes_the_machine_for_a_difference(tmp_path):
    """Nominal 95 %; the machine was 20 % slower in the older run, which is all that its bare medians show."""
    generator = np.random.default_rng(10)
    beside, apart, straight = [], [], []
    for _ in range(25):
        now = source_of(tmp_path, numbered(planted(generator, TRUTH, rounds=4)))
        times = planted(generator, {"dense": 10.0, "live": 8.0}, sets=4, rounds=4, machine=1.2)
        then = source_of(tmp_path, numbered(times), names=("dense", "live"), run=OLD)
        for found, reference in ((beside, in_production(now)), (apart, in_production(now, of=then))):
            one = told(reference).estimate
            found.append(one.low <= 1.6 <= one.high)
        medians = [find(s, name, "cpu", "w").runs for s, name in ((then, "live"), (now, "pruned"))]
        bare = [np.median(np.concatenate([b.samples_ns for run in runs for b in run.blocks])) for runs in medians]
        straight.append(bare[0] / bare[1] > 1.7)
    assert np.mean(beside) >= 0.88
    assert np.mean(apart) >= 0.88
    assert np.mean(straight) > 0.9
