"""What is found for gates on what is timed, in runs whose truth is known, and in a kept one."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from records_by_hand import comparison, group, record, suite
from scipy import stats
from timed_kit import numbered, planted, question, source_of

from xbench.analysis.estimating import aa_label
from xbench.gate.question import Question, Source
from xbench.gate.timed import timed_evidence
from xbench.records.load import Load
from xbench.records.policy import GateRule
from xbench.stats.percentile_ratio import percentile_ratio
from xbench.stats.percentiles import percentile_interval, required_samples
from xbench.store.folder import RunFolder
from xbench.suite.model import Suite

KEPT = Path(__file__).resolve().parents[2] / "results" / "20261123T014442Z-minilm-e1ddf6"
TRUTH = {"dense": 10.0, "pruned": 5.0, "live": 8.0}


@pytest.fixture
def source(tmp_path):
    peaks = [{"dense": 200 + n, "pruned": 100 + 2 * n, "live": 150.0} for n in range(6)]
    times = planted(np.random.default_rng(3), TRUTH, calls=100, drift=0.005, process=0.003, noise=0.02)
    return source_of(tmp_path, numbered(times, peaks))


def found(source, gate, **rule):
    return timed_evidence(source, question(source, gate, **rule))


def calls_of(source, label):
    sets = source.sets(source.record.groups[0])
    return [np.concatenate([block.samples_ns for block in one.run_of(label).blocks]) / 1e6 for one in sets]


@pytest.mark.skipif(not KEPT.is_dir(), reason="the kept run is in the repository alone")
def test_at_the_confidence_of_tables_it_is_the_record_to_the_last_digit():
    folder = RunFolder(KEPT)
    kept = folder.load()
    asked = Suite.model_validate(kept.suite)
    whole, alone = Source(kept, asked, folder), Source(kept, asked)
    group = kept.groups[0]
    for one in group.comparisons[:2]:
        state = next(state for state in kept.variants if state.name == one.candidate)
        dense = Question(GateRule(gate="min_speedup", bound=1.0), state, group.hardware, group.workload)
        told = timed_evidence(alone, dense)
        assert (told.estimate, told.floor, told.reference) == (one.speedup, one.noise_floor, one.baseline)
        assert timed_evidence(whole, dense).estimate == one.speedup
        assert len(timed_evidence(whole, dense).samples[0].files) == group.sets
        assert told.samples == ()
    summary = next(case.summary for case in group.cases if case.variant == state.name)
    fixed = replace(dense, rule=GateRule(gate="min_speedup", bound=1.0, against="value", value=10.0))
    level = timed_evidence(whole, fixed).estimate
    assert (10 / level.point, 10 / level.high) == (
        pytest.approx(summary.latency_p50_ms, rel=1e-12),
        pytest.approx(summary.latency_p50_low_ms, rel=1e-12),
    )
    peak = timed_evidence(whole, replace(dense, rule=GateRule(gate="max_memory_mib", bound=1.0, against="value")))
    assert peak.highest == summary.peak_memory_mib


def test_another_confidence_is_students_interval_of_the_same_medians(source):
    """By scipy's t over the sets' medians, which here differ by more than their rounds."""
    one = found(source, "min_speedup", confidence=0.995)
    medians = [
        np.median(
            [
                math.log(np.median(b.samples_ns) / np.median(c.samples_ns))
                for b, c in zip(both.run_of("dense").blocks, both.run_of("pruned").blocks, strict=True)
            ]
        )
        for both in source.sets(source.record.groups[0])
    ]
    low, high = stats.t.interval(0.99, 4, np.mean(medians), stats.sem(medians))
    assert (math.log(one.estimate.low), math.log(one.estimate.high)) == (pytest.approx(low), pytest.approx(high))
    assert one.floor == source.record.groups[0].noise_floor
    assert one.estimate.confidence == pytest.approx(0.99)


@pytest.mark.parametrize("gate", ["min_speedup", "max_latency_p99_ms", "max_memory_mib"])
@pytest.mark.parametrize("against", ["value", "dense"])
def test_surer_is_wider_and_more_looks_are_surer(source, gate, against):
    rule = {"against": against, **({"value": 7.0} if (gate, against) == ("min_speedup", "value") else {})}
    made = [
        question(source, gate, looks=looks, confidence=at, **rule) for looks, at in ((1, 0.9), (1, 0.95), (2, 0.95))
    ]
    widths = [math.log(one.high / one.low) for one in (timed_evidence(source, q).estimate for q in made)]
    assert widths == sorted(widths)
    assert widths[0] < widths[2]


def test_more_than_the_record_knows_takes_the_folder(source):
    alone = Source(source.record, source.suite)
    assert found(alone, "min_speedup").estimate == found(source, "min_speedup").estimate
    for told in (
        found(alone, "min_speedup", confidence=0.99),
        found(alone, "min_speedup", against="value", value=5.0),
        found(alone, "max_latency_p99_ms", against="value"),
        found(alone, "max_latency_p99_ms"),
        found(alone, "max_memory_mib", against="value"),
        found(alone, "max_memory_mib"),
    ):
        assert (told.estimate, told.missing) == (None, "invalid")
        assert "folder" in told.reason


def test_a_fixed_median_over_the_candidates(source):
    one = found(source, "min_speedup", against="value", value=6.0)
    case = next(case for case in source.record.groups[0].cases if case.variant == "pruned")
    assert one.estimate.point == pytest.approx(6.0 / case.summary.latency_p50_ms)
    assert one.estimate.low == pytest.approx(6.0 / case.summary.latency_p50_high_ms)
    assert (one.floor, one.reference, one.historical) == (0.0, "", False)


def test_p99_is_that_of_the_table_and_its_ratio_has_a_floor_of_its_own(source):
    level = found(source, "max_latency_p99_ms", against="value")
    table = percentile_interval(calls_of(source, "pruned"), 0.99)
    assert level.estimate.point == pytest.approx(table.point)
    assert level.estimate.high == pytest.approx(table.high)
    ratio = found(source, "max_latency_p99_ms")
    dense, copy, pruned = (calls_of(source, name) for name in ("dense", aa_label("dense"), "pruned"))
    assert ratio.estimate.point == pytest.approx(
        np.quantile(pruned, 0.99, method="inverted_cdf") / np.quantile(dense, 0.99, method="inverted_cdf")
    )
    aa = percentile_ratio(dense, copy, 0.99)
    assert ratio.floor == pytest.approx(max(aa.high, 1 / aa.low) - 1)
    assert ratio.estimate.low < 0.5 < ratio.estimate.high


def test_p99_below_the_floor_says_what_it_needs(tmp_path):
    few = source_of(tmp_path, numbered(planted(np.random.default_rng(4), TRUTH)))
    needed = required_samples(0.99)
    for against, whose in (("value", ""), ("dense", "pruned: ")):
        told = found(few, "max_latency_p99_ms", against=against)
        assert (told.estimate, told.missing) == (None, "inconclusive")
        assert told.reason == f"{whose}p99 needs {needed} samples; there are {6 * 6 * 5}"
        assert "--budget" in told.advice


def test_p99_of_two_processes_and_of_one_slow_process_is_none(tmp_path):
    two = source_of(tmp_path, numbered(planted(np.random.default_rng(4), TRUTH, sets=2, calls=80)))
    assert "needs 3 processes; there are 2" in found(two, "max_latency_p99_ms", against="value").reason
    times = planted(np.random.default_rng(4), TRUTH, calls=80)
    times[0]["pruned"] = times[0]["pruned"] * 3
    slow = source_of(tmp_path, numbered(times))
    assert "come from too few processes" in found(slow, "max_latency_p99_ms").reason


def test_the_peak_is_the_mean_process_with_the_highest_beside_it(source):
    one = found(source, "max_memory_mib", against="value", bound=106.0)
    logs = np.log(100 + 2 * np.arange(6))
    low, high = stats.t.interval(0.95, 5, logs.mean(), stats.sem(logs))
    assert (one.estimate.point, one.estimate.low, one.estimate.high) == pytest.approx(
        tuple(np.exp([logs.mean(), low, high]))
    )
    assert one.estimate.point < 106 < one.highest == 110.0
    ratio = found(source, "max_memory_mib")
    logs = np.log((100 + 2 * np.arange(6)) / (200 + np.arange(6)))
    assert ratio.estimate.high == pytest.approx(math.exp(stats.t.interval(0.95, 5, logs.mean(), stats.sem(logs))[1]))
    assert ratio.highest is None


def test_equal_peaks_are_told_as_they_are(source):
    one = found(source, "max_memory_mib", against="value", variant="live").estimate
    assert (one.low, one.point, one.high) == (150.0, 150.0, 150.0)


def test_one_process_or_a_peak_of_nothing_decides_no_memory(tmp_path):
    times = planted(np.random.default_rng(5), TRUTH, sets=1)
    one = found(source_of(tmp_path, numbered(times)), "max_memory_mib", against="value")
    assert (one.missing, one.reason) == ("inconclusive", "processes of pruned measured: 1; an interval needs 2")
    times = planted(np.random.default_rng(5), TRUTH, sets=3)
    none = source_of(tmp_path, numbered(times, [{"pruned": 0.0}] * 3))
    for against in ("value", "dense"):
        told = found(none, "max_memory_mib", against=against)
        assert (told.estimate, told.missing) == (None, "invalid")


GATES = ["min_speedup", "max_latency_p99_ms", "max_memory_mib"]


@pytest.mark.parametrize("gate", GATES)
@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ((), "it was not measured"),
        ((group([]),), "it was not measured"),
        ((group([comparison(verdict="invalid", speedup=None, reasons=("NaN", "again"))]),), "NaN; again"),
        ((group([comparison(verdict="invalid", speedup=None, reasons=())]),), "the measurement is invalid"),
        ((group([comparison(verdict="untimed", speedup=None, reasons=("emulated",))]),), "emulated"),
    ],
)
def test_what_was_not_measured_is_invalid(gate, groups, reason):
    made = record(groups=groups)
    asked = Question(GateRule(gate=gate, bound=1.0, against="dense"), made.variants[1], "cpu", "w")
    told = timed_evidence(Source(made, suite()), asked)
    assert (told.estimate, told.missing, told.reason, told.reference) == (None, "invalid", reason, "dense")


@pytest.mark.parametrize(
    ("change", "missing", "reason"),
    [
        ({"speedup": None, "verdict": "inconclusive", "reasons": ("2 sets",)}, "inconclusive", "2 sets"),
        ({"speedup": None, "reasons": ()}, "inconclusive", "the speedup was not measured"),
        ({"noise_floor": None}, "inconclusive", "the noise floor is not known: the baseline's second copy was"),
        ({"speedup": (2, math.nan, 3)}, "invalid", "the interval nan to 3.0 is not one of a speedup"),
    ],
)
def test_a_speedup_that_is_none_has_its_reason(change, missing, reason):
    made = record(groups=(group([comparison(**change)]),))
    asked = Question(GateRule(gate="min_speedup", bound=1.0), made.variants[1], "cpu", "w")
    told = timed_evidence(Source(made, suite()), asked)
    assert (told.estimate, told.missing) == (None, missing)
    assert told.reason.startswith(reason)


def test_doubts_are_passed_on_and_the_first_comparison_is_asked():
    first = comparison("pruned@fp16", baseline="dense@fp16", doubts=("a neighbour",), speedup=(1.1, 1.0, 1.2))
    made = record(groups=(group([first, comparison("pruned@fp16")]),))
    state = made.variants[1].model_copy(update={"name": "pruned@fp16"})
    told = timed_evidence(Source(made, suite()), Question(GateRule(gate="min_speedup", bound=1.0), state, "cpu", "w"))
    assert (told.doubts, told.reference, told.estimate) == (("a neighbour",), "dense@fp16", first.speedup)


def test_ratios_of_latencies_mean_nothing_in_server(source):
    server = Load(scenario="Server", objective_ns=10**7)
    groups = (source.record.groups[0].model_copy(update={"load": server}),)
    other = replace(source, record=source.record.model_copy(update={"groups": groups}))
    for rule in ({"gate": "max_latency_p99_ms"}, {"gate": "min_speedup", "against": "value", "value": 5.0}):
        told = found(other, **rule)
        assert (told.estimate, told.missing) == (None, "invalid")
        assert "Server" in told.reason


def test_rates_of_server_are_those_of_the_sets_in_which_both_were_to_be_measured(source, monkeypatch):
    """Of which the last two here were looks at another variant alone. A process that failed has no rate: no figure."""
    rates = {"dense": [50, 51, 49, 50, 52, 48], "pruned": [80, 83, 79, 81]}
    monkeypatch.setattr(
        "xbench.analysis.serving._mid",
        lambda load, run, seed: None if run is None else float(rates[run.label][run.process_set]),
    )
    first = source.record.groups[0].model_copy(update={"load": Load(scenario="Server", objective_ns=10**7)})
    server = replace(source, record=source.record.model_copy(update={"groups": (first,)}))
    kept = source.sets(first)
    later = [replace(one, runs=tuple(r for r in one.runs if r.label != "pruned")) for one in kept[4:]]
    server.folder.sets = lambda group: [*kept[:4], *later]
    one = found(server, "min_speedup", confidence=0.99).estimate
    logs = np.log(np.array(rates["pruned"]) / rates["dense"][:4])
    assert math.log(one.low) == pytest.approx(stats.t.interval(0.98, 3, logs.mean(), stats.sem(logs))[0])
    failed = [replace(one, failures={"pruned": "died"}) for one in later]
    broken = replace(server)
    broken.folder.sets = lambda group: [*kept[:4], *failed]
    told = found(broken, "min_speedup", confidence=0.99)
    assert (told.estimate, told.missing) == (None, "inconclusive")
